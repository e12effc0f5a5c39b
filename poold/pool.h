/* SPDX-License-Identifier: Apache-2.0 */
/* The trustpool: the built-in CAs, the downloaded ones, and which of them are active. A Pool never changes: an import makes a new one, aside, and
 * whoever holds the pointer replaces it. */
#pragma once

#include "authority.h"
#include "json-util.h"

typedef struct Pool Pool;

/* built_in stays the caller's and has to outlive the pool; downloaded becomes the pool's, on failure too. A built-in CA is inactive while a downloaded one
 * has its subject. */
int pool_new(const AuthorityList *built_in, AuthorityList *downloaded, Pool **ret);
Pool *pool_free(Pool *pool);
DEFINE_TRIVIAL_CLEANUP_FUNC(Pool *, pool_free);

size_t pool_built_in(const Pool *pool);
size_t pool_downloaded(const Pool *pool);
size_t pool_active(const Pool *pool);
const AuthorityList *pool_get_downloaded(const Pool *pool);
/* When the first active certificate expires, seconds since the epoch; 0 for an empty pool. */
int64_t pool_earliest_expiry(const Pool *pool);

/* The active certificates as concatenated PEM, each under its subject as a comment. */
const char *pool_bundle(const Pool *pool, size_t *ret_size);

/* The array of org.chancery.TrustPool1.List. */
void pool_write_list(const Pool *pool, JsonWriter *w);
