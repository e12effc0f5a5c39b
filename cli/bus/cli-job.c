/* SPDX-License-Identifier: Apache-2.0 */
/* Long work: start it, show how far it is, wait without a time limit. The first Ctrl-C asks the job
 * to stop and waits a little for it to do so; the second, or the end of that, leaves it alone: the
 * daemon may wait for another one, which hangs. */
#include "cli-job.h"

#include "cli-bus.h"
#include "cli-output.h"
#include "errors.h"
#include "names.h"

struct CliJob {
    Cli *cli;
    char *name, *path, *owner; /* the daemon's unique name */
    sd_bus_slot *signal_slot, *wait_slot;
    sd_bus_message *result;
    sd_bus_error error;
    bool progress, done;
    bool interrupted; /* before it was known that it had begun */
};

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    CliJob *job = userdata;
    const char *text;
    uint32_t percent;

    if (!sd_bus_message_is_signal(m, JOB_INTERFACE, "Progress") ||
        !streq(sd_bus_message_get_path(m), job->path) ||
        !streq(sd_bus_message_get_sender(m) ?: "", job->owner))
        return 0;
    if (job->progress && !job->done && sd_bus_message_read(m, "us", &percent, &text) >= 0)
        cli_progress(job->cli, percent, text);
    return 0;
}

static int on_end(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    CliJob *job = userdata;

    job->done = true;
    if (sd_bus_message_is_method_error(m, NULL))
        (void)sd_bus_error_copy(&job->error, sd_bus_message_get_error(m));
    else
        job->result = sd_bus_message_ref(m);
    return 0;
}

/* What is sent to the shell alone arrives without a rule for it at the bus. */
static int watch(CliJob *job)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    sd_bus *bus = job->cli->bus;
    int r;

    r = sd_bus_add_filter(bus, &job->signal_slot, on_progress, job);
    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &m, job->name, job->path, JOB_INTERFACE, "Wait");
    if (r >= 0)
        r = sd_bus_call_async(bus, &job->wait_slot, m, on_end, job, UINT64_MAX);
    return r;
}

static int note_place(CliJob *job, const char *path, const char *owner)
{
    job->path = strdup(path);
    job->owner = strdup(owner ?: "");
    return job->path && job->owner ? 0 : -ENOMEM;
}

int cli_job_start(Cli *cli, sd_bus_message *m, bool progress, CliJob **ret)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_(cli_job_freep) CliJob *job = calloc(1, sizeof(*job));
    const char *path;
    int r;

    if (!job || !(job->name = strdup(sd_bus_message_get_destination(m)))) {
        (void)cli_error(cli, ENOMEM, "Out of memory");
        return -ENOMEM;
    }
    job->cli = cli;
    job->progress = progress;
    r = cli_call_job(cli, m, &job->interrupted, &job->error, &reply);
    if (r == -EINTR)
        return cli_left_alone(cli);
    if (r >= 0) {
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
            r = note_place(job, path, sd_bus_message_get_sender(reply));
        if (r >= 0)
            r = watch(job);
        if (r < 0) {
            (void)cli_error(cli, r, "The job cannot be watched: %s", strerror(-r));
            return r;
        }
    } else {
        job->done = true; /* refused at once is failed */
    }
    *ret = TAKE_PTR(job);
    return 0;
}

bool cli_job_is_done(const CliJob *job)
{
    return job->done;
}

const sd_bus_error *cli_job_error(const CliJob *job)
{
    return job->done && sd_bus_error_is_set(&job->error) ? &job->error : NULL;
}

/* The answer to Cancel does not matter, the one to Wait does. */
void cli_job_cancel(Cli *cli, CliJob *job)
{
    if (!job->done && job->path)
        (void)sd_bus_call_method_async(cli->bus, NULL, job->name, job->path, JOB_INTERFACE,
                                       "Cancel", NULL, NULL, NULL);
}

int cli_job_wait(Cli *cli, CliJob *job)
{
    _cleanup_event_ sd_event_source *end = NULL;

    if (job->interrupted)
        cli_job_cancel(cli, job);
    /* It may have been while another job of the command was waited for. */
    if (cli->interrupted)
        (void)cli_end_soon(cli, &end);
    while (!job->done) {
        int r = cli_wait(cli);

        if (r == -EINTR && !end) {
            cli_job_cancel(cli, job);
            r = cli_end_soon(cli, &end);
        }
        if (r < 0) {
            job->done = true;
            (void)sd_bus_error_set_errno(&job->error, r);
        }
    }
    cli_progress_clear(cli);
    return sd_bus_error_is_set(&job->error) ? -sd_bus_error_get_errno(&job->error) : 0;
}

int cli_job_finish(Cli *cli, CliJob *job, sd_bus_message **ret_result)
{
    int r = cli_job_wait(cli, job);

    if (r == -EINTR)
        return cli_left_alone(cli);
    if (r < 0)
        return cli_bus_error(cli, &job->error, r);
    if (ret_result)
        *ret_result = sd_bus_message_ref(job->result);
    return 0;
}

CliJob *cli_job_free(CliJob *job)
{
    if (!job)
        return NULL;
    sd_bus_slot_unref(job->signal_slot);
    sd_bus_slot_unref(job->wait_slot);
    sd_bus_message_unref(job->result);
    sd_bus_error_free(&job->error);
    free(job->name);
    free(job->path);
    free(job->owner);
    free(job);
    return NULL;
}

int cli_job_run(Cli *cli, sd_bus_message *m, sd_bus_message **ret_result)
{
    _cleanup_(cli_job_freep) CliJob *job = NULL;
    int r = cli_job_start(cli, m, true, &job);

    return r < 0 ? r : cli_job_finish(cli, job, ret_result);
}
