/* SPDX-License-Identifier: Apache-2.0 */
/* The pool on its way to the others: the exported files, and then the news on the bus. Thousands of
 * files take a while, so that threads write them, one at a time; the numbers that they draw in the
 * main loop see to it that none writes an older pool over a newer one. */
#include "atomic-file.h"
#include "export.h"
#include "log.h"
#include "names.h"
#include "poold.h"
#include "system-trust.h"

typedef struct Publication {
    Poold *poold;
    const AuthorityList *active;
    uint64_t number;
    publish_then_t then;
    void *userdata;
} Publication;

/* Those that the system has not got by itself. */
static int list_for_system(const Publisher *publisher, const AuthorityList *active,
                           AuthorityList **ret)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    int r = list ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < active->n; i++)
        if (!authority_list_find(publisher->built_in, active->items[i]->digest))
            r = authority_list_append(list, active->items[i]);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(list);
    return 0;
}

static int write_for_system(const Publisher *publisher, const AuthorityList *active)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL;
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r = 0;

    if (__atomic_load_n(&publisher->system, __ATOMIC_ACQUIRE)) {
        r = list_for_system(publisher, active, &list);
        if (r >= 0)
            r = export_bundle(list, &text, &size);
    }
    return r < 0 ? r : atomic_write_at(publisher->dirfd, SYSTEM_TRUST_FILE, text ?: "", size, 0644);
}

void publisher_write(Publisher *publisher, const AuthorityList *active, uint64_t number)
{
    int r = 0;

    (void)pthread_mutex_lock(&publisher->lock);
    if (number > publisher->written) {
        r = export_pool(publisher->dirfd, active);
        if (r >= 0)
            r = write_for_system(publisher, active);
        publisher->written = number;
    }
    (void)pthread_mutex_unlock(&publisher->lock);
    if (r < 0)
        log_error_errno(
            r, "The pool cannot be exported, other programs go on with the former one: %m");
}

static int on_restarted(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    if (sd_bus_message_is_method_error(reply, NULL))
        log_error("%s cannot be started, the system's list of CA certificates stays as it is: %s",
                  SYSTEM_TRUST_UNIT, sd_bus_message_get_error(reply)->message);
    return 1;
}

/* Restarted rather than started: one that runs may have read the file already. */
void poold_restart_system_trust(Poold *poold)
{
    int r;

    if (!poold->in_system && !poold->policy->export_system)
        return;
    poold->in_system = poold->policy->export_system;
    r = sd_bus_call_method_async(server_bus(poold->server), NULL, "org.freedesktop.systemd1",
                                 "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                 "RestartUnit", on_restarted, NULL, "ss", SYSTEM_TRUST_UNIT,
                                 "replace");
    if (r < 0)
        log_error_errno(r, "systemd cannot be asked for %s: %m", SYSTEM_TRUST_UNIT);
}

void poold_announce(Poold *poold)
{
    int r =
        sd_bus_emit_properties_changed(server_bus(poold->server), TRUSTPOOL_PATH, TRUSTPOOL_NAME,
                                       "BuiltIn", "Downloaded", "Active", "EarliestExpiry", NULL);

    if (r >= 0)
        r = sd_bus_emit_signal(server_bus(poold->server), TRUSTPOOL_PATH, TRUSTPOOL_NAME, "Changed",
                               NULL);
    if (r < 0)
        log_warning_errno(r, "The change of the pool cannot be announced on the bus, ignoring: %m");
    poold_restart_system_trust(poold);
}

static void publication_free(void *userdata)
{
    Publication *publication = userdata;

    authority_list_unref(publication->active);
    free(publication);
}

static int publication_run(Job *job, void *userdata)
{
    const Publication *publication = userdata;

    publisher_write(&publication->poold->publisher, publication->active, publication->number);
    return 0;
}

static int publication_done(Job *job, void *userdata, int r)
{
    const Publication *publication = userdata;

    poold_announce(publication->poold);
    if (publication->then)
        publication->then(publication->userdata);
    return r;
}

void poold_publish(Poold *poold, publish_then_t then, void *userdata)
{
    Publication *publication = calloc(1, sizeof *publication);
    const AuthorityList *active = pool_get_active(poold->pool);
    uint64_t number = ++poold->publisher.drawn;
    int r = publication ? 0 : -ENOMEM;

    if (publication) {
        *publication = (Publication){poold, authority_list_ref(active), number, then, userdata};
        r = job_start_internal(poold->server, &(JobWork){.kind = "publish",
                                                         .run = publication_run,
                                                         .done = publication_done,
                                                         .free_data = publication_free,
                                                         .data = publication});
    }
    if (r >= 0)
        return;
    log_warning_errno(r, "Failed to start a worker thread, exporting the pool without one: %m");
    publisher_write(&poold->publisher, active, number);
    poold_announce(poold);
    if (then)
        then(userdata);
}
