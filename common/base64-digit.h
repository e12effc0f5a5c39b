/* SPDX-License-Identifier: Apache-2.0 */
/* One digit of base64, whose alphabets (RFC 4648, sections 4 and 5) differ in the last two. */
#pragma once

#include <stdint.h>

/* Its value, or -1. */
static inline int base64_digit(uint8_t c, char digit_62, char digit_63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (uint8_t)digit_62)
        return 62;
    return c == (uint8_t)digit_63 ? 63 : -1;
}
