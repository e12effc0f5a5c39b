/* SPDX-License-Identifier: Apache-2.0 */
/* What an EST server answers (RFC 7030, with the clarifications of RFC 8951) as bytes: read
 * strictly and with limits. No network, no state. */
#pragma once

#include <stdbool.h>

#include "est-template.h"
#include "openssl-util.h"
#include "received.h"

#define EST_REPLY_MAX (384U << 10)
#define EST_ATTRIBUTES_MAX (64U << 10)

/* The certificates in an answer to cacerts, simpleenroll or simplereenroll: the base64 of a
 * SignedData without signers. type: the content type; NULL for none. -EBADMSG, -EMSGSIZE with
 * *ret_reason (static). */
int est_certificates_parse(const char *type, const void *text, size_t size, ReceivedList *ret,
                           const char **ret_reason);

/* Which keys; combined. */
typedef enum EstKeys {
    EST_KEY_RSA = 1 << 0,
    EST_KEY_P256 = 1 << 1,
    EST_KEY_P384 = 1 << 2,
    EST_KEY_P521 = 1 << 3,
    EST_KEY_ED25519 = 1 << 4,
} EstKeys;

typedef enum EstDigests {
    EST_SHA256 = 1 << 0,
    EST_SHA384 = 1 << 1,
    EST_SHA512 = 1 << 2,
} EstDigests;

/* What the server wants in a request (csrattrs). */
typedef struct EstAttributes {
    unsigned keys;      /* EstKeys; 0: any */
    uint64_t rsa_bits;  /* how long an RSA key has to be; 0: any */
    unsigned digests;   /* EstDigests; 0: any */
    bool wants_binding; /* challengePassword: of the TLS connection that the request comes over */
    STACK_OF(X509_EXTENSION) * extensions; /* keyUsage and extendedKeyUsage; NULL for none */
    EstTemplate *template; /* NULL for none; with one there is nothing else of these */
} EstAttributes;

/* What is not known is left out, as RFC 7030 section 4.5.2 says. -EBADMSG as above. */
int est_attributes_parse(const char *type, const void *text, size_t size, EstAttributes *ret,
                         const char **ret_reason);
void est_attributes_done(EstAttributes *attributes);
/* Can a request for this key of keyd do it? digest: the configured one; *ret_digest: the one to
 * take (static). -EOPNOTSUPP with *ret_reason (static). */
int est_attributes_check(const EstAttributes *attributes, const char *algorithm, uint64_t bits,
                         const char *digest, const char **ret_digest, const char **ret_reason);
