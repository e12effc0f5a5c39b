/* SPDX-License-Identifier: Apache-2.0 */
#include "agent-message.h"

#include <errno.h>
#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "openssl-util.h"
#include "ssh-wire.h"

#define RSA_SHA2_256 2U
#define RSA_SHA2_512 4U
#define SIGNATURE_MAX 2048U

DEFINE_TRIVIAL_CLEANUP_FUNC(ECDSA_SIG *, ECDSA_SIG_free);

int agent_request_parse(DerSpan message, AgentRequest *ret)
{
    AgentRequest request = {0};
    const uint8_t *p;

    if (message.size < 1 || message.size > AGENT_MESSAGE_MAX)
        return -EBADMSG;
    request.type = message.data[0];
    message = (DerSpan){message.data + 1, message.size - 1};
    if (request.type == AGENT_SIGN_REQUEST) {
        if (ssh_take_string(&message, &request.key) < 0 ||
            ssh_take_string(&message, &request.data) < 0 || message.size != 4)
            return -EBADMSG;
        p = message.data;
        request.flags = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    } else if (request.type == AGENT_REQUEST_IDENTITIES && message.size > 0)
        return -EBADMSG;
    *ret = request;
    return 0;
}

const char *agent_digest(const EVP_PKEY *key, uint32_t flags)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return flags & RSA_SHA2_512 ? "sha512" : flags & RSA_SHA2_256 ? "sha256" : NULL;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return "";
    if (!ssh_curve_name(key))
        return NULL;
    switch (EVP_PKEY_get_bits(key)) {
    case 256:
        return "sha256";
    case 384:
        return "sha384";
    default:
        return "sha512";
    }
}

static void signature_name(const EVP_PKEY *key, const char *digest, char *name, size_t size)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        (void)snprintf(name, size, "rsa-sha2-%s", digest + STRLEN("sha"));
    else if (EVP_PKEY_is_a(key, "ED25519"))
        (void)snprintf(name, size, "ssh-ed25519");
    else
        (void)snprintf(name, size, "ecdsa-sha2-%s", ssh_curve_name(key));
}

/* RFC 5656 section 3.1.2: the two numbers of an ECDSA signature, each as an mpint. */
static int put_ecdsa(DerSpan der, uint8_t *ret, size_t *ret_size)
{
    const unsigned char *p = der.data;
    _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &p, (long)der.size);
    const BIGNUM *r, *s;

    if (!signature || p != der.data + der.size)
        return -EBADMSG;
    ECDSA_SIG_get0(signature, &r, &s);
    if ((size_t)BN_bn2mpi(r, NULL) + (size_t)BN_bn2mpi(s, NULL) > SIGNATURE_MAX)
        return -EBADMSG;
    *ret_size = (size_t)BN_bn2mpi(r, ret);
    *ret_size += (size_t)BN_bn2mpi(s, ret + *ret_size);
    return 0;
}

int agent_sign_response(const EVP_PKEY *key, const char *digest, DerSpan signature, uint8_t **ret,
                        size_t *ret_size)
{
    uint8_t numbers[SIGNATURE_MAX], *answer, *p;
    size_t inner, size;
    char name[32];

    if (EVP_PKEY_is_a(key, "EC")) {
        int r = put_ecdsa(signature, numbers, &inner);

        if (r < 0)
            return r;
        signature = (DerSpan){numbers, inner};
    }
    if (signature.size == 0 || signature.size > SIGNATURE_MAX)
        return -EBADMSG;
    signature_name(key, digest, name, sizeof name);
    inner = 4 + strlen(name) + 4 + signature.size;
    size = 1 + 4 + inner;
    answer = malloc(4 + size);
    if (!answer)
        return -ENOMEM;
    p = answer;
    for (unsigned shift = 32; shift > 0; shift -= 8)
        *p++ = (uint8_t)(size >> (shift - 8));
    *p++ = AGENT_SIGN_RESPONSE;
    for (unsigned shift = 32; shift > 0; shift -= 8)
        *p++ = (uint8_t)(inner >> (shift - 8));
    p = ssh_put_string(p, name, strlen(name));
    (void)ssh_put_string(p, signature.data, signature.size);
    *ret = answer;
    *ret_size = 4 + size;
    return 0;
}
