/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint-job.h"

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

int trustpoint_job_cancel(Manager *m, Trustpoint *t)
{
    if (!t->asking)
        return -EBUSY;
    t->cancelled = true;
    job_cancel_work(m->server, t->asking);
    return 0;
}
