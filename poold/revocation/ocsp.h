/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to OCSP responders (RFC 6960) about one certificate, and what their answers are worth.
 */
#pragma once

#include <openssl/ocsp.h>
#include <pthread.h>
#include <stdbool.h>

#include "der.h"
#include "openssl-util.h"

#define OCSP_SIZE_MAX (64U << 10)
#define OCSP_URLS_MAX 4U
#define OCSP_CACHE_MAX 1024U
#define OCSP_KEY_SIZE 64U
#define OCSP_RESPONDER_SIZE 256U

typedef struct OcspQuery {
    OCSP_REQUEST *request;
    OCSP_CERTID *id;
    X509 *issuer; /* borrowed */
    unsigned char *der;
    size_t size;
} OcspQuery;

int ocsp_query_new(X509 *certificate, X509 *issuer, OcspQuery *ret);
void ocsp_query_done(OcspQuery *query);

typedef struct OcspAnswer {
    bool revoked; /* else it is good: what is unknown is no answer */
    int64_t this_update, next_update;
    /* As the answer names him: a distinguished name, or the SHA-1 of his key in hex. */
    char responder[OCSP_RESPONDER_SIZE];
} OcspAnswer;

/* An answer counts when the issuer has signed it, or a responder whom the issuer has appointed and
 * whose certificate is not to be checked for revocation itself; when it is about this certificate
 * and of today; and when it repeats the nonce or has none, as of answers that are made in advance.
 * Returns 0, -ENOMEM, or -EBADMSG with *ret_reason (static). */
int ocsp_answer_read(const OcspQuery *query, DerSpan body, int64_t now, OcspAnswer *ret,
                     const char **ret_reason);

/* --- Answers that are good for a while ---------------------------------------------------------
 */

/* Main loop and workers share it. In memory only: what is lost is asked again. */
typedef struct OcspCache OcspCache;

OcspCache *ocsp_cache_new(void);
OcspCache *ocsp_cache_free(OcspCache *cache);
DEFINE_TRIVIAL_CLEANUP_FUNC(OcspCache *, ocsp_cache_free);
/* The key of a certificate below its issuer: the SHA-256 fingerprints of both. */
int ocsp_cache_key(const X509 *certificate, const X509 *issuer, uint8_t ret[OCSP_KEY_SIZE]);
bool ocsp_cache_get(OcspCache *cache, const uint8_t key[OCSP_KEY_SIZE], int64_t now,
                    OcspAnswer *ret);
/* Where all are taken, the one that ends first goes. */
void ocsp_cache_put(OcspCache *cache, const uint8_t key[OCSP_KEY_SIZE], const OcspAnswer *answer);
/* Returns whether there was any. */
bool ocsp_cache_clear(OcspCache *cache);

typedef struct OcspEntry {
    uint8_t key[OCSP_KEY_SIZE];
    OcspAnswer answer;
} OcspEntry;

/* Those that are good at that time. The caller frees the array. */
int ocsp_cache_list(OcspCache *cache, int64_t now, OcspEntry **ret, size_t *ret_n);
