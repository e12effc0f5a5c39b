/* SPDX-License-Identifier: Apache-2.0 */
/* Is this chain good? Path validation (RFC 5280) by OpenSSL with parameters that are all said here:
 * the trustpool and nothing else is trusted, nothing is fetched, path building is bounded. Knows no
 * bus and no daemon. */
#pragma once

#include "authority.h"
#include "der.h"

#define VERIFY_SIZE_MAX (4U << 20)
#define VERIFY_CERTIFICATES_MAX 64U
#define VERIFY_CRLS_MAX 64U
#define VERIFY_DEPTH_MAX 16

typedef enum VerifyRevocation {
    VERIFY_REVOCATION_REQUIRED, /* for each certificate of the path there has to be a CRL */
    VERIFY_REVOCATION_OPTIONAL, /* where there is one, it counts */
    VERIFY_REVOCATION_NONE,
} VerifyRevocation;

typedef struct VerifyRequest {
    const void
        *data; /* PEM: the certificate, then others that may lead to an authority, and CRLs */
    size_t size;
    const char *purpose; /* "tls-server", "tls-client" or "any" */
    const char *name;    /* DNS name or IP address that the certificate has to be for; NULL: any */
    int64_t time;        /* seconds since the epoch */
    VerifyRevocation revocation;
    bool lenient;   /* key identifiers may be missing; and of the authority that the path ends at,
                       the key usage, and the criticality of its basic constraints */
    DerSpan staple; /* what a responder has said of the first, that came with it; may be empty */
    bool legacy;    /* SHA-1 and short keys are no reason */
} VerifyRequest;

typedef struct VerifyVerdict {
    bool valid;
    const char *reason; /* static, mostly OpenSSL's sentence; "ok" when it is valid */
    int error;          /* OpenSSL's number of it */
    unsigned depth; /* of the certificate in the path that the reason is about; 0 is the first */
    size_t n;       /* of the path, as far as it was built */
    char path[VERIFY_DEPTH_MAX + 2][65]; /* SHA-256 fingerprints, the certificate's own first */
} VerifyVerdict;

/* Returns 0 with the verdict, -EBADMSG for data that is not what it has to be or -EINVAL for a
 * purpose or name that is none, both with *ret_reason (static), or -ENOMEM. */
int verify_chain(const VerifyRequest *request, const AuthorityList *authorities, VerifyVerdict *ret,
                 const char **ret_reason);

/* --- Step by step, for whoever has more CRLs to give ------------------------------------------ */

typedef struct Verifier Verifier;

/* Reads the request, which has to stay. Errors as above. */
int verifier_new(const VerifyRequest *request, Verifier **ret, const char **ret_reason);
Verifier *verifier_free(Verifier *v);
DEFINE_TRIVIAL_CLEANUP_FUNC(Verifier *, verifier_free);

/* A verdict with these authorities; more may be NULL: CRLs and certificates besides those of the
 * request. */
typedef struct VerifyMore {
    STACK_OF(X509_CRL) * crls;
    STACK_OF(X509) * others;
} VerifyMore;
int verifier_run(Verifier *v, const AuthorityList *authorities, VerifyRevocation revocation,
                 const VerifyMore *more, VerifyVerdict *ret);

/* The path of the last run. Borrowed. */
STACK_OF(X509) * verifier_path(const Verifier *v);
/* The certificates that were brought along, without the first. Borrowed. */
const STACK_OF(X509) * verifier_others(const Verifier *v);
/* Have CRLs been brought along? */
bool verifier_has_crls(const Verifier *v);
/* From now on nothing is missed when this certificate has no current CRL. */
int verifier_exempt(Verifier *v, const X509 *certificate);
/* In a word: "good", "revoked", "unknown" (the path is good, and whether something of it is
 * revoked cannot be told) or "bad". */
const char *verify_word(const VerifyVerdict *verdict);
/* Is it the reason that a certificate has no current CRL? */
bool verify_lacks_crl(const VerifyVerdict *verdict);
