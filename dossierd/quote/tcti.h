/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to a TPM over a descriptor that is open already. The TSS has modules for this that open
 * devices by themselves, as shared objects that are loaded while the program runs; neither is
 * possible where this program does its work. */
#pragma once

#include <tss2/tss2_tcti.h>

typedef struct Tcti {
    TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: the TSS sees only this */
    int fd;
    size_t received;
    uint8_t buffer[4096];
} Tcti;

/* Does not take over the descriptor. */
void tcti_init(Tcti *t, int fd);
