/* SPDX-License-Identifier: Apache-2.0 */
#include "json-cost.h"

#include <string.h>

/* Of json-c, with what malloc() adds, rounded up: an object begins with room for 16 members, a list
 * for 32 elements; both grow by doubling. */
#define OBJECT_COST 1024U
#define LIST_COST 512U
#define MEMBER_COST 192U /* the name besides its text, and twice its share of the table */
#define VALUE_COST 128U

/* Behind the string that begins here; the end when it does not end. */
static const char *skip_string(const char *p, const char *end)
{
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    return p < end ? p + 1 : end;
}

uint64_t json_cost(const void *text, size_t size)
{
    const char *p = text, *end = p + size;
    uint64_t cost = VALUE_COST + size;

    while (p < end) {
        switch (*p++) {
        case '"':
            p = skip_string(p, end);
            break;
        case '{':
            cost += OBJECT_COST;
            break;
        case '[':
            cost += LIST_COST;
            break;
        case ':':
            cost += MEMBER_COST;
            break;
        case ',':
            cost += VALUE_COST;
            break;
        default:
            break;
        }
    }
    return cost;
}
