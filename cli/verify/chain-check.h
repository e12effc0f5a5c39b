/* SPDX-License-Identifier: Apache-2.0 */
/* From the signing certificate to the one root that the collector enrolled. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#define CHAIN_REASON_SIZE 256U

typedef enum ChainStatus {
    CHAIN_GOOD,
    CHAIN_EXPIRED, /* a certificate's time is over at that time */
    CHAIN_NOT_YET_VALID,
    CHAIN_UNTRUSTED, /* it does not lead to the root */
    CHAIN_UNFIT,     /* the signer is a CA, or not for signing */
    CHAIN_REVOKED,
    CHAIN_REVOCATION_UNKNOWN, /* a list is missing, out of date, or not its issuer's */
} ChainStatus;

/* Verifies at the given time; others are candidates for the certificates between. reason: one
 * clause for people unless the chain is good. */
ChainStatus chain_check(X509 *root, X509 *signer, STACK_OF(X509) * others, int64_t at,
                        char reason[CHAIN_REASON_SIZE]);

static inline void crl_stack_freep(STACK_OF(X509_CRL) * *stack)
{
    if (*stack)
        sk_X509_CRL_pop_free(*stack, X509_CRL_free);
}

/* Is one of these certificates revoked, by lists that are valid at that time? Every certificate of
 * the chain needs the list of its issuer. What only has expired is not looked at. */
ChainStatus chain_check_revocation(X509 *root, X509 *signer, STACK_OF(X509) * others,
                                   STACK_OF(X509_CRL) * crls, int64_t at,
                                   char reason[CHAIN_REASON_SIZE]);
