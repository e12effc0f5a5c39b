/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a few of thousands of authorities without looking at each: by the beginning of a
 * fingerprint, and by a part of the subject. Belongs to one list that does not change. */
#pragma once

#include "authority.h"

typedef struct PoolSearch PoolSearch;

int pool_search_new(const AuthorityList *list, PoolSearch **ret);
PoolSearch *pool_search_free(PoolSearch *search);
DEFINE_TRIVIAL_CLEANUP_FUNC(PoolSearch *, pool_search_free);

/* Numbers of items, ascending. found() may say no by a negative errno, which ends it. */
typedef int (*pool_search_found_t)(void *userdata, size_t item);
/* Those whose SHA-256 or SHA-1 fingerprint begins so, hex in any case. */
int pool_search_fingerprint(const PoolSearch *search, const char *prefix, pool_search_found_t found,
                            void *userdata);
/* Those whose subject has this in it, in any case of ASCII letters. */
int pool_search_subject(const PoolSearch *search, const char *part, pool_search_found_t found,
                        void *userdata);
