/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope that is hashed while it is written: the header is read and compared before anything
 * else is taken, every piece of the payload is looked at before it is hashed, and what is signed is
 * what went through here. A newline ends it, without which nothing is signed: whoever stops in
 * between has asked for nothing. Not for ed25519, which reads its input twice. */
#pragma once

#include "typed-sign.h"

/* How long it may take: the time in its header is that of its begin. */
#define TYPED_STREAM_SECONDS_MAX 3600
#define TYPED_STREAM_HEAD_MAX ((ENVELOPE_HEADER_MAX + 2) / 3 * 4 + 1)

/* To be zeroed. */
typedef struct TypedStream {
    EVP_MD_CTX *hash; /* NULL: the header has not been read to its end */
    uint8_t *head;    /* with the dot behind it */
    size_t head_size, head_room;
    int64_t begun; /* seconds since the epoch */
    uint64_t payload_size;
    uint8_t last; /* of the payload */
    bool ended;
} TypedStream;

/* t is that of the whole stream, and has no input. -EBADMSG, -EPERM: not what it has to be, with a
 * static reason, -EMSGSIZE. */
int typed_stream_add(TypedStream *s, const TypedSign *t, DerSpan piece, const char **ret_reason);

/* There is no more. -ECANCELED when the end is missing; else as typed_sign(). */
int typed_stream_finish(TypedStream *s, const TypedSign *t, uint8_t **ret, size_t *ret_size,
                        const char **ret_reason);

void typed_stream_done(TypedStream *s);
