/* SPDX-License-Identifier: Apache-2.0 */
/* What enrolld has said of its trustpoints, kept until it says that they are others. Belongs to the
 * main loop; workers hold a reference to what it has, or ask themselves and hand in the answer. */
#pragma once

#include <systemd/sd-bus.h>

#include "trustpoints.h"

typedef struct TrustpointCache TrustpointCache;
typedef void (*trustpoint_cache_changed_t)(void *userdata);

/* changed: the trustpoints may be others than before. */
int trustpoint_cache_new(sd_bus *bus, trustpoint_cache_changed_t changed, void *userdata,
                         TrustpointCache **ret);
TrustpointCache *trustpoint_cache_free(TrustpointCache *cache);
DEFINE_TRIVIAL_CLEANUP_FUNC(TrustpointCache *, trustpoint_cache_free);

/* A reference, or NULL when they are not known: then *ret_moment is for trustpoint_cache_put(). */
Trustpoints *trustpoint_cache_get(const TrustpointCache *cache, uint64_t *ret_moment);
/* A reference to what was known last, maybe not any more: most of it will be known again. NULL for
 * nothing. */
Trustpoints *trustpoint_cache_former(const TrustpointCache *cache);
/* Of an answer that was asked for after that moment. Kept when nothing has changed since. */
void trustpoint_cache_put(TrustpointCache *cache, uint64_t moment, Trustpoints *trustpoints);
