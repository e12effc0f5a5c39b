/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope that keyd hashes while its payload is still being read. What the header says is
 * settled as soon as the payload is under way, from how it begins; should that turn out to be wrong
 * at its end, or be no longer true, it is sealed once more. */
#pragma once

#include "envelope.h"
#include "keyd-client.h"

/* A smaller payload is there before keyd has been asked. */
#define SEAL_EARLY_SIZE (UINT64_C(1) << 20)
/* Of all jobs, because each holds a connection to the bus until its payload is complete. The others
 * are sealed then. */
#define SEAL_EARLY_MAX 4U
/* Seconds for which the time in a header may be taken as the present one. */
#define SEAL_AGE_MAX 60

typedef struct Seal {
    char *header; /* NULL: none is under way */
    const char *content_type;
    int64_t issued_at;
    KeydStream *stream;
    size_t n_fed; /* bytes of header, dot, text and end */
    bool early;
} Seal;

/* Can keyd hash it while it is read? */
bool seal_is_for(const EnvelopeSigner *signer);

typedef struct SealRequest {
    const EnvelopeSigner *signer;
    const char *label;        /* of the key */
    const char *content_type; /* static; may be NULL */
    const char *nonce;        /* may be NULL */
    int64_t now;
    bool include_certificate;
} SealRequest;

/* Begins, before the end of the payload. Whatever goes wrong, seal_finish() does all of it. */
void seal_begin_early(Seal *s, const SealRequest *request);
/* Gives keyd what there is of the payload, as far as it takes it at once. */
void seal_feed(Seal *s, const EnvelopePayload *payload, int64_t now);

/* With the request as it is at the end. On success s->header is what was signed. -ECANCELED,
 * -ETIMEDOUT; else keyd_last_error() says why. */
int seal_finish(Seal *s, const SealRequest *request, EnvelopePayload *payload, int cancel_fd,
                char **ret_signature);

void seal_done(Seal *s);
