/* SPDX-License-Identifier: Apache-2.0 */
/* "| utility sign": what is written here goes through a pipe to dossierd, whose envelope comes back
 * through another while the first is still being filled. Nothing is signed unless the command
 * before it succeeded: the end of the input is only sent then. */
#include "cli-sign.h"

#include "cli-bus.h"
#include "cli-job.h"
#include "cli-output.h"
#include "cli-pump.h"
#include "cli-transfer.h"
#include "errors.h"
#include "names.h"

typedef struct SignSink {
    Sink base;
    Cli *cli;
    CliJob *job;
    Pump *pump;
    CliPipe input, output; /* of the job */
} SignSink;

static int sign_write(Sink *base, const char *data, size_t size)
{
    SignSink *s = (SignSink *)base;
    int r = cli_pipe_write(s->cli, &s->input, data, size);

    if (r == -EPIPE) {
        base->enough = true; /* the job has ended, and finish() says why */
        return 0;
    }
    return r;
}

static int give_up(SignSink *s)
{
    cli_job_cancel(s->cli, s->job);
    (void)cli_job_wait(s->cli, s->job);
    if (!cli_job_error(s->job) || sd_bus_error_has_name(cli_job_error(s->job), ERROR_CANCELLED))
        return 0;
    return cli_job_finish(s->cli, s->job, NULL);
}

/* After the envelope, and not in it. */
static void warn_of_nonce(Cli *cli, sd_bus_message *result)
{
    int seen = 0;
    const CliEntry entries[] = {{"nonce-seen", 'b', &seen}, {NULL, 0, NULL}};

    if (result && cli_read_entries(result, entries) >= 0 && seen)
        cli_warn(cli, "%% This nonce has been signed for before: a collector cannot tell this "
                      "envelope from an earlier one by it.\n");
}

static int sign_finish(Sink *base)
{
    _cleanup_message_ sd_bus_message *result = NULL;
    SignSink *s = (SignSink *)base;
    int r;

    if (base->aborted) {
        cli_job_cancel(s->cli, s->job);
        (void)cli_job_wait(s->cli, s->job);
        return 0;
    }
    cli_pipe_end(s->cli, &s->input);
    r = cli_job_finish(s->cli, s->job, &result);
    while (r >= 0 && cli_pump_state(s->pump) == 0)
        r = cli_wait(s->cli);
    if (r >= 0 && cli_pump_state(s->pump) < 0 && !base->next->enough)
        r = cli_error(s->cli, cli_pump_state(s->pump), "The envelope cannot be written: %s",
                      strerror(-cli_pump_state(s->pump)));
    if (r < 0)
        base->aborted = true; /* what has come is not an envelope */
    else
        warn_of_nonce(s->cli, result);
    return r;
}

static void sign_release(Sink *base)
{
    SignSink *s = (SignSink *)base;

    cli_pump_free(s->pump);
    cli_job_free(s->job);
    cli_pipe_done(s->cli, &s->input);
    cli_pipe_done(s->cli, &s->output);
}

static int start_job(SignSink *s, const PipeStage *stage)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_new_call(s->cli, DOSSIER_NAME, DOSSIER_PATH, cli_documents(s->cli, DOSSIER_NAME),
                         "Sign", &m);

    if (r < 0)
        return r;
    r = cli_pipe_append(&s->input, m, false);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0 && stage->text)
        r = sd_bus_message_append(m, "{sv}", "nonce", "s", stage->text);
    if (r >= 0 && stage->include_certificate)
        r = sd_bus_message_append(m, "{sv}", "include-certificate", "b", 1);
    if (r >= 0 && stage->format)
        r = sd_bus_message_append(m, "{sv}", "format", "s", stage->format);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = cli_pipe_append(&s->output, m, true);
    if (r < 0)
        return cli_error(s->cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_start(s->cli, m, false, &s->job);
}

static int connect_job(SignSink *s, const PipeStage *stage)
{
    int r = cli_pipe_new(s->cli, DOSSIER_NAME, &s->input);

    if (r >= 0)
        r = cli_pipe_new(s->cli, DOSSIER_NAME, &s->output);
    if (r >= 0)
        r = start_job(s, stage);
    cli_pipe_give_input(&s->input);
    cli_pipe_end(s->cli, &s->output);
    if (r >= 0 && cli_job_error(s->job))
        r = cli_job_finish(s->cli, s->job, NULL); /* refused: says why */
    if (r < 0)
        return r;
    r = cli_pipe_pump(s->cli, &s->output, s->base.next, &s->pump);
    return r < 0 ? cli_error(s->cli, r, "The pipe cannot be watched: %s", strerror(-r)) : 0;
}

int cli_sign_sink_new(Cli *cli, const PipeStage *stage, Sink *next, Sink **ret)
{
    static const SinkClass class = {sign_write, sign_finish, sign_release};
    SignSink *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return cli_error(cli, ENOMEM, "Out of memory");
    s->base.class = &class;
    s->base.next = next;
    s->cli = cli;
    s->input = s->output = (CliPipe){.read_fd = -EBADF, .write_fd = -EBADF};
    r = connect_job(s, stage);
    if (r < 0) {
        s->base.next = NULL;
        sink_free(&s->base);
        return r;
    }
    *ret = &s->base;
    return 0;
}

CliPipe *cli_sign_sink_pipe(Sink *s)
{
    return s->class->write == sign_write ? &((SignSink *)s)->input : NULL;
}

int cli_sign_sink_give_up(Sink *s)
{
    return give_up((SignSink *)s);
}
