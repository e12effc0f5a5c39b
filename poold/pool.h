/* SPDX-License-Identifier: Apache-2.0 */
/* The trustpool: the built-in CAs, the downloaded ones, and which of them are active. A Pool never
 * changes: an import makes a new one, aside, and whoever holds the pointer replaces it. */
#pragma once

#include "authority.h"
#include "json-util.h"

typedef struct Pool Pool;

typedef enum PoolState {
    POOL_ACTIVE,
    POOL_SUPERSEDED, /* a built-in CA, and a downloaded one has its subject */
    POOL_WEAK,       /* "crypto ca rsa 1024 disable" is configured and meant for it */
} PoolState;

/* built_in stays the caller's and has to outlive the pool; downloaded becomes the pool's, on
 * failure too. refuse_weak: see authority_is_weak(). */
int pool_new(const AuthorityList *built_in, AuthorityList *downloaded, bool refuse_weak,
             Pool **ret);
Pool *pool_ref(Pool *pool); /* for a worker */
Pool *pool_free(Pool *pool);
DEFINE_TRIVIAL_CLEANUP_FUNC(Pool *, pool_free);

size_t pool_built_in(const Pool *pool);
size_t pool_downloaded(const Pool *pool);
size_t pool_active(const Pool *pool);
const AuthorityList *pool_get_downloaded(const Pool *pool);
/* The active certificates, built-in ones first. A reference keeps them beyond the pool. */
const AuthorityList *pool_get_active(const Pool *pool);
/* When the first of the active certificates expires that do so after that moment, seconds since the
 * epoch; 0 when there is none. */
int64_t pool_next_expiry(const Pool *pool, int64_t after);

/* What org.chancery.TrustPool1.List shows: all, or those that match. */
typedef struct PoolFilter {
    const char *subject;     /* part of the subject, in any case of letters; NULL: any */
    const char *fingerprint; /* the beginning of the SHA-1 or SHA-256 fingerprint, hex; NULL: any */
} PoolFilter;
/* The writer's errors are its own. */
int pool_write_list(const Pool *pool, const PoolFilter *filter, JsonWriter *w);
