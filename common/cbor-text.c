/* SPDX-License-Identifier: Apache-2.0 */
/* libcbor's streaming decoder says one item at a time, and its encoders write the shortest form;
 * what was read is written again to see that it was in that form. */
#include "cbor-text.h"

#include <cbor.h>
#include <errno.h>
#include <string.h>

#define HEAD_MAX 9U
#define TAG_SHORT 0xc0U

/* --- Reading ---------------------------------------------------------------------------------- */

static void on_number(void *userdata, uint64_t value)
{
    *(CborItem *)userdata = (CborItem){.kind = CBOR_KIND_NUMBER, .number = value};
}

static void on_uint8(void *userdata, uint8_t value)
{
    on_number(userdata, value);
}

static void on_uint16(void *userdata, uint16_t value)
{
    on_number(userdata, value);
}

static void on_uint32(void *userdata, uint32_t value)
{
    on_number(userdata, value);
}

static void on_negative(void *userdata, uint64_t value)
{
    *(CborItem *)userdata = (CborItem){.kind = CBOR_KIND_NEGATIVE, .number = value};
}

static void on_negint8(void *userdata, uint8_t value)
{
    on_negative(userdata, value);
}

static void on_negint16(void *userdata, uint16_t value)
{
    on_negative(userdata, value);
}

static void on_negint32(void *userdata, uint32_t value)
{
    on_negative(userdata, value);
}

static void on_bytes(void *userdata, cbor_data data, size_t size)
{
    *(CborItem *)userdata =
        (CborItem){.kind = CBOR_KIND_BYTES, .number = size, .bytes = {data, size}};
}

static void on_text(void *userdata, cbor_data data, size_t size)
{
    *(CborItem *)userdata =
        (CborItem){.kind = CBOR_KIND_TEXT, .number = size, .bytes = {data, size}};
}

static void on_array(void *userdata, size_t n)
{
    *(CborItem *)userdata = (CborItem){.kind = CBOR_KIND_ARRAY, .number = n};
}

static void on_map(void *userdata, size_t n)
{
    *(CborItem *)userdata = (CborItem){.kind = CBOR_KIND_MAP, .number = n};
}

static void on_tag(void *userdata, uint64_t tag)
{
    *(CborItem *)userdata = (CborItem){.kind = CBOR_KIND_TAG, .number = tag};
}

/* How long the head of this item is in its shortest form. */
static size_t head_size(const CborItem *item)
{
    uint8_t head[HEAD_MAX];

    switch (item->kind) {
    case CBOR_KIND_NUMBER:
        return cbor_encode_uint(item->number, head, sizeof head);
    case CBOR_KIND_NEGATIVE:
        return cbor_encode_negint(item->number, head, sizeof head);
    case CBOR_KIND_BYTES:
        return cbor_encode_bytestring_start(item->number, head, sizeof head);
    case CBOR_KIND_TEXT:
        return cbor_encode_string_start(item->number, head, sizeof head);
    case CBOR_KIND_ARRAY:
        return cbor_encode_array_start(item->number, head, sizeof head);
    case CBOR_KIND_MAP:
        return cbor_encode_map_start(item->number, head, sizeof head);
    case CBOR_KIND_TAG:
        return cbor_encode_tag(item->number, head, sizeof head);
    case CBOR_KIND_OTHER:
    default:
        return 0;
    }
}

