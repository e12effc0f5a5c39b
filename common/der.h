/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of DER (ITU-T X.690) from a bounded buffer: definite and minimal lengths only,
 * depth limited by the caller's own nesting, every trailing byte noticed. Nothing is copied: spans
 * point into the input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_NULL 0x05
#define DER_OID 0x06
#define DER_UTF8_STRING 0x0c
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_CONTEXT(n) (0x80 | (n)) /* primitive */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n))

typedef struct DerSpan {
    const uint8_t *data;
    size_t size;
} DerSpan;

/* Takes the next element with this tag off the front of *input; *ret_content is what is inside.
 * -EBADMSG. */
int der_read(DerSpan *input, uint8_t tag, DerSpan *ret_content);
/* Same, but the element may be absent: returns 0 and leaves *input then, 1 when it was there. */
int der_read_optional(DerSpan *input, uint8_t tag, DerSpan *ret_content);
/* Takes any element; *ret_element includes its tag and length. */
int der_read_any(DerSpan *input, uint8_t *ret_tag, DerSpan *ret_element, DerSpan *ret_content);
/* Exactly one element, nothing after it. */
int der_read_only(DerSpan input, uint8_t tag, DerSpan *ret_content);
/* -EBADMSG unless the span is empty. */
int der_end(const DerSpan *input);
bool der_equal(DerSpan a, const void *data, size_t size);
/* The same with the bytes of a string: a word, or an OID as it is encoded. */
bool der_is(DerSpan a, const char *text);
/* A non-negative INTEGER of at most 8 bytes. */
int der_read_uint64(DerSpan *input, uint64_t *ret);
/* Every length, tag and nesting below the span is well-formed; at most depth levels. */
int der_check(DerSpan input, unsigned depth);
