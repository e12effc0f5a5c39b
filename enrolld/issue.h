/* SPDX-License-Identifier: Apache-2.0 */
/* Making certificates (RFC 5280 profile) and requests (RFC 2986), whatever the keys are: in keyd
 * for the daemon, in memory for tests. Everything here may block in the signing key; for worker
 * threads. */
#pragma once

#include "openssl-util.h"

/* Who the certificate is for: the configured name, then the router's own parts, each an RDN of its
 * own. NULL leaves a part out. */
typedef struct IssueSubject {
    const char *configured;
    const char *fqdn;          /* unstructuredName */
    const char *address;       /* unstructuredAddress */
    const char *serial_number; /* of the router */
} IssueSubject;

/* -EINVAL with *ret_reason (static) when the configured name does not parse. */
int issue_subject_build(const IssueSubject *subject, X509_NAME **ret, const char **ret_reason);

typedef struct Issue {
    OSSL_LIB_CTX *context;
    const X509_NAME *subject;
    EVP_PKEY *subject_key;
    X509 *issuer; /* NULL: self-signed, a CA */
    EVP_PKEY *issuer_key;
    const char *digest; /* ignored for ed25519 */
    const char *serial; /* hex */
    int64_t not_before, not_after;
    unsigned key_usage; /* KU_* */
} Issue;

/* Makes the certificate and reads it back: what is returned parses, verifies and forms a path to
 * its issuer. -EKEYREJECTED when it doesn't; -ERANGE for a time that no certificate can hold; -EIO
 * when signing failed. */
int issue_certificate(const Issue *issue, void **ret_der, size_t *ret_size);

/* Proof of possession: a CertificationRequest for the subject, signed by the subject's key and
 * verified. -EIO, -EKEYREJECTED. */
int issue_prove(const Issue *issue);
