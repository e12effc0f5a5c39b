/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the kernel's integrity measurement list in its binary form (binary_runtime_measurements).
 *
 * The text form is not used: it has names of files as they are, so that one with a newline in it
 * can forge a line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define IMA_TEMPLATE_HASH_SIZE 20U
#define IMA_TEMPLATE_NAME_MAX 256U
#define IMA_TEMPLATE_DATA_MAX (1024U * 1024)

typedef struct ImaSpan {
    const uint8_t *data;
    size_t size;
} ImaSpan;

typedef struct ImaEvent {
    uint64_t number; /* from 1 */
    uint32_t pcr_index;
    uint8_t template_hash[IMA_TEMPLATE_HASH_SIZE]; /* SHA-1, all zero for a violation */
    bool is_violation;
    char template_name[IMA_TEMPLATE_NAME_MAX + 1];
    ImaSpan template_data;
    /* Of the templates ima, ima-ng, ima-sig, ima-modsig and ima-buf; is_known is false for
     * others. */
    bool is_known;
    char hash_algorithm[32];
    ImaSpan file_hash, file_name, signature;
} ImaEvent;

typedef struct ImaLog {
    FILE *file;
    uint64_t number;
    uint8_t *buffer; /* of the last event; released by ima_log_done() */
} ImaLog;

void ima_log_init(ImaLog *log, FILE *file);
void ima_log_done(ImaLog *log);

/* Returns 1, 0 at the end, -EBADMSG for what is no such list, or another negative errno. The spans
 * hold until the next call. */
int ima_log_next(ImaLog *log, ImaEvent *ret);
