/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-error.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"

typedef struct Beginning {
    const char *text, *kind;
} Beginning;

static const Beginning beginnings[] = {
    {"Kernel panic - ", "panic"},
    {"PANIC: ", "panic"},
    {"traps: PANIC", "panic"},
    {"Oops: ", "oops"},
    {"Internal error: ", "oops"},
    {"Unable to handle kernel ", "oops"},
    {"general protection fault", "oops"},
    {"double fault", "oops"},
    {"BUG: ", "bug"},
    {"kernel BUG at ", "bug"},
    {"watchdog: BUG: ", "lockup"},
    {"watchdog: Watchdog detected ", "lockup"},
    {"NMI watchdog: ", "lockup"},
    {"rcu: INFO: ", "lockup"},
    {"[Hardware Error]", "hardware-error"},
    {"mce: [Hardware Error]", "hardware-error"},
    {"{1}[Hardware Error]", "hardware-error"},
    {"sysrq: ", "sysrq"},
};

/* "<4>" and "[   12.345678]" or "[   12.345678][    T1]", as far as they are there. */
static size_t prefix_size(const char *line, size_t size)
{
    size_t n = 0, i;

    if (n < size && line[n] == '<') {
        for (i = n + 1; i < size && isdigit((unsigned char)line[i]); i++)
            ;
        if (i == size || line[i] != '>')
            return 0;
        n = i + 1;
    }
    while (n < size && line[n] == '[') {
        for (i = n + 1;
             i < size && (isdigit((unsigned char)line[i]) || (line[i] && strchr(" .CT", line[i])));
             i++)
            ;
        if (i == size || line[i] != ']')
            break;
        n = i + 1;
    }
    while (n < size && line[n] == ' ')
        n++;
    return n;
}

const char *kernel_error_kind(const char *line, size_t size)
{
    size_t n = prefix_size(line, size);

    line += n;
    size -= n;
    for (size_t i = 0; i < ELEMENTSOF(beginnings); i++) {
        size_t length = strlen(beginnings[i].text);

        if (size >= length && memcmp(line, beginnings[i].text, length) == 0)
            return beginnings[i].kind;
    }
    return NULL;
}

void kernel_errors_add(KernelErrors *e, uint64_t usec, const char *line, size_t size)
{
    const char *kind = kernel_error_kind(line, size);
    KernelError *error;

    if (!kind)
        return;
    e->all++;
    if (e->n == KERNEL_ERRORS_MAX)
        return;
    error = &e->errors[e->n++];
    error->kind = kind;
    error->usec = usec;
    error->size = size < sizeof error->line ? size : sizeof error->line;
    memcpy(error->line, line, error->size);
}

void kernel_errors_scan(KernelErrors *e, const char *text, size_t size)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;

        kernel_errors_add(e, 0, text, length);
        length += end ? 1 : 0;
        text += length;
        size -= length;
    }
}

static bool parse_number(const char **p, const char *end, uint64_t *ret)
{
    uint64_t value = 0;
    const char *start = *p;

    for (; *p < end && isdigit((unsigned char)**p); (*p)++) {
        if (*p - start == 18)
            return false;
        value = value * 10 + (uint64_t)(**p - '0');
    }
    *ret = value;
    return *p > start;
}

int kernel_dump_parse(const char *text, size_t size, KernelDump *ret)
{
    static const Beginning reasons[] = {
        {"Panic#", "panic"},       {"Oops#", "oops"},       {"Emergency#", "emergency"},
        {"Shutdown#", "shutdown"}, {"Unknown#", "unknown"},
    };
    static const char part[] = " Part";
    const char *end = text + size;

    for (size_t i = 0; i < ELEMENTSOF(reasons); i++) {
        size_t length = strlen(reasons[i].text);
        KernelDump dump = {.reason = reasons[i].kind};
        const char *p = text + length;

        if (size < length || memcmp(text, reasons[i].text, length) != 0)
            continue;
        if (!parse_number(&p, end, &dump.number) || (size_t)(end - p) < STRLEN(part) ||
            memcmp(p, part, STRLEN(part)) != 0)
            return -ENODATA;
        p += STRLEN(part);
        if (!parse_number(&p, end, &dump.part) || (p < end && *p != '\n'))
            return -ENODATA;
        *ret = dump;
        return 0;
    }
    return -ENODATA;
}

void crash_name_parse(const char *name, CrashName *ret)
{
    static const char *const kinds[] = {"dmesg", "mce",  "console",     "ftrace",
                                        "rtas",  "pmsg", "powerpc-opal"};
    CrashName parsed = {.kind = "other"};

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        size_t length = strlen(kinds[i]);
        const char *dash;

        if (strncmp(name, kinds[i], length) != 0)
            continue;
        if (name[length] == '-') {
            dash = strrchr(name + length + 1, '-');
            parsed.backend_offset = length + 1;
            parsed.backend_size = dash ? (size_t)(dash - name) - length - 1 : 0;
        } else if (name[length] && name[length] != '.')
            continue;
        parsed.kind = kinds[i];
        break;
    }
    *ret = parsed;
}
