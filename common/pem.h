/* SPDX-License-Identifier: Apache-2.0 */
/* PEM (RFC 7468) from a bounded buffer, block by block. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "der.h"

typedef struct PemBlock {
    DerSpan label; /* "CERTIFICATE" */
    DerSpan text;  /* base64 and white space */
} PemBlock;

/* Takes the next block off the front of *input; what stands between blocks is skipped. Returns 1, 0
 * when there is none, -EBADMSG for a block that does not begin, does not end, or ends as another
 * one. */
int pem_next(DerSpan *input, PemBlock *ret);
bool pem_has_label(const PemBlock *block, const char *label);

/* Base64 (RFC 4648 section 4), white space allowed, nothing else. -EBADMSG. */
int pem_decode(DerSpan text, void **ret_data, size_t *ret_size);
