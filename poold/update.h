/* SPDX-License-Identifier: Apache-2.0 */
/* The trustpool renews itself: a timer to the next try, what is remembered of the last one,
 * warnings where no URL is configured, and alerts of what expires nevertheless. */
#pragma once

#include <stdint.h>

#include "authority.h"

typedef struct Poold Poold;
typedef struct Update Update;

/* Reads what is remembered; a first start remembers that nothing that had expired by then is to be
 * renewed. */
int update_new(Poold *poold, Update **ret);
Update *update_free(Update *update);
DEFINE_TRIVIAL_CLEANUP_FUNC(Update *, update_free);

/* To be called when the pool, the policy or an import has changed anything. Starts what is due. */
void update_arm(Update *update);
/* The pool is another one now; before: what was active in the last one. */
void update_note_pool(Update *update, const AuthorityList *before);
/* An import has begun; has ended, with the pool up to date or with the reason why not. */
void update_note_attempt(Update *update);
void update_note_success(Update *update);
void update_note_failure(Update *update, const char *reason);
/* Seconds since the epoch; 0 when there is nothing to be done. */
int64_t update_next(const Update *update);
