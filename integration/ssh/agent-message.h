/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of SSH agents (draft-ietf-sshm-ssh-agent) that this one knows: which keys are there,
 * and sign with one. */
#pragma once

#include <openssl/evp.h>

#include "der.h"

/* After the length, which is four bytes. */
#define AGENT_MESSAGE_MAX 16384U

enum {
    AGENT_FAILURE = 5,
    AGENT_REQUEST_IDENTITIES = 11,
    AGENT_IDENTITIES_ANSWER = 12,
    AGENT_SIGN_REQUEST = 13,
    AGENT_SIGN_RESPONSE = 14,
};

typedef struct AgentRequest {
    uint8_t type;
    DerSpan key, data; /* of AGENT_SIGN_REQUEST; borrowed */
    uint32_t flags;
} AgentRequest;

/* Reads what comes after the length. -EBADMSG for what is none; of what is not known only the type
 * is read. */
int agent_request_parse(DerSpan message, AgentRequest *ret);

/* keyd's name of the digest of a signature with this key, "" for ed25519; NULL when what is asked
 * for (rsa with SHA-1, for one) is not to be had. */
const char *agent_digest(const EVP_PKEY *key, uint32_t flags);

/* The answer to AGENT_SIGN_REQUEST, with its length; signature is as keyd gives it. The caller owns
 * *ret. -EBADMSG. */
int agent_sign_response(const EVP_PKEY *key, const char *digest, DerSpan signature, uint8_t **ret,
                        size_t *ret_size);
