/* SPDX-License-Identifier: Apache-2.0 */
#include "label.h"

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define HOSTNAME_SIZE_MAX 253U
#define HOSTNAME_LABEL_MAX 63U

/* Not isalnum(): its answer depends on the locale. */
static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool label_is_valid(const char *s)
{
    size_t n = 0;

    if (!s || !is_alphanumeric(s[0]))
        return false;
    for (; s[n]; n++)
        if (n >= LABEL_MAX || !(is_alphanumeric(s[n]) || strchr("._-", s[n])))
            return false;
    return true;
}

bool hostname_is_valid(const char *s)
{
    size_t label = 0;

    if (!s || !s[0] || strlen(s) > HOSTNAME_SIZE_MAX)
        return false;
    for (; *s; s++) {
        if (*s == '.') {
            if (label == 0 || s[-1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!is_alphanumeric(*s) && *s != '_' && !(*s == '-' && label > 0))
            return false;
        if (++label > HOSTNAME_LABEL_MAX)
            return false;
    }
    return label > 0 && s[-1] != '-';
}
