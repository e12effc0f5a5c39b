/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint-cache.h"

#include "log.h"
#include "names.h"

struct TrustpointCache {
    Trustpoints *current; /* NULL: not known */
    Trustpoints *former;  /* known last; may be NULL */
    uint64_t moment;      /* the number of changes so far */
    unsigned watched;     /* how many of the two signals arrive: before both do, nothing is kept */
    sd_bus_slot *changes, *owner;
    trustpoint_cache_changed_t changed;
    void *userdata;
};

/* enrolld announces a change before it answers whoever has asked for it, so that what is verified
 * afterwards finds it announced here. */
static int on_change(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    TrustpointCache *cache = userdata;

    cache->moment++;
    if (cache->current) {
        trustpoints_free(cache->former);
        cache->former = TAKE_PTR(cache->current);
    }
    cache->changed(cache->userdata);
    return 0;
}

static int on_watched(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    TrustpointCache *cache = userdata;

    if (sd_bus_message_is_method_error(reply, NULL)) {
        log_warning("Changes of trustpoints cannot be watched, enrolld is asked each time: %s",
                    sd_bus_message_get_error(reply)->message);
        return 0;
    }
    cache->watched++;
    return 0;
}

Trustpoints *trustpoint_cache_get(const TrustpointCache *cache, uint64_t *ret_moment)
{
    *ret_moment = cache->moment;
    return cache->current ? trustpoints_ref(cache->current) : NULL;
}

Trustpoints *trustpoint_cache_former(const TrustpointCache *cache)
{
    return cache->former ? trustpoints_ref(cache->former) : NULL;
}

void trustpoint_cache_put(TrustpointCache *cache, uint64_t moment, Trustpoints *trustpoints)
{
    bool is_current = cache->watched >= 2 && moment == cache->moment;

    if (cache->current == trustpoints || cache->former == trustpoints)
        return;
    /* With a current one there is no need of another. */
    cache->former = trustpoints_free(cache->former);
    if (is_current) {
        trustpoints_free(cache->current);
        cache->current = trustpoints_ref(trustpoints);
    } else if (!cache->current)
        cache->former = trustpoints_ref(trustpoints);
}

TrustpointCache *trustpoint_cache_free(TrustpointCache *cache)
{
    if (cache) {
        sd_bus_slot_unref(cache->changes);
        sd_bus_slot_unref(cache->owner);
        trustpoints_free(cache->current);
        trustpoints_free(cache->former);
        free(cache);
    }
    return NULL;
}

/* A new enrolld may know other trustpoints than the former one. */
int trustpoint_cache_new(sd_bus *bus, trustpoint_cache_changed_t changed, void *userdata,
                         TrustpointCache **ret)
{
    static const char change[] = "type='signal',sender='" ENROLLMENT_NAME "',path='" ENROLLMENT_PATH
                                 "',interface='" ENROLLMENT_NAME "',member='TrustpointsChanged'";
    static const char owner[] = "type='signal',sender='org.freedesktop.DBus',"
                                "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                                "arg0='" ENROLLMENT_NAME "'";
    _cleanup_(trustpoint_cache_freep) TrustpointCache *cache = calloc(1, sizeof *cache);
    int r;

    if (!cache)
        return -ENOMEM;
    cache->changed = changed;
    cache->userdata = userdata;
    r = sd_bus_add_match_async(bus, &cache->changes, change, on_change, on_watched, cache);
    if (r >= 0)
        r = sd_bus_add_match_async(bus, &cache->owner, owner, on_change, on_watched, cache);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(cache);
    return 0;
}
