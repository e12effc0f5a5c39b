/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: work that runs on a thread of its own, is watched over the bus (org.chancery.Job1) and ends
 * exactly once.
 *
 * The worker function owns its data, blocks as it likes, reports progress, and polls
 * job_is_cancelled(). done() runs in the main loop afterwards, whatever happened: there the daemon
 * changes its state and objects. No state of the daemon is touched from the worker. At most
 * JOBS_PER_USER_MAX unfinished jobs of one user at a time. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "cleanup.h"
#include "server.h"

#define JOBS_PER_USER_MAX 16U
#define JOBS_MAX 256U

typedef struct Job Job;

typedef struct JobWork {
    const char *kind; /* static string */
    /* In the worker thread. Returns 0 or a negative errno; may say more with job_fail(). NULL when
     * all is known already: then there is no thread. */
    int (*run)(Job *job, void *data);
    /* In the main loop, after run() ended with r (which is -ECANCELED when the job was cancelled
     * before it ran). May turn success into failure by returning a negative errno, again with
     * job_fail() for the sentence; fills the result with job_result(). NULL when there is nothing
     * to do. */
    int (*done)(Job *job, void *data, int r);
    void (*free_data)(void *data); /* after done(); may be NULL */
    void *data;
} JobWork;

/* To be called once, in the daemon's start function, by daemons that have jobs. */
int jobs_init(Server *server);

/* Starts a job for the sender of m and answers m with its object path. Takes over work->data, on
 * failure too. For handlers: "return job_start(m, &work, reterr_error);". */
int job_start(sd_bus_message *m, const JobWork *work, sd_bus_error *reterr_error);

/* A job without a caller, for the daemon's own work. */
int job_start_internal(Server *server, const JobWork *work);

/* In the main loop: cancels the unfinished job with that data, if there is one. */
void job_cancel_work(Server *server, const void *data);

/* In the worker; thread-safe. */
void job_progress(Job *job, unsigned percent, const char *text);
bool job_is_cancelled(Job *job);
/* A descriptor that becomes readable when the job is cancelled, for poll(). */
int job_cancel_fd(Job *job);
/* The error that the caller sees; the first one counts. Returns -error for "return job_fail(...)".
 * error: positive errno. */
int job_fail(Job *job, const char *error_name, const char *format, ...) _printf_(3, 4);

/* In done(), after success: the job goes on in a worker with this function, and done() comes again
 * after it. For what is only known half-way to touch something that the main loop has to set aside
 * for it. */
void job_then(Job *job, int (*run)(Job *job, void *data));

/* In done(): the sentence of job_fail(); NULL when there was none. */
const char *job_error(Job *job);

/* In done(): the daemon is about to end, and that is why the job was cancelled, if it was. */
bool job_is_stopping(const Job *job);

/* In done(): adds one entry to the result. type: 's', 'o', 'u', 't', 'b'. */
int job_result(Job *job, const char *name, char type, const void *value);

/* The unique bus name, uid and user name of the caller (NULL, 0, "root" for the daemon's own work).
 */
const char *job_caller(Job *job);
uid_t job_uid(Job *job);
const char *job_user(Job *job);
