/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 for JSON (RFC 4648). */
#include "json-util.h"

#include "base64-digit.h"

static const char alphabet_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode(const char *alphabet, bool padding, const void *data, size_t size)
{
    const uint8_t *in = data;
    char *out, *p;

    if (size > SIZE_MAX / 4 * 3 - 4)
        return NULL;
    out = p = malloc((size + 2) / 3 * 4 + 1);
    if (!out)
        return NULL;
    for (; size > 0; in += 3) {
        size_t n = size < 3 ? size : 3;
        uint32_t group =
            (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

        for (size_t i = 0; i < 4; i++)
            if (i <= n)
                *p++ = alphabet[(group >> (18 - 6 * i)) & 63];
            else if (padding)
                *p++ = '=';
        size -= n;
    }
    *p = 0;
    return out;
}

char *base64_encode(const void *data, size_t size)
{
    return encode(alphabet_standard, true, data, size);
}

char *base64url_encode(const void *data, size_t size)
{
    return encode(alphabet_url, false, data, size);
}

int base64url_decode(const char *text, size_t length, void **ret_data, size_t *ret_size)
{
    _cleanup_free_ uint8_t *out = NULL;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    if (length % 4 == 1)
        return -EBADMSG;
    out = malloc(length / 4 * 3 + 3);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < length; i++) {
        int value = base64_digit((uint8_t)text[i], '-', '_');

        if (value < 0)
            return -EBADMSG;
        bits = (bits << 6 | (uint32_t)value) & 0xffffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    /* Two encodings of the same bytes must not both be accepted. */
    if (bits & ((1U << n_bits) - 1))
        return -EBADMSG;
    out[n] = 0;
    *ret_data = TAKE_PTR(out);
    *ret_size = n;
    return 0;
}
