/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, twelve bytes at a time, for processors that have SSSE3, which is asked for at run time:
 * packages are built for any x86-64. All others do as base64.c does. */
#include "base64-blocks.h"

#if defined(__x86_64__)

#include <stdint.h>
#include <tmmintrin.h>

#define LOAD_SIZE 16U
#define GROUP_SIZE 12U

/* Which digit follows in the alphabet, less its value: for each of its rows. */
typedef enum Row {
    ROW_SMALL = 0,
    ROW_DECIMAL = 1, /* and the nine after it: one for each digit */
    ROW_62 = 11,
    ROW_63 = 12,
    ROW_CAPITAL = 13,
} Row;

__attribute__((target("ssse3"))) static __m128i row_offsets(const Base64Alphabet *a)
{
    char offset[16] = {
        [ROW_SMALL] = 'a' - 26,
        [ROW_62] = (char)(a->digit_62 - 62),
        [ROW_63] = (char)(a->digit_63 - 63),
        [ROW_CAPITAL] = 'A',
    };

    for (unsigned i = 0; i < 10; i++)
        offset[ROW_DECIMAL + i] = '0' - 52;
    return _mm_loadu_si128((const __m128i *)offset);
}

/* The first twelve bytes as sixteen numbers of six bits. Every three bytes a, b, c become b, a, c,
 * b: as two words of 16 bits, the first has in it the first two numbers, and the other the last
 * two. Each of the four is moved to its byte by a multiplication. */
__attribute__((target("ssse3"))) static __m128i spread(__m128i bytes)
{
    const __m128i order = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    const __m128i words = _mm_shuffle_epi8(bytes, order);
    const __m128i even = _mm_mulhi_epu16(_mm_and_si128(words, _mm_set1_epi32(0x0fc0fc00)),
                                         _mm_set1_epi32(0x04000040));
    const __m128i odd = _mm_mullo_epi16(_mm_and_si128(words, _mm_set1_epi32(0x003f03f0)),
                                        _mm_set1_epi32(0x01000010));

    return _mm_or_si128(even, odd);
}

__attribute__((target("ssse3"))) static __m128i digits(__m128i offsets, __m128i values)
{
    const __m128i is_capital = _mm_cmplt_epi8(values, _mm_set1_epi8(26));
    const __m128i row = _mm_or_si128(_mm_subs_epu8(values, _mm_set1_epi8(51)),
                                     _mm_and_si128(is_capital, _mm_set1_epi8(ROW_CAPITAL)));

    return _mm_add_epi8(values, _mm_shuffle_epi8(offsets, row));
}

__attribute__((target("ssse3"))) static size_t encode(const Base64Alphabet *a, const uint8_t *in,
                                                      size_t size, char *out)
{
    const __m128i offsets = row_offsets(a);
    size_t done = 0;

    for (; size - done >= LOAD_SIZE; done += GROUP_SIZE) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(in + done));

        _mm_storeu_si128((__m128i *)(out + done / 3 * 4), digits(offsets, spread(bytes)));
    }
    return done;
}

size_t base64_blocks_ssse3(const Base64Alphabet *a, const void *data, size_t size, char *out)
{
    return __builtin_cpu_supports("ssse3") ? encode(a, data, size, out) : 0;
}

#else

size_t base64_blocks_ssse3(const Base64Alphabet *a, const void *data, size_t size, char *out)
{
    return 0;
}

#endif
