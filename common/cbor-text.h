/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR (RFC 8949) item by item, in the one form that its deterministic encoding has for numbers and
 * lengths: definite, and as short as can be. Reading allocates nothing and has no depth. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "der.h"

typedef enum CborKind {
    CBOR_KIND_OTHER, /* known to the standard, not used here: refused */
    CBOR_KIND_NUMBER,
    CBOR_KIND_NEGATIVE, /* -1 - number */
    CBOR_KIND_BYTES,
    CBOR_KIND_TEXT,
    CBOR_KIND_ARRAY, /* of so many items, which follow */
    CBOR_KIND_MAP,   /* of so many pairs, which follow */
    CBOR_KIND_TAG,   /* the item that follows */
} CborKind;

typedef struct CborItem {
    CborKind kind;
    uint64_t number; /* the value, the count, the tag, or the size of bytes */
    DerSpan bytes;   /* of CBOR_KIND_BYTES and CBOR_KIND_TEXT: in the input */
} CborItem;

/* The next item; *rest then begins behind it. -EBADMSG. */
int cbor_take(DerSpan *rest, CborItem *ret);
/* The same, of a kind that it has to have. */
int cbor_take_kind(DerSpan *rest, CborKind kind, CborItem *ret);
/* A number of either sign that an int64_t holds. */
int cbor_take_int(DerSpan *rest, int64_t *ret);

/* Room that the caller provides; what does not fit is noticed at the end. */
typedef struct CborText {
    uint8_t *data;
    size_t room, size;
    bool is_full;
} CborText;

void cbor_put_int(CborText *t, int64_t value);
void cbor_put_bytes(CborText *t, const void *data, size_t size);
/* Only what says that bytes of that size follow. */
void cbor_put_bytes_head(CborText *t, uint64_t size);
void cbor_put_text(CborText *t, const char *text);
void cbor_put_array(CborText *t, size_t n);
void cbor_put_map(CborText *t, size_t n);
void cbor_put_tag(CborText *t, uint64_t tag);
/* As they are: CBOR that was made before. */
void cbor_put_raw(CborText *t, const void *data, size_t size);
