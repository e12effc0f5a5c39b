/* SPDX-License-Identifier: Apache-2.0 */
/* Is a certificate of a good path revoked? The verdict comes from OpenSSL; what it lacks is looked
 * for in the cache and then where the certificates say that it is. Nothing is fetched for a path
 * that is not good by itself (PEERS F23). */
#pragma once

#include "crl-work.h"
#include "verify.h"

typedef struct RevocationPolicy {
    VerifyRevocation revocation;
    const char *query_url; /* may be NULL */
    DerSpan staple;        /* what a responder has said of the first certificate; may be empty */
    CrlAsker scep;         /* whose CA may be asked for its list */
    X509 *scep_ca;         /* that CA */
} RevocationPolicy;

/* For a verifier whose last run found a good path to these authorities. The verdict is replaced. */
int revocation_check(Verifier *v, const AuthorityList *authorities, const RevocationPolicy *policy,
                     CrlWork *work, VerifyVerdict *verdict);
