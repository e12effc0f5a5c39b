/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's nonce: decimal digits, or 0x and hexadecimal digits, whose value has at most 64
 * bytes. It is repeated as it was given. */
#pragma once

#include <stdbool.h>

bool nonce_is_valid(const char *nonce);
