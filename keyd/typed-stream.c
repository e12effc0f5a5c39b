/* SPDX-License-Identifier: Apache-2.0 */
#include "typed-stream.h"

#include "envelope-input.h"
#include "openssl-util.h"

/* Most headers, with a chain of certificates. */
#define HEAD_ROOM 8192U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- The header ------------------------------------------------------------------------------- */

static int head_append(TypedStream *s, DerSpan piece, const char **ret_reason)
{
    if (piece.size > TYPED_STREAM_HEAD_MAX - s->head_size)
        return refuse(-EBADMSG, ret_reason, "there is no header, or it is too large");
    if (s->head_size + piece.size > s->head_room) {
        size_t room = s->head_size + piece.size < HEAD_ROOM ? HEAD_ROOM : TYPED_STREAM_HEAD_MAX;
        uint8_t *head = realloc(s->head, room);

        if (!head)
            return -ENOMEM;
        s->head = head;
        s->head_room = room;
    }
    memcpy(s->head + s->head_size, piece.data, piece.size);
    s->head_size += piece.size;
    return 0;
}

static int hash_begin(TypedStream *s, const TypedSign *t)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();

    if (!hash)
        return -ENOMEM;
    if (EVP_DigestInit_ex(hash, digest_to_md(t->digest), NULL) != 1 ||
        EVP_DigestUpdate(hash, s->head, s->head_size) != 1)
        return -EIO;
    s->hash = TAKE_PTR(hash);
    return 0;
}

/* Takes the header's part of the piece. */
static int add_to_head(TypedStream *s, const TypedSign *t, DerSpan *piece, const char **ret_reason)
{
    const uint8_t *dot = memchr(piece->data, '.', piece->size);
    size_t n = dot ? (size_t)(dot - piece->data) + 1 : piece->size;
    int r = head_append(s, (DerSpan){piece->data, n}, ret_reason);

    *piece = (DerSpan){piece->data + n, piece->size - n};
    if (r < 0 || !dot)
        return r;
    s->begun = time(NULL);
    r = typed_sign_check_head(t, (DerSpan){s->head, s->head_size}, s->begun, ret_reason);
    return r < 0 ? r : hash_begin(s, t);
}

/* --- The payload ------------------------------------------------------------------------------ */

int typed_stream_add(TypedStream *s, const TypedSign *t, DerSpan piece, const char **ret_reason)
{
    int r = 0;

    if (t->digest == DIGEST_NONE)
        return refuse(-EINVAL, ret_reason, "what ed25519 signs has to come in a memory file");
    if (piece.size > 0 && s->ended)
        return refuse(-EBADMSG, ret_reason, "something comes behind the end");
    if (!s->hash && piece.size > 0)
        r = add_to_head(s, t, &piece, ret_reason);
    if (r < 0 || piece.size == 0)
        return r;
    if (piece.data[piece.size - 1] == '\n') {
        s->ended = true;
        piece.size--;
    }
    if (piece.size > ENVELOPE_SIZE_MAX - s->head_size - s->payload_size)
        return -EMSGSIZE;
    if (!envelope_payload_piece_is_valid(piece))
        return refuse(-EBADMSG, ret_reason, "the payload is not base64url");
    if (piece.size == 0)
        return 0;
    s->payload_size += piece.size;
    s->last = piece.data[piece.size - 1];
    return EVP_DigestUpdate(s->hash, piece.data, piece.size) == 1 ? 0 : -EIO;
}

/* The header's time was the present one then. */
static bool is_in_time(const TypedStream *s)
{
    int64_t now = time(NULL);

    return now >= s->begun - ENVELOPE_CLOCK_SKEW && now <= s->begun + TYPED_STREAM_SECONDS_MAX;
}

int typed_stream_finish(TypedStream *s, const TypedSign *t, uint8_t **ret, size_t *ret_size,
                        const char **ret_reason)
{
    int r;

    if (!s->ended)
        return -ECANCELED;
    if (!is_in_time(s))
        return refuse(-EPERM, ret_reason, "its begin is not of the last hour, by the clock");
    if (s->payload_size > 0 && !envelope_last_is_valid(s->last, s->payload_size))
        return refuse(-EBADMSG, ret_reason, "the payload is not base64url");
    r = key_sign_hashed(t->key, t->digest, s->hash, ret, ret_size);
    if (r == -EINVAL)
        *ret_reason = "the key is too small for that digest";
    return r;
}

void typed_stream_done(TypedStream *s)
{
    EVP_MD_CTX_free(s->hash);
    free(s->head);
    *s = (TypedStream){NULL};
}
