/* SPDX-License-Identifier: Apache-2.0 */
#include "nonce.h"

#include <string.h>

#define HEX_DIGITS_MAX (2 * NONCE_BYTES_MAX)

/* 2^512 - 1 */
static const char largest[] =
    "134078079299425970995740249982058461274793658205923933777235614437217640300735469768018742981"
    "66903427690031858186486050853753882811946569946433649006084095";

bool nonce_is_valid(const char *nonce)
{
    size_t length = strlen(nonce);

    if (strncmp(nonce, "0x", 2) == 0)
        return length > 2 && length - 2 <= HEX_DIGITS_MAX &&
               strspn(nonce + 2, "0123456789abcdefABCDEF") == length - 2;
    if (length == 0 || strspn(nonce, "0123456789") != length)
        return false;
    return length < sizeof largest - 1 ||
           (length == sizeof largest - 1 && strcmp(nonce, largest) <= 0);
}

unsigned nonce_length(const char *nonce)
{
    size_t digits = strlen(nonce);

    if (strncmp(nonce, "0x", 2) == 0)
        return (unsigned)(digits - 2) / 2;
    return (unsigned)(digits * 41524 / 100000); /* log(10) / log(256) */
}
