/* SPDX-License-Identifier: Apache-2.0 */
/* Certification requests (RFC 2986) for a CA elsewhere. Signing may block: for worker threads. */
#pragma once

#include <stdbool.h>

#include "openssl-util.h"

/* "DNS:ios.cisco.com,IP:192.0.2.1,IP:2001:db8::1,email:noc@cisco.com". -EINVAL with *ret_reason
 * (static) for what is no list of such names. */
int alternative_names_parse(const char *text, GENERAL_NAMES **ret, const char **ret_reason);
/* Does the certificate have alternative names, and all of these? NULL for none. */
bool alternative_names_are_in(const char *text, const X509 *certificate);

typedef struct CsrSpec {
    OSSL_LIB_CTX *context;
    const X509_NAME *subject;
    EVP_PKEY *key;
    const char *digest;                          /* ignored for ed25519 */
    const char *alternative_names;               /* NULL for none */
    unsigned key_usage;                          /* KU_*; 0: left to the CA */
    const STACK_OF(X509_EXTENSION) * extensions; /* further ones; NULL for none */
    const char *challenge;                       /* NULL for none */
} CsrSpec;

/* Makes the request and verifies it: the request, which may be NULL, and its bytes. -EIO when
 * signing failed, -EKEYREJECTED when what was signed does not verify. */
int csr_build(const CsrSpec *spec, X509_REQ **ret_request, void **ret_der, size_t *ret_size);

/* The same request once more, with the challenge password. Of the specification the context, the
 * key, the digest and the challenge are read. -EKEYREJECTED when the key is another one. */
int csr_with_challenge(const X509_REQ *request, const CsrSpec *spec, void **ret_der,
                       size_t *ret_size);

/* "-----BEGIN CERTIFICATE REQUEST-----". The caller frees. */
int csr_to_pem(const void *der, size_t size, char **ret);
