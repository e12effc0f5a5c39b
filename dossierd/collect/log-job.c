/* SPDX-License-Identifier: Apache-2.0 */
/* The job that reads the log. */
#include "errors.h"
#include "jobs.h"
#include "stream.h"

typedef struct LogRun {
    Job *job;
    Relay *relay;
} LogRun;

static bool run_is_cancelled(void *userdata)
{
    const LogRun *run = userdata;

    return job_is_cancelled(run->job) || relay_error(run->relay) < 0;
}

static int run_log(Job *job, void *data)
{
    LogWork *work = data;
    _cleanup_(relay_freep) Relay *relay = NULL;
    LogRun run = {.job = job};
    LogQuery query = work->query;
    uint64_t bytes;
    int r, q;

    query.process = work->process;
    query.text = work->text;
    query.is_cancelled = run_is_cancelled;
    query.userdata = &run;
    r = relay_new(TAKE_FD(work->output), job_cancel_fd(job), NULL, &relay);
    if (r < 0)
        return r;
    run.relay = relay;
    r = log_read(work->manager->root_fd, &query, relay_fd(relay), &work->messages);
    q = relay_finish(relay, &bytes);
    /* What ended the relay is the cause when both failed. */
    if (q == -ETIMEDOUT || q == -EPIPE)
        return job_fail(job, ERROR_CANCELLED, "The reader of the log went away or does not read");
    if (q >= 0 && r < 0 && r != -ECANCELED)
        return job_fail(job, ERROR_FAILED, "The journal cannot be read: %s", strerror(-r));
    return q < 0 ? q : r;
}

static int done_log(Job *job, void *data, int r)
{
    LogWork *work = data;

    return r < 0 ? r : job_result(job, "messages", 't', &work->messages);
}

LogWork *log_work_new(void)
{
    LogWork *work = calloc(1, sizeof *work);

    if (work) {
        work->output = -EBADF;
        work->query.priority = 7;
    }
    return work;
}

void log_work_free(void *data)
{
    LogWork *work = data;

    if (!work)
        return;
    closep(&work->output);
    free(work->process);
    free(work->text);
    free(work);
}

const JobWork log_job = {
    .kind = "log", .run = run_log, .done = done_log, .free_data = log_work_free};
