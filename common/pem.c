/* SPDX-License-Identifier: Apache-2.0 */
#include "pem.h"

#include "base64-digit.h"
#include "cleanup.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The line at the front of *input, without its end. */
static DerSpan take_line(DerSpan *input)
{
    const uint8_t *newline = memchr(input->data, '\n', input->size);
    size_t size = newline ? (size_t)(newline - input->data) + 1 : input->size;
    DerSpan line = {input->data, size};

    input->data += size;
    input->size -= size;
    while (line.size > 0 && is_space(line.data[line.size - 1]))
        line.size--;
    return line;
}

/* Is the line "-----BEGIN label-----" (or END)? */
static bool is_boundary(DerSpan line, const char *start, DerSpan *ret_label)
{
    size_t length = strlen(start);

    if (line.size <= length + STRLEN(DASHES) || memcmp(line.data, start, length) != 0 ||
        memcmp(line.data + line.size - STRLEN(DASHES), DASHES, STRLEN(DASHES)) != 0)
        return false;
    *ret_label = (DerSpan){line.data + length, line.size - length - STRLEN(DASHES)};
    return true;
}

static int find_end(DerSpan *input, PemBlock *block)
{
    const uint8_t *start = input->data;
    DerSpan label;

    while (input->size > 0) {
        const uint8_t *line_start = input->data;
        DerSpan line = take_line(input);

        if (is_boundary(line, BEGIN, &label))
            return -EBADMSG;
        if (!is_boundary(line, END, &label))
            continue;
        if (!der_equal(label, block->label.data, block->label.size))
            return -EBADMSG;
        block->text = (DerSpan){start, (size_t)(line_start - start)};
        return 1;
    }
    return -EBADMSG;
}

int pem_next(DerSpan *input, PemBlock *ret)
{
    PemBlock block = {0};
    int r;

    while (input->size > 0) {
        DerSpan line = take_line(input), label;

        if (is_boundary(line, END, &label))
            return -EBADMSG;
        if (!is_boundary(line, BEGIN, &block.label))
            continue;
        r = find_end(input, &block);
        if (r > 0)
            *ret = block;
        return r;
    }
    return 0;
}

bool pem_has_label(const PemBlock *block, const char *label)
{
    return der_is(block->label, label);
}

/* The standard alphabet differs in two digits (RFC 4648 section 4). */
static int value_of(uint8_t c)
{
    if (c == '+' || c == '/')
        return c == '+' ? 62 : 63;
    return c == '-' || c == '_' ? -1 : base64url_values[c] - 1;
}

int pem_decode(DerSpan text, void **ret_data, size_t *ret_size)
{
    _cleanup_free_ uint8_t *out = malloc(text.size / 4 * 3 + 4);
    size_t n = 0, n_digits = 0, n_padding = 0;
    uint32_t bits = 0;

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        int value = value_of(c);

        if (is_space(c))
            continue;
        if (c == '=' && n_digits % 4 + n_padding >= 2 && n_padding < 2) {
            n_padding++;
            continue;
        }
        if (value < 0 || n_padding > 0)
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)value;
        if (n_digits++ % 4 > 0)
            out[n++] = (uint8_t)(bits >> (6 - 2 * ((n_digits - 1) % 4)));
    }
    /* Whole groups only, and no bits that belong to nothing. */
    if ((n_digits + n_padding) % 4 != 0)
        return -EBADMSG;
    if (n_padding > 0 && (bits & (n_padding == 1 ? 0x3 : 0xf)) != 0)
        return -EBADMSG;
    *ret_data = TAKE_PTR(out);
    *ret_size = n;
    return 0;
}
