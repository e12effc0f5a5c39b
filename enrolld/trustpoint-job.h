/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that change a trustpoint: while one runs, no other begins. Its done function ends that. */
#pragma once

#include "enrolld.h"
#include "job.h"

/* As job_start() and job_start_internal(), and the trustpoint is busy when it has begun. */
int trustpoint_job_start(Trustpoint *t, sd_bus_message *message, const JobWork *work,
                         sd_bus_error *reterr_error);
int trustpoint_job_start_internal(Manager *m, Trustpoint *t, const JobWork *work);
/* In its done function. */
void trustpoint_job_end(Trustpoint *t);
/* The same, and what stayed for the job alone goes: NULL when the trustpoint is gone now. */
Trustpoint *trustpoint_job_done(Manager *m, const char *name);
/* To be called when there are other requests, or other configurations, than before: it is looked
 * at once more, soon, which job is due when. */
void trustpoint_jobs_schedule(Manager *m);
/* What another caller is told meanwhile; 0 when no job runs. */
int trustpoint_job_refuse(const Trustpoint *t, sd_bus_error *reterr_error);
/* When it asks a CA: it ends as soon as it notices, without an answer. -EBUSY: it does not. */
int trustpoint_job_cancel(Manager *m, Trustpoint *t);
