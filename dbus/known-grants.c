/* SPDX-License-Identifier: Apache-2.0 */
#include "known-grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define CHANGED_MATCH                                                                              \
    "type='signal',sender='" POLKIT_NAME "',path='/org/freedesktop/PolicyKit1/Authority',"         \
    "interface='org.freedesktop.PolicyKit1.Authority',member='Changed'"
#define OWNER_MATCH                                                                                \
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"                \
    "member='NameOwnerChanged',arg0='" POLKIT_NAME "'"
#define SIGNALS 2U

typedef struct Grant {
    char sender[24], task[40];
    uint64_t until;
} Grant;

struct KnownGrants {
    Grant all[KNOWN_GRANTS_MAX];
    size_t next;
    unsigned watched; /* how many of the signals arrive: before all do, nothing is kept */
    sd_bus_slot *changed, *owner;
};

static int on_change(sd_bus_message *signal, void *userdata, sd_bus_error *reterr_error)
{
    known_grants_forget(userdata);
    return 0;
}

static int on_watched(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    KnownGrants *grants = userdata;

    if (sd_bus_message_is_method_error(reply, NULL)) {
        log_warning("Changes of polkit cannot be watched, it is asked about each call: %s",
                    sd_bus_message_get_error(reply)->message);
        return 0;
    }
    grants->watched++;
    return 0;
}

KnownGrants *known_grants_free(KnownGrants *grants)
{
    if (!grants)
        return NULL;
    sd_bus_slot_unref(grants->changed);
    sd_bus_slot_unref(grants->owner);
    free(grants);
    return NULL;
}

static void known_grants_freep(KnownGrants **grants)
{
    known_grants_free(*grants);
}

int known_grants_new(sd_bus *bus, KnownGrants **ret)
{
    _cleanup_(known_grants_freep) KnownGrants *grants = calloc(1, sizeof(*grants));
    int r = 0;

    if (!grants)
        return -ENOMEM;
    if (bus)
        r = sd_bus_add_match_async(bus, &grants->changed, CHANGED_MATCH, on_change, on_watched,
                                   grants);
    else
        grants->watched = SIGNALS;
    if (r >= 0 && bus)
        r = sd_bus_add_match_async(bus, &grants->owner, OWNER_MATCH, on_change, on_watched, grants);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(grants);
    return 0;
}

bool known_grants_has(const KnownGrants *grants, const char *sender, const char *task, uint64_t now)
{
    for (size_t i = 0; i < KNOWN_GRANTS_MAX; i++) {
        const Grant *g = &grants->all[i];

        if (now < g->until && streq(g->sender, sender) && streq(g->task, task))
            return true;
    }
    return false;
}

void known_grants_add(KnownGrants *grants, const char *sender, const char *task, uint64_t now)
{
    Grant *g = &grants->all[grants->next];

    if (grants->watched < SIGNALS || sender[0] != ':' || strlen(sender) >= sizeof(g->sender) ||
        strlen(task) >= sizeof(g->task))
        return;
    (void)snprintf(g->sender, sizeof(g->sender), "%s", sender);
    (void)snprintf(g->task, sizeof(g->task), "%s", task);
    g->until = now + KNOWN_GRANTS_USEC;
    grants->next = (grants->next + 1) % KNOWN_GRANTS_MAX;
}

void known_grants_forget(KnownGrants *grants)
{
    for (size_t i = 0; i < KNOWN_GRANTS_MAX; i++)
        grants->all[i].until = 0;
}
