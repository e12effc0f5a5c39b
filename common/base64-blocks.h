/* SPDX-License-Identifier: Apache-2.0 */
/* Long runs of base64: what base64.c encodes most of its input with. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Base64Alphabet {
    char digit_62, digit_63;
    bool padding;
} Base64Alphabet;

/* Each encodes as much of its input as it can take whole, from its begin, and returns how many
 * bytes those were: a multiple of three. Nothing beyond the size is read, nor beyond its digits
 * written. */
size_t base64_blocks_portable(const Base64Alphabet *a, const void *data, size_t size, char *out);
/* None at all where the processor cannot. */
size_t base64_blocks_ssse3(const Base64Alphabet *a, const void *data, size_t size, char *out);
