/* SPDX-License-Identifier: Apache-2.0 */
#include "ber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define TAG_CONSTRUCTED 0x20
#define TAG_NUMBER 0x1f
#define LENGTH_LONG 0x80
#define CONSTRUCTED_OCTETS (DER_OCTET_STRING | TAG_CONSTRUCTED)
#define HEADER_MAX 6U
#define MARKS_MAX 65536U

/* An element as it stands there. */
typedef struct Element {
    uint8_t tag;
    bool indefinite;
    DerSpan content; /* of an indefinite one: up to the end of the input */
} Element;

static int read_length(DerSpan *input, Element *e)
{
    size_t n, length = 0;

    if (input->size == 0)
        return -EBADMSG;
    n = *input->data++;
    input->size--;
    e->indefinite = n == LENGTH_LONG;
    if (e->indefinite) {
        e->content = *input;
        return e->tag & TAG_CONSTRUCTED ? 0 : -EBADMSG;
    }
    if (n > LENGTH_LONG) {
        n &= ~(size_t)LENGTH_LONG;
        if (n > sizeof(length) || n > input->size)
            return -EBADMSG;
        for (; n > 0; n--, input->size--)
            length = length << 8 | *input->data++;
    } else
        length = n;
    if (length > input->size)
        return -EBADMSG;
    e->content = (DerSpan){input->data, length};
    *input = (DerSpan){input->data + length, input->size - length};
    return 0;
}

/* Takes the head off, and of a definite one the content as well. */
static int read_element(DerSpan *input, Element *e)
{
    if (input->size == 0)
        return -EBADMSG;
    e->tag = *input->data++;
    input->size--;
    if (e->tag == 0 || (e->tag & TAG_NUMBER) == TAG_NUMBER)
        return -EBADMSG;
    return read_length(input, e);
}

/* Is this the end of what is inside? Of an indefinite one it is taken off. */
static int at_end(DerSpan *rest, bool indefinite)
{
    if (!indefinite)
        return rest->size == 0;
    if (rest->size < 2)
        return -EBADMSG;
    if (rest->data[0] != 0)
        return 0;
    if (rest->data[1] != 0)
        return -EBADMSG;
    *rest = (DerSpan){rest->data + 2, rest->size - 2};
    return 1;
}

static size_t head_size(size_t length)
{
    size_t n = 2;

    if (length >= LENGTH_LONG)
        for (; length > 0; length >>= 8)
            n++;
    return n;
}

static uint8_t *write_head(uint8_t *end, uint8_t tag, size_t length)
{
    if (length < LENGTH_LONG)
        *--end = (uint8_t)length;
    else {
        uint8_t n = LENGTH_LONG;

        for (; length > 0; length >>= 8, n++)
            *--end = (uint8_t)length;
        *--end = n;
    }
    *--end = tag;
    return end;
}

/* Where elements begin, so that they can be written from the last to the first: then each length is
 * known when its head is written, and all is done in one pass. */
typedef struct Mark {
    uint8_t tag;
    bool merged; /* a piece of an OCTET STRING: it has no head of its own */
    bool whole;  /* its content is copied as it is: it is primitive, or in DER already */
    size_t depth;
    DerSpan content;
} Mark;

typedef struct Marks {
    Mark *items;
    size_t n, allocated;
} Marks;

static int add_mark(Marks *marks, const Mark *mark)
{
    if (marks->n == MARKS_MAX)
        return -EBADMSG;
    if (marks->n == marks->allocated) {
        size_t allocated = marks->allocated ? 2 * marks->allocated : 64;
        Mark *items = reallocarray(marks->items, allocated, sizeof(*items));

        if (!items)
            return -ENOMEM;
        marks->items = items;
        marks->allocated = allocated;
    }
    marks->items[marks->n++] = *mark;
    return 0;
}

static bool is_octets(uint8_t tag)
{
    return tag == DER_OCTET_STRING || tag == CONSTRUCTED_OCTETS;
}

/* Universal types other than SEQUENCE and SET are in one piece; OCTET STRINGs need not be. */
static bool is_allowed(uint8_t tag, bool in_octets)
{
    bool universal = (tag & 0xc0) == 0, constructed = tag & TAG_CONSTRUCTED;

    if (in_octets)
        return is_octets(tag);
    if (!universal || is_octets(tag))
        return true;
    return constructed ==
           ((tag | TAG_CONSTRUCTED) == DER_SEQUENCE || (tag | TAG_CONSTRUCTED) == DER_SET);
}

static int mark_element(DerSpan *input, size_t depth, bool in_octets, Marks *marks)
{
    bool octets, whole;
    DerSpan rest;
    Element e;
    int r = read_element(input, &e);

    if (r < 0 || !is_allowed(e.tag, in_octets))
        return -EBADMSG;
    octets = e.tag == CONSTRUCTED_OCTETS;
    whole = !(e.tag & TAG_CONSTRUCTED) ||
            (!e.indefinite && !octets && der_check(e.content, BER_DEPTH_MAX - depth) >= 0);
    r = add_mark(marks, &(Mark){.tag = e.tag,
                                .merged = in_octets,
                                .whole = whole,
                                .depth = depth,
                                .content = e.content});
    if (r < 0 || whole)
        return r;
    if (depth == BER_DEPTH_MAX)
        return -EBADMSG;
    rest = e.content;
    while ((r = at_end(&rest, e.indefinite)) == 0) {
        r = mark_element(&rest, depth + 1, octets, marks);
        if (r < 0)
            return r;
    }
    if (r > 0 && e.indefinite)
        *input = rest;
    return r < 0 ? r : 0;
}

/* From the last to the first. sizes: what has been written at each depth since the last element
 * above it. */
static uint8_t *write_marks(const Marks *marks, uint8_t *end)
{
    size_t sizes[BER_DEPTH_MAX + 2] = {0};

    for (size_t i = marks->n; i > 0; i--) {
        const Mark *m = &marks->items[i - 1];
        size_t size = m->whole ? m->content.size : sizes[m->depth + 1];

        if (!m->whole)
            sizes[m->depth + 1] = 0;
        else if (size > 0) {
            end -= size;
            memcpy(end, m->content.data, size);
        }
        if (!m->merged) {
            end = write_head(end, m->tag == CONSTRUCTED_OCTETS ? DER_OCTET_STRING : m->tag, size);
            size += head_size(size);
        }
        sizes[m->depth] += size;
    }
    return end;
}

int ber_to_der(const void *data, size_t size, void **ret, size_t *ret_size)
{
    _cleanup_free_ uint8_t *buffer = NULL;
    DerSpan input = {data, size};
    Marks marks = {NULL};
    uint8_t *begin;
    size_t room;
    int r = mark_element(&input, 0, false, &marks);

    if (r >= 0)
        r = der_end(&input);
    /* No content is there twice, and each head has its room. */
    room = size + marks.n * HEADER_MAX;
    if (r >= 0 && !(buffer = malloc(room)))
        r = -ENOMEM;
    if (r >= 0) {
        begin = write_marks(&marks, buffer + room);
        *ret_size = (size_t)(buffer + room - begin);
        memmove(buffer, begin, *ret_size);
        *ret = TAKE_PTR(buffer);
    }
    free(marks.items);
    return r;
}
