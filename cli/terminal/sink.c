/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "atomic-file.h"
#include "output.h"

int sink_write(Sink *s, const char *data, size_t size)
{
    if (s->enough || size == 0)
        return 0;
    return s->class->write(s, data, size);
}

int sink_finish(Sink *s)
{
    int r = 0, q;

    for (; s; s = s->next) {
        q = s->class->finish ? s->class->finish(s) : 0;
        if (s->next)
            s->next->aborted = s->aborted || q < 0;
        if (r >= 0 && q < 0)
            r = q;
    }
    return r;
}

Sink *sink_free(Sink *s)
{
    while (s) {
        Sink *next = s->next;

        if (s->class->release)
            s->class->release(s);
        free(s);
        s = next;
    }
    return NULL;
}

/* --- Text for a terminal ---------------------------------------------------------------------- */

/* Length of the UTF-8 character at p; 0 when it is none, SIZE_MAX when it goes on beyond the end.
 * C1 controls (U+0080 to U+009F) count as none. */
static size_t character_length(const unsigned char *p, size_t size)
{
    static const unsigned char first_min[] = {0xc2, 0xe0, 0xf0}, first_max[] = {0xdf, 0xef, 0xf4};
    size_t n = 0;

    if (p[0] < 0x80)
        return 1;
    for (size_t i = 0; i < ELEMENTSOF(first_min); i++)
        if (p[0] >= first_min[i] && p[0] <= first_max[i])
            n = i + 2;
    if (n == 0)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (i == size)
            return SIZE_MAX;
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
        (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static bool is_printable(const unsigned char *p)
{
    return p[0] == '\n' || p[0] == '\t' || (p[0] >= ' ' && p[0] != 0x7f);
}

#define BLOCK_SIZE 64U

/* Sums of comparisons, which a compiler makes 16 of at a time. */
static bool is_plain_block(const unsigned char block[static BLOCK_SIZE])
{
    unsigned char n = 0;

    for (unsigned i = 0; i < BLOCK_SIZE; i++) {
        unsigned char c = block[i];

        n += (unsigned char)((unsigned char)(c - ' ') < 0x7f - ' ') + (unsigned char)(c == '\n') +
             (unsigned char)(c == '\t');
    }
    return n == BLOCK_SIZE;
}

/* How much of the text stays as it is, by whole blocks: nearly all of what commands print. */
static size_t plain_length(const unsigned char *p, size_t size)
{
    size_t n = 0;

    while (size - n >= BLOCK_SIZE && is_plain_block(p + n))
        n += BLOCK_SIZE;
    return n;
}

size_t escape_text(char *to, const char *from, size_t size, bool last, size_t *partial)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)from;
    size_t n = 0, looked = 0;

    *partial = 0;
    for (size_t i = 0; i < size;) {
        size_t length;

        /* A block with something else in it is looked at once. */
        if (i >= looked) {
            length = plain_length(p + i, size - i);
            memcpy(to + n, p + i, length);
            n += length;
            i += length;
            looked = i + BLOCK_SIZE;
            if (i == size)
                break;
        }
        length = character_length(p + i, size - i);
        if (length == SIZE_MAX && !last) {
            *partial = size - i;
            break;
        }
        if (length > 0 && length != SIZE_MAX && is_printable(p + i)) {
            memcpy(to + n, p + i, length);
            n += length;
            i += length;
            continue;
        }
        to[n++] = '\\';
        to[n++] = 'x';
        to[n++] = digits[p[i] >> 4];
        to[n++] = digits[p[i] & 15];
        i++;
    }
    return n;
}
