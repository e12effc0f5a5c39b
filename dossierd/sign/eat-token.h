/* SPDX-License-Identifier: Apache-2.0 */
/* Entity attestation tokens (RFC 9711, common/eat.h) around any bytes: as a JWT, or as a CWT. They
 * are made as envelopes are: the payload is read to its end, then comes what stands before it, then
 * the signature. */
#pragma once

#include "eat.h"
#include "envelope.h"

typedef enum EatForm {
    EAT_JWT,
    EAT_CWT,
} EatForm;

typedef struct EatToken {
    EatForm form;
    /* Before the payload: as it is signed, and as it is written. */
    uint8_t *signed_head, *head;
    size_t signed_head_size, head_size;
} EatToken;

/* How the payload has to be held. */
EnvelopeEncoding eat_encoding(EatForm form);

/* -EOPNOTSUPP when JOSE and COSE have no algorithm for that kind of key. */
int eat_token_begin(EatForm form, const EnvelopeSigner *signer, const EatClaims *claims,
                    bool include_certificate, uint64_t payload_size, EatToken *ret);
void eat_token_done(EatToken *t);

int eat_token_sign(const EatToken *t, OSSL_LIB_CTX *context, EVP_PKEY *key,
                   const EnvelopeSigner *signer, EnvelopePayload *payload, void **ret,
                   size_t *ret_size);

int eat_token_write(const EatToken *t, int (*write)(void *userdata, const void *data, size_t size),
                    void *userdata, const char *payload, size_t payload_size, const void *signature,
                    size_t signature_size);

/* What is known of the device that root_fd is the root of: uptime, identities, software. What is
 * not known is left out. */
void eat_claims_of_device(int root_fd, EatClaims *claims);
