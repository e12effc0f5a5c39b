/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of the system's manager: a unit is started, reloaded or restarted, and how it went. */
#pragma once

#include "cleanup.h"
#include "server.h"

typedef struct UnitJobs UnitJobs;
int unit_jobs_new(Server *server, UnitJobs **ret);
UnitJobs *unit_jobs_free(UnitJobs *jobs);
DEFINE_TRIVIAL_CLEANUP_FUNC(UnitJobs *, unit_jobs_free);

/* reason: NULL when the job was carried out; else why not, for people. */
typedef void (*unit_done_t)(const char *reason, void *userdata);

/* method: of the manager's interface, "StartUnit" and the like. done is called once, later, unless
 * this returns an error or the jobs are freed. */
int unit_job(UnitJobs *jobs, const char *method, const char *unit, unit_done_t done,
             void *userdata);

/* What ActiveState says; NULL and a reason when the manager does not answer. */
typedef void (*unit_state_t)(const char *state, const char *reason, void *userdata);
int unit_state(UnitJobs *jobs, const char *unit, unit_state_t done, void *userdata);
