/* SPDX-License-Identifier: Apache-2.0 */
/* "| utility sign": what is written here goes through a pipe to dossierd, whose envelope comes back
 * through another while the first is still being filled. Nothing is signed unless the command
 * before it succeeded: the end of the input is only sent then. */
#include <fcntl.h>
#include <sys/epoll.h>

#include "cli.h"
#include "errors.h"
#include "names.h"

typedef struct SignSink {
    Sink base;
    Cli *cli;
    CliJob *job;
    Pump *pump;
    int fd; /* where the job reads */
} SignSink;

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    return 0; /* the turn of the loop was what was waited for */
}

static int wait_writable(SignSink *s)
{
    sd_event_source *source = NULL;
    int r = sd_event_add_io(s->cli->event, &source, s->fd, EPOLLOUT, on_writable, NULL);

    if (r >= 0)
        r = cli_wait(s->cli);
    sd_event_source_disable_unref(source);
    return r < 0 ? r : 0;
}

static int sign_write(Sink *base, const char *data, size_t size)
{
    SignSink *s = (SignSink *)base;

    while (size > 0) {
        ssize_t n = write(s->fd, data, size);
        int r;

        if (n >= 0) {
            data += n;
            size -= (size_t)n;
        } else if (errno == EPIPE) {
            base->enough = true; /* the job has ended, and finish() says why */
            return 0;
        } else if (errno == EAGAIN) {
            r = wait_writable(s);
            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
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
    }
    closep(&s->fd);
    s->fd = -EBADF;
    if (base->aborted)
        return 0;
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
    closep(&s->fd);
}

static int start_job(SignSink *s, const PipeStage *stage, int input, int output)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_new_call(s->cli, DOSSIER_NAME, DOSSIER_PATH, DOSSIER_NAME, "Sign", &m);

    if (r < 0)
        return r;
    r = sd_bus_message_append(m, "h", input);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0 && stage->text)
        r = sd_bus_message_append(m, "{sv}", "nonce", "s", stage->text);
    if (r >= 0 && stage->include_certificate)
        r = sd_bus_message_append(m, "{sv}", "include-certificate", "b", 1);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = sd_bus_message_append(m, "h", output);
    if (r < 0)
        return cli_error(s->cli, r, "The call cannot be made: %s", strerror(-r));
    return cli_job_start(s->cli, m, false, &s->job);
}

static int connect_job(SignSink *s, const PipeStage *stage)
{
    int input[2], output[2], r;

    if (pipe2(input, O_CLOEXEC) < 0)
        return cli_error(s->cli, errno, "No pipe: %s", strerror(errno));
    s->fd = input[1];
    if (pipe2(output, O_CLOEXEC) < 0) {
        closep(&input[0]);
        return cli_error(s->cli, errno, "No pipe: %s", strerror(errno));
    }
    r = start_job(s, stage, input[0], output[1]);
    closep(&input[0]);
    closep(&output[1]);
    if (r >= 0 && cli_job_error(s->job))
        r = cli_job_finish(s->cli, s->job, NULL); /* refused: says why */
    if (r < 0) {
        closep(&output[0]);
        return r;
    }
    r = cli_pump_new(s->cli, output[0], s->base.next, &s->pump);
    if (r >= 0 && fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
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
    s->fd = -EBADF;
    r = connect_job(s, stage);
    if (r < 0) {
        s->base.next = NULL;
        sink_free(&s->base);
        return r;
    }
    *ret = &s->base;
    return 0;
}

int cli_sign_sink_fd(Sink *s)
{
    int fd;

    if (s->class->write != sign_write)
        return -1;
    fd = ((SignSink *)s)->fd;
    /* The flag belongs to the pipe, not to the descriptor: whoever writes next may not expect it.
     */
    return fcntl(fd, F_SETFL, 0) < 0 ? -1 : fd;
}

int cli_sign_sink_give_up(Sink *s)
{
    return give_up((SignSink *)s);
}
