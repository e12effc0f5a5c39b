/* SPDX-License-Identifier: Apache-2.0 */
#include "unit-job.h"

#include "log.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
/* Less than policyd waits for an answer. */
#define TIMEOUT_USEC (12 * 1000000ULL)

typedef struct Waiting {
    UnitJobs *jobs;
    unit_done_t done;
    unit_state_t state;
    void *userdata;
    sd_bus_slot *slot;
    sd_event_source *timer;
    char *path; /* of the job, once it is known */
    struct Waiting *next;
} Waiting;

struct UnitJobs {
    Server *server;
    sd_bus_slot *match;
    Waiting *waiting;
};

static Waiting *waiting_free(Waiting *w)
{
    if (!w)
        return NULL;
    for (Waiting **at = &w->jobs->waiting; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    sd_bus_slot_unref(w->slot);
    sd_event_source_disable_unref(w->timer);
    free(w->path);
    free(w);
    return NULL;
}

static void finish(Waiting *w, const char *reason)
{
    unit_done_t done = w->done;
    unit_state_t state = w->state;
    void *userdata = w->userdata;

    waiting_free(w);
    if (done)
        done(reason, userdata);
    else
        state(NULL, reason, userdata);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    finish(userdata, "systemd did not get it done in time");
    return 0;
}

/* What the result of a job means; see org.freedesktop.systemd1(5). */
static const char *result_reason(const char *result)
{
    if (streq(result, "done") || streq(result, "skipped"))
        return NULL;
    if (streq(result, "timeout"))
        return "it took too long";
    if (streq(result, "dependency"))
        return "a unit that it depends on failed";
    return "it failed";
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    UnitJobs *jobs = userdata;
    const char *path, *unit, *result;
    uint32_t id;

    if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
        return 0;
    for (Waiting *w = jobs->waiting; w; w = w->next)
        if (w->path && streq(w->path, path)) {
            finish(w, result_reason(result));
            break;
        }
    return 0;
}

static int on_accepted(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Waiting *w = userdata;
    const char *path;

    w->slot = sd_bus_slot_unref(w->slot);
    if (sd_bus_message_is_method_error(reply, NULL)) {
        finish(w, sd_bus_message_get_error(reply)->message);
        return 1;
    }
    if (sd_bus_message_read(reply, "o", &path) < 0 || !(w->path = strdup(path)))
        finish(w, "systemd's answer was not understood");
    return 1;
}

int unit_jobs_new(Server *server, UnitJobs **ret)
{
    _cleanup_(unit_jobs_freep) UnitJobs *jobs = calloc(1, sizeof *jobs);
    int r;

    if (!jobs)
        return -ENOMEM;
    jobs->server = server;
    r = sd_bus_match_signal_async(server_bus(server), &jobs->match, MANAGER_NAME, MANAGER_PATH,
                                  MANAGER_INTERFACE, "JobRemoved", on_removed, NULL, jobs);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(jobs);
    return 0;
}

UnitJobs *unit_jobs_free(UnitJobs *jobs)
{
    if (!jobs)
        return NULL;
    while (jobs->waiting)
        waiting_free(jobs->waiting);
    sd_bus_slot_unref(jobs->match);
    free(jobs);
    return NULL;
}

static int waiting_new(UnitJobs *jobs, void *userdata, Waiting **ret)
{
    Waiting *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    *w = (Waiting){.jobs = jobs, .userdata = userdata, .next = jobs->waiting};
    jobs->waiting = w;
    r = sd_event_add_time_relative(server_event(jobs->server), &w->timer, CLOCK_MONOTONIC,
                                   TIMEOUT_USEC, 0, on_timeout, w);
    if (r < 0) {
        waiting_free(w);
        return r;
    }
    *ret = w;
    return 0;
}

int unit_job(UnitJobs *jobs, const char *method, const char *unit, unit_done_t done, void *userdata)
{
    Waiting *w;
    int r = waiting_new(jobs, userdata, &w);

    if (r < 0)
        return r;
    w->done = done;
    r = sd_bus_call_method_async(server_bus(jobs->server), &w->slot, MANAGER_NAME, MANAGER_PATH,
                                 MANAGER_INTERFACE, method, on_accepted, w, "ss", unit, "replace");
    if (r < 0)
        waiting_free(w);
    return r < 0 ? r : 0;
}

static int on_state(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    Waiting *w = userdata;
    unit_state_t done = w->state;
    const char *state;
    void *data = w->userdata;

    if (sd_bus_message_is_method_error(reply, NULL)) {
        finish(w, sd_bus_message_get_error(reply)->message);
        return 1;
    }
    if (sd_bus_message_read(reply, "v", "s", &state) < 0) {
        finish(w, "systemd's answer was not understood");
        return 1;
    }
    waiting_free(w);
    done(state, NULL, data);
    return 1;
}

int unit_state(UnitJobs *jobs, const char *unit, unit_state_t done, void *userdata)
{
    _cleanup_free_ char *path = NULL;
    Waiting *w;
    int r = bus_object_path(MANAGER_PATH "/unit", unit, &path);

    if (r >= 0)
        r = waiting_new(jobs, userdata, &w);
    if (r < 0)
        return r;
    w->state = done;
    r = sd_bus_call_method_async(server_bus(jobs->server), &w->slot, MANAGER_NAME, path,
                                 "org.freedesktop.DBus.Properties", "Get", on_state, w, "ss",
                                 UNIT_INTERFACE, "ActiveState");
    if (r < 0)
        waiting_free(w);
    return r < 0 ? r : 0;
}
