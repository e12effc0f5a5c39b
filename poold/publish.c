/* SPDX-License-Identifier: Apache-2.0 */
/* The pool on its way to the others: the exported files, and then the news on the bus. Thousands of
 * files take a while, so that threads write them, one at a time; the numbers that they draw in the
 * main loop see to it that none writes an older pool over a newer one. */
#include "export.h"
#include "log.h"
#include "names.h"
#include "poold.h"

typedef struct Publication {
    Poold *poold;
    const AuthorityList *active;
    uint64_t number;
    publish_then_t then;
    void *userdata;
} Publication;

void publisher_write(Publisher *publisher, const AuthorityList *active, uint64_t number)
{
    int r = 0;

    (void)pthread_mutex_lock(&publisher->lock);
    if (number > publisher->written) {
        r = export_pool(publisher->dirfd, active);
        publisher->written = number;
    }
    (void)pthread_mutex_unlock(&publisher->lock);
    if (r < 0)
        log_error_errno(
            r, "The pool cannot be exported, other programs go on with the former one: %m");
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
