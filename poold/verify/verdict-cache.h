/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts that are good for a while: that a path was found, and by whose policy. Only good ones
 * are kept, so that what was refused is looked at again each time. Whoever changes anything that a
 * verdict comes from clears the cache. */
#pragma once

#include "der.h"
#include "verify.h"

#define VERDICT_CACHE_MAX 1024U
#define VERDICT_KEY_SIZE 32U
/* Larger requests are not worth their digest in the main loop. */
#define VERDICT_REQUEST_MAX (64U << 10)

typedef struct KeptVerdict {
    uint8_t key[VERDICT_KEY_SIZE];
    int64_t since, until; /* seconds since the epoch: from the one, and before the other */
    uint64_t used;        /* the larger, the later; 0: there is none */
    char *path;           /* fingerprints, with spaces between them */
    char *trustpoint;     /* whose policy it was; NULL: the pool's */
} KeptVerdict;

typedef struct VerdictCache VerdictCache;

VerdictCache *verdict_cache_new(void);
VerdictCache *verdict_cache_free(VerdictCache *cache);
DEFINE_TRIVIAL_CLEANUP_FUNC(VerdictCache *, verdict_cache_free);

/* Of everything that makes a question another one, but for its time. revocation: the word for it;
 * trustpoint: whose policy is preferred, may be NULL. 0 or -ENOMEM. */
int verdict_cache_key(const VerifyRequest *request, const char *revocation, const char *trustpoint,
                      uint8_t ret[VERDICT_KEY_SIZE]);
/* NULL when there is none that is good now. Borrowed until the next call. */
const KeptVerdict *verdict_cache_get(VerdictCache *cache, const uint8_t key[VERDICT_KEY_SIZE],
                                     int64_t now);
/* trustpoint may be NULL. Where no room is left, the one that was of no use for the longest time of
 * some goes. */
int verdict_cache_put(VerdictCache *cache, const uint8_t key[VERDICT_KEY_SIZE], int64_t since,
                      int64_t until, const char *path, const char *trustpoint);
void verdict_cache_clear(VerdictCache *cache);
