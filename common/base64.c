/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 for JSON (RFC 4648). */
#include <endian.h>

#include "json-util.h"

#include "base64-digit.h"

#define BLOCK_SIZE 48U
#define BLOCK_TEXT_SIZE (BLOCK_SIZE / 3 * 4)

/* The last two digits, less what would stand there if the row of decimal digits went on. */
typedef struct Alphabet {
    uint8_t more_62, more_63;
    bool padding;
} Alphabet;

static const Alphabet alphabet_standard = {(uint8_t)('+' - '0' - 10), (uint8_t)('/' - '0' - 11),
                                           true};
static const Alphabet alphabet_url = {(uint8_t)('-' - '0' - 10), (uint8_t)('_' - '0' - 11), false};

/* Six bytes as eight numbers of six bits, the first in the highest byte. */
static uint64_t spread(const uint8_t in[static 6])
{
    uint32_t high;
    uint16_t low;
    uint64_t x;

    memcpy(&high, in, sizeof high);
    memcpy(&low, in + sizeof high, sizeof low);
    x = (uint64_t)be32toh(high) << 16 | be16toh(low);
    x = (x & 0xffffff000000) << 8 | (x & 0xffffff);
    x = (x & 0x00fff00000fff000) << 4 | (x & 0x00000fff00000fff);
    return (x & 0x0fc00fc00fc00fc0) << 2 | (x & 0x003f003f003f003f);
}

/* Without a table and without a branch, so that a compiler makes many digits at a time. */
static uint8_t digit(Alphabet a, uint8_t value)
{
    uint8_t c = (uint8_t)(value + 'A');

    c += (uint8_t)(-(value >= 26) & ('a' - 26 - 'A'));
    c += (uint8_t)(-(value >= 52) & ('0' - 52 - ('a' - 26)));
    c += (uint8_t)(-(value == 62) & a.more_62);
    c += (uint8_t)(-(value == 63) & a.more_63);
    return c;
}

static void encode_block(Alphabet a, const uint8_t in[static BLOCK_SIZE],
                         char out[static BLOCK_TEXT_SIZE])
{
    uint8_t digits[BLOCK_TEXT_SIZE];

    for (unsigned i = 0; i < BLOCK_SIZE / 6; i++) {
        uint64_t eight = htobe64(spread(in + (size_t)6 * i));

        memcpy(digits + (size_t)8 * i, &eight, sizeof eight);
    }
    for (unsigned i = 0; i < BLOCK_TEXT_SIZE; i++)
        digits[i] = digit(a, digits[i]);
    memcpy(out, digits, BLOCK_TEXT_SIZE);
}

/* Returns the end. */
static char *encode_into(Alphabet a, const void *data, size_t size, char *p)
{
    const uint8_t *in = data;

    for (; size >= BLOCK_SIZE; size -= BLOCK_SIZE, in += BLOCK_SIZE, p += BLOCK_TEXT_SIZE)
        encode_block(a, in, p);
    for (; size > 0; in += 3) {
        size_t n = size < 3 ? size : 3;
        uint32_t group =
            (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

        for (size_t i = 0; i < 4; i++)
            if (i <= n)
                *p++ = (char)digit(a, (uint8_t)(group >> (18 - 6 * i) & 63));
            else if (a.padding)
                *p++ = '=';
        size -= n;
    }
    return p;
}

static char *encode(Alphabet a, const void *data, size_t size)
{
    char *out;

    if (size > SIZE_MAX / 4 * 3 - 4)
        return NULL;
    out = malloc((size + 2) / 3 * 4 + 1);
    if (out)
        *encode_into(a, data, size, out) = 0;
    return out;
}

char *base64_encode(const void *data, size_t size)
{
    return encode(alphabet_standard, data, size);
}

char *base64url_encode(const void *data, size_t size)
{
    return encode(alphabet_url, data, size);
}

size_t base64url_encode_into(const void *data, size_t size, char *ret)
{
    return (size_t)(encode_into(alphabet_url, data, size, ret) - ret);
}

const uint8_t base64url_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64};

/* Of up to four characters; *good stays as it is unless one of them is none. */
static uint32_t decode_group(const uint8_t *text, size_t n, bool *good)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        *good &= base64url_values[text[i]] != 0;
        bits = bits << 6 | (uint32_t)(base64url_values[text[i]] - 1);
    }
    return bits;
}

int base64url_decode(const char *text, size_t length, void **ret_data, size_t *ret_size)
{
    const uint8_t *in = (const uint8_t *)text;
    _cleanup_free_ uint8_t *out = NULL;
    size_t n = 0, rest = length % 4;
    bool good = true;
    uint32_t bits;

    if (rest == 1)
        return -EBADMSG;
    out = malloc(length / 4 * 3 + 3);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i + 4 <= length; i += 4) {
        bits = decode_group(in + i, 4, &good);
        out[n++] = (uint8_t)(bits >> 16);
        out[n++] = (uint8_t)(bits >> 8);
        out[n++] = (uint8_t)bits;
    }
    if (rest > 0) {
        /* Two encodings of the same bytes must not both be accepted. */
        bits = decode_group(in + length - rest, rest, &good);
        good &= (bits & (rest == 2 ? 0x0fU : 0x03U)) == 0;
        bits <<= 6 * (4 - rest);
        out[n++] = (uint8_t)(bits >> 16);
        if (rest == 3)
            out[n++] = (uint8_t)(bits >> 8);
    }
    if (!good)
        return -EBADMSG;
    out[n] = 0;
    *ret_data = TAKE_PTR(out);
    *ret_size = n;
    return 0;
}
