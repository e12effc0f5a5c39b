/* SPDX-License-Identifier: Apache-2.0 */
/* What is different of entity attestation tokens (common/eat.h): for envelope-read.c. Each returns
 * what is wrong (static), or NULL. */
#pragma once

#include "envelope-read.h"

/* HEADER.CLAIMS.SIGNATURE, and at most blanks behind it. */
const char *token_split(const char *input, size_t size, Envelope *e);
const char *token_read_cwt(const char *input, size_t size, Envelope *e);
int token_payload(Envelope *e, void **ret_data, size_t *ret_size, const char **ret_reason);
