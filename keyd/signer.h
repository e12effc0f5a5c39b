/* SPDX-License-Identifier: Apache-2.0 */
/* A signature over a digest, with contexts that are kept: what OpenSSL looks up and allocates for a
 * signature costs a quarter of a P-256 one. A key keeps a few for the threads that sign with it,
 * and they go with the key. */
#pragma once

#include <openssl/evp.h>
#include <stdatomic.h>

#include "algorithm.h"
#include "cleanup.h"

#define SIGNERS_KEPT_MAX 8U

typedef struct Signer Signer;

/* Of one key; begins with all zero. Any thread may take from it and give back to it. */
typedef struct Signers {
    _Atomic(Signer *) kept[SIGNERS_KEPT_MAX];
} Signers;

/* Nobody uses any of them. */
void signers_done(Signers *signers);

/* One that nobody else uses, ready for the first piece. */
int signer_take(Signers *signers, EVP_PKEY *pkey, Digest digest, Signer **ret);
/* Only after signer_finish() went well: whatever went wrong stays with that one. */
void signer_give(Signers *signers, Signer *s);
Signer *signer_free(Signer *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Signer *, signer_free);

int signer_update(Signer *s, const void *data, size_t size);
/* Goes on where a hash of the same digest is, in the place of pieces of its own. */
int signer_resume(Signer *s, const EVP_MD_CTX *hash);
/* size: what there is room for, and then what was written. */
int signer_finish(Signer *s, uint8_t *signature, size_t *size);
