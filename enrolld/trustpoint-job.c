/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint-job.h"

#include "errors.h"
#include "log.h"

static bool is_asking(const char *kind)
{
    static const char *const kinds[] = {"enroll", "poll", "renew"};

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (streq(kind, kinds[i]))
            return true;
    return false;
}

static void begin(Trustpoint *t, const JobWork *work)
{
    t->busy = true;
    t->asking = is_asking(work->kind) ? work->data : NULL;
    t->cancelled = false;
}

int trustpoint_job_start(Trustpoint *t, sd_bus_message *message, const JobWork *work,
                         sd_bus_error *reterr_error)
{
    int r = job_start(message, work, reterr_error);

    if (r >= 0)
        begin(t, work);
    return r;
}

int trustpoint_job_start_internal(Manager *m, Trustpoint *t, const JobWork *work)
{
    int r = job_start_internal(m->server, work);

    if (r >= 0)
        begin(t, work);
    return r;
}

void trustpoint_job_end(Trustpoint *t)
{
    t->busy = false;
    t->asking = NULL;
}

int trustpoint_job_refuse(const Trustpoint *t, sd_bus_error *reterr_error)
{
    if (!t->busy)
        return 0;
    if (!t->asking)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "Another enrollment of %s is running: wait for it to end",
                                 t->name);
    return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                             "Another enrollment of %s is running: wait for it to end, or crypto "
                             "ca cancel-enroll %s",
                             t->name, t->name);
}

int trustpoint_job_cancel(Manager *m, Trustpoint *t)
{
    if (!t->asking)
        return -EBUSY;
    t->cancelled = true;
    job_cancel_work(m->server, t->asking);
    return 0;
}

Trustpoint *trustpoint_job_done(Manager *m, const char *name)
{
    Trustpoint *t = trustpoint_find(&m->trustpoints, name);

    trustpoint_job_end(t);
    manager_trim_soon(m);
    if (t->config || t->record.name)
        return t;
    announce_trustpoint_removed(m, t);
    (void)trustpoint_collect(&m->trustpoints, t);
    return NULL;
}

void trustpoint_jobs_schedule(Manager *m)
{
    int r = sd_event_source_set_enabled(m->look, SD_EVENT_ONESHOT);

    if (r < 0)
        log_warning_errno(r, "Failed to look for what is due, ignoring: %m");
}
