/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the trustpool until some day if nobody does anything. No clock is read here. */
#pragma once

#include "authority.h"

typedef enum PoolEvent {
    POOL_EVENT_ALERT, /* it would be said that a CA certificate expires */
    POOL_EVENT_END,   /* a CA certificate would have expired */
    POOL_EVENT_BREAK, /* the last one: nobody would be trusted any more */
} PoolEvent;

/* "alert", "pool", "break" */
const char *pool_event_name(PoolEvent event);

/* text: one sentence. A negative errno ends it. */
typedef int (*pool_foresee_t)(void *userdata, int64_t when, PoolEvent event, const char *text);

/* Everything from now until at, both included. updates: is there a URL that the pool is renewed
 * from? What has expired before is nobody's concern. */
int pool_foresee(const AuthorityList *active, bool updates, int64_t now, int64_t at,
                 pool_foresee_t report, void *userdata);
