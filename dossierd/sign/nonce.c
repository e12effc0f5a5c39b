/* SPDX-License-Identifier: Apache-2.0 */
#include "nonce.h"

#include <openssl/bn.h>
#include <string.h>

#define HEX_DIGITS_MAX (2 * NONCE_BYTES_MAX)
#define DECIMAL_DIGITS_MAX 155 /* of 2^512 - 1 */

bool nonce_is_valid(const char *nonce)
{
    BIGNUM *value = NULL;
    size_t length = strlen(nonce);
    bool valid;

    if (strncmp(nonce, "0x", 2) == 0)
        return length > 2 && length - 2 <= HEX_DIGITS_MAX &&
               strspn(nonce + 2, "0123456789abcdefABCDEF") == length - 2;
    if (length == 0 || length > DECIMAL_DIGITS_MAX || strspn(nonce, "0123456789") != length)
        return false;
    valid = BN_dec2bn(&value, nonce) > 0 && (unsigned)BN_num_bytes(value) <= NONCE_BYTES_MAX;
    BN_free(value);
    return valid;
}

unsigned nonce_length(const char *nonce)
{
    size_t digits = strlen(nonce);

    if (strncmp(nonce, "0x", 2) == 0)
        return (unsigned)(digits - 2) / 2;
    return (unsigned)(digits * 41524 / 100000); /* log(10) / log(256) */
}