int cbor_take(DerSpan *rest, CborItem *ret)
{
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    CborItem item = {.kind = CBOR_KIND_OTHER};
    struct cbor_decoder_result result;

    callbacks.uint8 = on_uint8;
    callbacks.uint16 = on_uint16;
    callbacks.uint32 = on_uint32;
    callbacks.uint64 = on_number;
    callbacks.negint8 = on_negint8;
    callbacks.negint16 = on_negint16;
    callbacks.negint32 = on_negint32;
    callbacks.negint64 = on_negative;
    callbacks.byte_string = on_bytes;
    callbacks.string = on_text;
    callbacks.array_start = on_array;
    callbacks.map_start = on_map;
    callbacks.tag = on_tag;
    if (rest->size == 0)
        return -EBADMSG;
    /* libcbor 0.8 does not know those that were assigned later than RFC 7049, COSE_Sign1 (18) among
     * them. */
    if (rest->data[0] >= TAG_SHORT && rest->data[0] < TAG_SHORT + 24) {
        on_tag(ret, rest->data[0] - TAG_SHORT);
        *rest = (DerSpan){rest->data + 1, rest->size - 1};
        return 0;
    }
    result = cbor_stream_decode(rest->data, rest->size, &callbacks, &item);
    if (result.status != CBOR_DECODER_FINISHED || item.kind == CBOR_KIND_OTHER ||
        result.read > rest->size || result.read != head_size(&item) + item.bytes.size)
        return -EBADMSG;
    *rest = (DerSpan){rest->data + result.read, rest->size - result.read};
    *ret = item;
    return 0;
}

int cbor_take_kind(DerSpan *rest, CborKind kind, CborItem *ret)
{
    DerSpan after = *rest;
    CborItem item;
    int r = cbor_take(&after, &item);

    if (r < 0 || item.kind != kind)
        return -EBADMSG;
    *rest = after;
    *ret = item;
    return 0;
}

int cbor_take_int(DerSpan *rest, int64_t *ret)
{
    DerSpan after = *rest;
    CborItem item;
    int r = cbor_take(&after, &item);

    if (r < 0 || (item.kind != CBOR_KIND_NUMBER && item.kind != CBOR_KIND_NEGATIVE) ||
        item.number > INT64_MAX)
        return -EBADMSG;
    *rest = after;
    *ret = item.kind == CBOR_KIND_NUMBER ? (int64_t)item.number : -1 - (int64_t)item.number;
    return 0;
}

/* --- Writing ---------------------------------------------------------------------------------- */

void cbor_put_raw(CborText *t, const void *data, size_t size)
{
    if (t->is_full || size > t->room - t->size) {
        t->is_full = true;
        return;
    }
    if (size > 0)
        memcpy(t->data + t->size, data, size);
    t->size += size;
}

static void put_head(CborText *t, size_t (*encode)(uint64_t, unsigned char *, size_t),
                     uint64_t value)
{
    uint8_t head[HEAD_MAX];

    cbor_put_raw(t, head, encode(value, head, sizeof head));
}

/* libcbor counts in size_t here. */
static size_t encode_bytes(uint64_t size, unsigned char *buffer, size_t room)
{
    return cbor_encode_bytestring_start((size_t)size, buffer, room);
}

static size_t encode_text(uint64_t size, unsigned char *buffer, size_t room)
{
    return cbor_encode_string_start((size_t)size, buffer, room);
}

static size_t encode_array(uint64_t n, unsigned char *buffer, size_t room)
{
    return cbor_encode_array_start((size_t)n, buffer, room);
}

static size_t encode_map(uint64_t n, unsigned char *buffer, size_t room)
{
    return cbor_encode_map_start((size_t)n, buffer, room);
}

void cbor_put_int(CborText *t, int64_t value)
{
    if (value >= 0)
        put_head(t, cbor_encode_uint, (uint64_t)value);
    else
        put_head(t, cbor_encode_negint, (uint64_t)(-1 - value));
}

void cbor_put_bytes_head(CborText *t, uint64_t size)
{
    put_head(t, encode_bytes, size);
}

void cbor_put_bytes(CborText *t, const void *data, size_t size)
{
    cbor_put_bytes_head(t, size);
    cbor_put_raw(t, data, size);
}

void cbor_put_text(CborText *t, const char *text)
{
    put_head(t, encode_text, strlen(text));
    cbor_put_raw(t, text, strlen(text));
}

void cbor_put_array(CborText *t, size_t n)
{
    put_head(t, encode_array, n);
}

void cbor_put_map(CborText *t, size_t n)
{
    put_head(t, encode_map, n);
}

void cbor_put_tag(CborText *t, uint64_t tag)
{
    put_head(t, cbor_encode_tag, tag);
}
