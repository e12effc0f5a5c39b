/* SPDX-License-Identifier: Apache-2.0 */
/* The error that made the firmware or the hardware end the boot before, as ACPI hands it over
 * (BERT: a generic error status block, ACPI 18.3.2.7). */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct BootError {
    unsigned entries;
    const char *severity; /* "recoverable", "fatal", "corrected", "none" */
} BootError;

/* -ENODATA when the block is empty: there was no error. */
int boot_error_parse(const uint8_t *data, size_t size, BootError *ret);
