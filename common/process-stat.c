/* SPDX-License-Identifier: Apache-2.0 */
#include "process-stat.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Counted from 1, as proc_pid_stat(5) does; the name is the second. */
#define FIELD_TERMINAL 7U
#define FIELD_START 22U

static bool read_number(const char *text, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    return (*text == '-' || isdigit((unsigned char)*text)) && end != text && errno == 0 &&
           (*end == ' ' || *end == '\n' || *end == '\0');
}

int process_stat_parse(const char *text, ProcessStat *ret)
{
    /* "12 (name) S 1 ...": parentheses may be in the name too, so it ends at the last one. */
    const char *begin = strchr(text, '('), *end = strrchr(text, ')'), *p = end;
    int64_t number, start;
    uint32_t device = 0;
    size_t size;

    if (!begin || !end || end < begin || (size = (size_t)(end - begin - 1)) >= sizeof(ret->name))
        return -EBADMSG;
    for (unsigned field = 3; field <= FIELD_START; field++) {
        p = strchr(p + 1, ' ');
        if (!p)
            return -EBADMSG;
        if (field != FIELD_TERMINAL)
            continue;
        if (!read_number(p + 1, &number))
            return -EBADMSG;
        device = (uint32_t)number; /* printed with a sign */
    }
    if (!read_number(p + 1, &start) || start < 0)
        return -EBADMSG;
    *ret = (ProcessStat){
        .start = (uint64_t)start,
        .terminal = makedev(device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00))};
    memcpy(ret->name, begin + 1, size);
    return 0;
}
