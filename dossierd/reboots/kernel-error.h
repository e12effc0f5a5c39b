/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says when it dies, or when something ends it: the lines of its log that tell why
 * a boot has no orderly end. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KERNEL_ERROR_LINE_MAX 400U
#define KERNEL_ERRORS_MAX 16U

typedef struct KernelError {
    const char *kind; /* static: "panic", "oops", "bug", "lockup", "hardware-error", "sysrq" */
    uint64_t usec;    /* of the log, 0 where it has no time */
    size_t size;
    char line[KERNEL_ERROR_LINE_MAX]; /* the first bytes of it, as they are */
} KernelError;

/* The first ones of a log: what comes after an oops is mostly its consequence. */
typedef struct KernelErrors {
    uint64_t all; /* with those that are not here */
    unsigned n;
    KernelError errors[KERNEL_ERRORS_MAX];
} KernelErrors;

/* line may have what the kernel's log puts before the text: "<4>[   12.345678] ". NULL for a line
 * of another kind. */
const char *kernel_error_kind(const char *line, size_t size);

void kernel_errors_add(KernelErrors *e, uint64_t usec, const char *line, size_t size);
/* All lines of a text. */
void kernel_errors_scan(KernelErrors *e, const char *text, size_t size);

/* How a record of a dying kernel begins, "Panic#1 Part2". */
typedef struct KernelDump {
    const char *reason; /* static: "panic", "oops", "emergency", "shutdown", "unknown" */
    uint64_t number;
    uint64_t part;
} KernelDump;

/* Returns -ENODATA when the text does not begin so. */
int kernel_dump_parse(const char *text, size_t size, KernelDump *ret);

/* The kind and the backend of a record, from the name of its file: "dmesg-efi_pstore-1700000000".
 */
typedef struct CrashName {
    const char *kind; /* static; "other" */
    size_t backend_offset, backend_size;
} CrashName;

void crash_name_parse(const char *name, CrashName *ret);
