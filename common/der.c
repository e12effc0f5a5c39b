/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor over DER. Lengths fit 32 bits, tag numbers fit five: nothing that we read has larger
 * ones. */
#include "der.h"

#include <errno.h>
#include <string.h>

#define TAG_CONSTRUCTED 0x20
#define TAG_CLASS 0xc0
#define TAG_NUMBER 0x1f
#define LENGTH_LONG 0x80
#define LENGTH_BYTES_MAX 4

static int read_length(DerSpan *input, size_t *ret)
{
    size_t length = 0, n;

    if (input->size == 0)
        return -EBADMSG;
    n = *input->data++;
    input->size--;
    if (n < LENGTH_LONG) {
        *ret = n;
        return 0;
    }
    n &= ~(size_t)LENGTH_LONG;
    /* 0 would be the indefinite form of BER; a leading zero byte, or a value below 128, a length
     * that is not minimal. */
    if (n == 0 || n > LENGTH_BYTES_MAX || n > input->size || input->data[0] == 0)
        return -EBADMSG;
    for (; n > 0; n--, input->size--)
        length = length << 8 | *input->data++;
    if (length < LENGTH_LONG)
        return -EBADMSG;
    *ret = length;
    return 0;
}

int der_read_any(DerSpan *input, uint8_t *ret_tag, DerSpan *ret_element, DerSpan *ret_content)
{
    DerSpan rest = *input;
    size_t length;
    uint8_t tag;
    int r;

    if (rest.size == 0)
        return -EBADMSG;
    tag = *rest.data++;
    rest.size--;
    if ((tag & TAG_NUMBER) == TAG_NUMBER || tag == 0)
        return -EBADMSG;
    r = read_length(&rest, &length);
    if (r < 0)
        return r;
    if (length > rest.size)
        return -EBADMSG;
    if (ret_tag)
        *ret_tag = tag;
    if (ret_content)
        *ret_content = (DerSpan){rest.data, length};
    if (ret_element)
        *ret_element = (DerSpan){input->data, (size_t)(rest.data - input->data) + length};
    *input = (DerSpan){rest.data + length, rest.size - length};
    return 0;
}

int der_read(DerSpan *input, uint8_t tag, DerSpan *ret_content)
{
    DerSpan rest = *input, content;
    uint8_t found;
    int r;

    r = der_read_any(&rest, &found, NULL, &content);
    if (r < 0)
        return r;
    if (found != tag)
        return -EBADMSG;
    *input = rest;
    if (ret_content)
        *ret_content = content;
    return 0;
}

int der_read_optional(DerSpan *input, uint8_t tag, DerSpan *ret_content)
{
    int r;

    if (input->size == 0 || input->data[0] != tag)
        return 0;
    r = der_read(input, tag, ret_content);
    return r < 0 ? r : 1;
}

int der_end(const DerSpan *input)
{
    return input->size == 0 ? 0 : -EBADMSG;
}

int der_read_only(DerSpan input, uint8_t tag, DerSpan *ret_content)
{
    DerSpan content;
    int r;

    r = der_read(&input, tag, &content);
    if (r < 0)
        return r;
    r = der_end(&input);
    if (r < 0)
        return r;
    if (ret_content)
        *ret_content = content;
    return 0;
}

bool der_equal(DerSpan a, const void *data, size_t size)
{
    return a.size == size && (size == 0 || memcmp(a.data, data, size) == 0);
}

bool der_is(DerSpan a, const char *text)
{
    return der_equal(a, text, strlen(text));
}

int der_read_uint64(DerSpan *input, uint64_t *ret)
{
    DerSpan rest = *input, content;
    uint64_t value = 0;
    int r;

    r = der_read(&rest, DER_INTEGER, &content);
    if (r < 0)
        return r;
    if (content.size == 0 || content.data[0] >= 0x80)
        return -EBADMSG;
    if (content.data[0] == 0 && content.size > 1) {
        /* The zero byte has to be there to keep the value positive, and for nothing else. */
        if (content.data[1] < 0x80)
            return -EBADMSG;
        content.data++;
        content.size--;
    }
    if (content.size > sizeof value)
        return -EBADMSG;
    for (size_t i = 0; i < content.size; i++)
        value = value << 8 | content.data[i];
    *input = rest;
    *ret = value;
    return 0;
}

/* Of the universal types SEQUENCE and SET are constructed, in DER all others are not. */
static bool tag_is_valid(uint8_t tag)
{
    bool constructed = tag & TAG_CONSTRUCTED;
    uint8_t number = tag & TAG_NUMBER;

    if ((tag & TAG_CLASS) != 0)
        return true;
    return constructed ==
           (number == (DER_SEQUENCE & TAG_NUMBER) || number == (DER_SET & TAG_NUMBER));
}

int der_check(DerSpan input, unsigned depth)
{
    while (input.size > 0) {
        DerSpan content;
        uint8_t tag;
        int r;

        r = der_read_any(&input, &tag, NULL, &content);
        if (r < 0)
            return r;
        if (!tag_is_valid(tag))
            return -EBADMSG;
        if (!(tag & TAG_CONSTRUCTED))
            continue;
        if (depth <= 1)
            return -EBADMSG;
        r = der_check(content, depth - 1);
        if (r < 0)
            return r;
    }
    return 0;
}
