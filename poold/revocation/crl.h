/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists (RFC 5280 section 5). A Crl never changes after it was made, so that
 * several threads may hold it; what is in it was signed by the certificate that is kept with it.
 * Whether it is the right one for a certificate is decided where that certificate is verified. */
#pragma once

#include <stdbool.h>

#include "der.h"
#include "openssl-util.h"

#define CRL_SIZE_MAX (8U << 20)
#define CRL_DIGEST_SIZE 32U
/* How far ahead of ours a CA's clock may be. */
#define CRL_CLOCK_SKEW 300
/* As URL of a list that a CA has given over SCEP, with the name of the trustpoint behind it that
 * has asked. */
#define CRL_SCEP_PREFIX "scep:"

typedef struct Crl {
    void *der;
    size_t der_size;
    void *signer; /* DER of the certificate that it is signed under */
    size_t signer_size;
    char *url;    /* where it came from; what the operator says about it otherwise */
    char *issuer; /* for people */
    char *number; /* "0A:01"; NULL when it has none */
    int64_t this_update, next_update;
    bool delta, indirect;
    size_t entries;
    unsigned long issuer_hash;       /* as X509_NAME_hash_ex() makes it */
    uint8_t digest[CRL_DIGEST_SIZE]; /* SHA-256 of the whole */
    /* The same for all that replace one another: SHA-256 over issuer, key, scope and kind. */
    uint8_t slot[CRL_DIGEST_SIZE];
    unsigned references; /* atomic */
} Crl;

/* Strictly one CRL of version 2 whose extensions are all known as far as they are critical. Returns
 * 0, -ENOMEM, or -EBADMSG with *ret_reason (static): "it ...". */
int crl_parse(DerSpan der, X509_CRL **ret, const char **ret_reason);
/* Which of the certificates has signed it, and may? NULL for none of them. Borrowed. */
X509 *crl_find_signer(X509_CRL *crl, const STACK_OF(X509) * candidates);
/* Is it of use at this moment? 0, or -EKEYEXPIRED or -EAGAIN (not yet), with *ret_reason. */
int crl_check_time(const Crl *crl, int64_t now, const char **ret_reason);

/* What the caller has found the signer of. Returns 0, -ENOMEM, or -EBADMSG with *ret_reason. */
int crl_new(DerSpan der, X509 *signer, const char *url, Crl **ret, const char **ret_reason);
/* By its URL. */
bool crl_is_of_scep(const Crl *crl);
Crl *crl_ref(Crl *crl);
Crl *crl_free(Crl *crl);
DEFINE_TRIVIAL_CLEANUP_FUNC(Crl *, crl_free);

/* Both of one slot: negative when a was issued before b, 0 when they are the same list. By number
 * where both have one, else by the time of their issue. */
int crl_compare(const Crl *a, const Crl *b);

/* --- Several of them -------------------------------------------------------------------------- */

typedef struct CrlList {
    Crl **items;
    size_t n, n_allocated;
} CrlList;

/* Takes over the reference, on success only. */
int crl_list_append(CrlList *list, Crl *crl);
void crl_list_done(CrlList *list);
