/* SPDX-License-Identifier: Apache-2.0 */
/* Which job of a trustpoint is due when: it asks again for a request that waits, renews, goes on
 * with a renewal or a roll over. */
#include <limits.h>

#include "clock.h"
#include "enrolld.h"
#include "log.h"
#include "server-method.h"
#include "trustpoint-job.h"

#define JOBS_AT_ONCE 8U

static bool is_polling(const Trustpoint *t)
{
    return trustpoint_polled_request(t, 0);
}

/* What has begun is brought to its end at once. */
static int64_t renewal_wait_of(const Trustpoint *t, int64_t now)
{
    return t->config && trustpoint_replacement(t) != REPLACEMENT_NONE
               ? 0
               : trustpoint_renewal_wait(t, now);
}

static int start_job(Manager *m, Trustpoint *t)
{
    if (is_polling(t))
        return server_poll(m, t);
    if (trustpoint_replacement(t) != REPLACEMENT_NONE)
        return replacement_start(m, t);
    return t->config->method == METHOD_SELF ? enrollment_renew_self(m, t) : server_renew(m, t);
}

/* On a clock that nobody sets, so that a jump of the other delays nothing twice. */
static uint64_t next_time(Manager *m, Trustpoint *t, uint64_t now)
{
    int64_t time = trustpoints_now(&m->trustpoints);
    uint64_t *at = is_polling(t) ? &t->poll_at : &t->renew_at;
    int64_t wait = is_polling(t) ? lifecycle_wait(&trustpoint_polled_request(t, time)->lifecycle,
                                                  &t->config->retry, time)
                                 : renewal_wait_of(t, time);

    if (t->busy || wait < 0)
        return UINT64_MAX;
    if (*at == 0)
        *at = now + (uint64_t)(wait < SERVER_WAIT_MAX ? wait : SERVER_WAIT_MAX) * USEC_PER_SEC;
    return *at;
}

/* Seconds until it is looked at again. Only the first of several failures is told. */
static unsigned note_start(Trustpoint *t, int r)
{
    if (r >= 0) {
        t->failed_starts = 0;
        return 1;
    }
    if (t->failed_starts == 0)
        log_warning_errno(
            r, "Failed to ask the CA of trustpoint %s, trying again later and later: %m", t->name);
    if (t->failed_starts < UINT_MAX)
        t->failed_starts++;
    return lifecycle_start_pause(t->failed_starts);
}

/* Whatever is due; 1 when something was. */
static int start_due(Manager *m, Trustpoint *t, uint64_t now)
{
    bool poll = is_polling(t);
    unsigned pause;

    if (next_time(m, t, now) > now)
        return 0;
    /* A long wait is measured in pieces, because clocks are set. */
    if (!poll && renewal_wait_of(t, trustpoints_now(&m->trustpoints)) > 0) {
        t->renew_at = 0;
        return 0;
    }
    pause = note_start(t, start_job(m, t));
    *(poll ? &t->poll_at : &t->renew_at) = now + pause * USEC_PER_SEC;
    return 1;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    unsigned started = 0;
    Manager *m = userdata;
    uint64_t now;

    if (sd_event_now(server_event(m->server), CLOCK_BOOTTIME, &now) < 0)
        return 0;
    for (Trustpoint *t = m->trustpoints.first; t && started < JOBS_AT_ONCE; t = t->next)
        started += rollover_start_due(m, t, now) || start_due(m, t, now);
    trustpoint_jobs_schedule(m);
    return 0;
}

/* However often that was asked for since the last time. */
static int on_look(sd_event_source *source, void *userdata)
{
    Manager *m = userdata;
    uint64_t now, first = UINT64_MAX;
    int r;

    m->due = sd_event_source_disable_unref(m->due);
    if (sd_event_now(server_event(m->server), CLOCK_BOOTTIME, &now) < 0)
        return 0;
    for (Trustpoint *t = m->trustpoints.first; t; t = t->next) {
        uint64_t at = next_time(m, t, now), then = rollover_time(m, t, now);

        at = then < at ? then : at;
        first = at < first ? at : first;
    }
    if (first == UINT64_MAX)
        return 0;
    r = sd_event_add_time(server_event(m->server), &m->due, CLOCK_BOOTTIME, first, 0, on_time, m);
    if (r < 0)
        log_warning_errno(r, "Failed to arm a timer, ignoring: %m");
    return 0;
}

int schedule_init(Manager *m)
{
    int r = sd_event_add_defer(server_event(m->server), &m->look, on_look, m);

    return r < 0 ? r : sd_event_source_set_enabled(m->look, SD_EVENT_OFF);
}

void schedule_done(Manager *m)
{
    m->due = sd_event_source_disable_unref(m->due);
    m->look = sd_event_source_disable_unref(m->look);
}
