/* SPDX-License-Identifier: Apache-2.0 */
#include "trustpoint-job.h"

int trustpoint_job_start(Trustpoint *t, sd_bus_message *message, const JobWork *work,
                         sd_bus_error *reterr_error)
{
    int r = job_start(message, work, reterr_error);

    if (r >= 0)
        t->busy = true;
    return r;
}

int trustpoint_job_start_internal(Manager *m, Trustpoint *t, const JobWork *work)
{
    int r = job_start_internal(m->server, work);

    if (r >= 0)
        t->busy = true;
    return r;
}
