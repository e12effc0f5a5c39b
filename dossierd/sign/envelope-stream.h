/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope that goes out while its payload comes in: keyd hashes what the reader gets, and
 * nothing is held. Header and signature follow the payload in it. Whatever fails, the reader has
 * the begin of a JSON object without a signature, which nobody takes for an envelope. Not for
 * ed25519, which reads its input twice. */
#pragma once

#include "envelope.h"

typedef struct EnvelopeStream EnvelopeStream;

/* Can keyd hash what this one signs while it is written? */
bool envelope_stream_is_for(const EnvelopeSigner *signer);

typedef struct EnvelopeStreamTo {
    int output;    /* a pipe, socket or memory file */
    int cancel_fd; /* may be -1 */
} EnvelopeStreamTo;

/* label: of the signer's key. header: of envelope_header(); both are copied to where they are
 * needed, the signer has to stay. Nothing is written yet. */
int envelope_stream_new(const EnvelopeSigner *signer, const char *label, const char *header,
                        const EnvelopeStreamTo *to, EnvelopeStream **ret);
EnvelopeStream *envelope_stream_free(EnvelopeStream *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(EnvelopeStream *, envelope_stream_free);

/* All three: -EPIPE or -ETIMEDOUT when the reader has gone or does not read, -ECANCELED, -EMSGSIZE
 * beyond ENVELOPE_PAYLOAD_MAX; -EREMOTEIO when keyd does not sign, and keyd_last_error() says why.
 */
int envelope_stream_add(EnvelopeStream *s, const void *data, size_t size);
/* There is no more. Of the signature, nothing is written yet. */
int envelope_stream_seal(EnvelopeStream *s);
/* Writes the rest; the reader sees the end when output is closed. *ret_size: of the envelope. */
int envelope_stream_finish(EnvelopeStream *s, uint64_t *ret_size);
