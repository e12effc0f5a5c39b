/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's nonce: decimal digits, or 0x and hexadecimal digits, whose value has at most 64
 * bytes. It is repeated as it was given. */
#pragma once

#include <stdbool.h>

#define NONCE_RULE                                                                                 \
    "A nonce is decimal digits, or 0x and hexadecimal digits, with a value of at most 64 bytes"

bool nonce_is_valid(const char *nonce);

/* Bytes that a valid nonce of this many digits can hold any value of: what a guess has to get
 * right, whatever the digits are. */
#define NONCE_BYTES_MAX 64U
unsigned nonce_length(const char *nonce);
