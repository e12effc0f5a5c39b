/* SPDX-License-Identifier: Apache-2.0 */
/* The output of one command: a stream in front of the sinks that its pipe asks for. */
#include "cli-output.h"

#include <stdarg.h>
#include <time.h>

#include "atomic-file.h"
#include "cli-bus.h"
#include "cli-page.h"
#include "cli-read.h"
#include "cli-sign.h"

static ssize_t stream_write(void *cookie, const char *data, size_t size)
{
    Cli *cli = cookie;
    int r = sink_write(cli->sink, data, size);

    if (r < 0) {
        errno = -r;
        return 0;
    }
    return (ssize_t)size;
}

static int open_stage(Cli *cli, const PipeStage *stage)
{
    static const LineFilter filters[] = {
        [PIPE_BEGIN] = FILTER_BEGIN,     [PIPE_INCLUDE] = FILTER_INCLUDE,
        [PIPE_EXCLUDE] = FILTER_EXCLUDE, [PIPE_COUNT] = FILTER_COUNT,
        [PIPE_HEAD] = FILTER_HEAD,       [PIPE_TAIL] = FILTER_TAIL,
        [PIPE_SECTION] = FILTER_SECTION, [PIPE_SORT] = FILTER_SORT,
        [PIPE_WC] = FILTER_WC,
    };
    FilterSpec spec = {.regex = stage->text, .count = stage->count, .flags = stage->flags};
    Sink *sink = NULL;
    int r;

    switch (stage->kind) {
    case PIPE_JSON:
        cli->json = true;
        return 0;
    case PIPE_FILE: /* opened before, as the last */
        return 0;
    case PIPE_SIGN:
        r = cli_sign_sink_new(cli, stage, cli->sink, &sink);
        break;
    case PIPE_BEGIN:
    case PIPE_INCLUDE:
    case PIPE_EXCLUDE:
    case PIPE_COUNT:
    case PIPE_HEAD:
    case PIPE_TAIL:
    case PIPE_SECTION:
    case PIPE_SORT:
    case PIPE_WC:
        spec.filter = filters[stage->kind];
        r = filter_sink_new(&spec, cli->sink, &sink);
        if (r < 0)
            r = cli_error(cli, r,
                          r == -EINVAL ? "That is no regular expression: %s" : "Out of memory: %s",
                          stage->text);
        break;
    default:
        r = -EINVAL;
    }
    if (r >= 0)
        cli->sink = sink;
    return r;
}

/* Bytes that are no text are not for a terminal, which would take some of them for commands; nor
 * are they to be escaped for anything else. */
static int open_terminal(Cli *cli, const PipeStage *last)
{
    bool is_binary =
        last && last->kind == PIPE_SIGN && last->format && streq(last->format, "eat-cwt");
    int r;

    if (is_binary && isatty(STDOUT_FILENO))
        return cli_error(cli, EINVAL,
                         "A token in CBOR is not for a terminal: add \"| file PATH\", or run the "
                         "command over ssh without one");
    r = cli_terminal_sink_new(cli, !is_binary, &cli->sink);
    return r < 0 ? cli_error(cli, r, "Out of memory") : 0;
}

static int open_last(Cli *cli, const Pipe *pipe)
{
    const PipeStage *last = pipe->n_stages > 0 ? &pipe->stages[pipe->n_stages - 1] : NULL;
    char path[CLI_PATH_SIZE];
    int r;

    if (!last || last->kind != PIPE_FILE)
        return open_terminal(cli, last);
    r = file_sink_new(cli_path(last->text, path), &cli->sink);
    return r < 0 ? cli_error(cli, r, "%s cannot be written: %s", last->text, strerror(-r)) : 0;
}

int cli_output_open(Cli *cli, const Pipe *pipe)
{
    static const cookie_io_functions_t functions = {.write = stream_write};
    int r = open_last(cli, pipe);

    cli->json = false;
    for (size_t i = pipe->n_stages; r >= 0 && i > 0; i--)
        r = open_stage(cli, &pipe->stages[i - 1]);
    if (r >= 0) {
        cli->out = fopencookie(cli, "w", functions);
        if (!cli->out)
            r = cli_error(cli, ENOMEM, "Out of memory");
    }
    if (r < 0)
        return cli_output_close(cli, r);
    return 0;
}

int cli_output_close(Cli *cli, int r)
{
    bool lost = cli->out && (fflush(cli->out) != 0 || ferror(cli->out));
    int saved_errno = errno, q;

    cli_progress_clear(cli);
    if (cli->out)
        (void)fclose(cli->out);
    cli->out = NULL;
    if (cli->sink) {
        if (lost && r >= 0)
            r = saved_errno == EPIPE
                    ? -EPIPE
                    : cli_error(cli, saved_errno, "The output cannot be written: %s",
                                strerror(saved_errno));
        cli->sink->aborted = r < 0;
        cli->said = false;
        q = sink_finish(cli->sink);
        if (r >= 0 && q < 0)
            r = q == -EPIPE || cli->said
                    ? q
                    : cli_error(cli, q, "The output is not complete: %s", strerror(-q));
    }
    cli->sink = sink_free(cli->sink);
    return r;
}

static void say(int fd, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

static void say(int fd, const char *format, va_list ap)
{
    _cleanup_free_ char *text = NULL, *escaped = NULL;
    size_t partial;
    int n = vasprintf(&text, format, ap);

    if (n < 0) {
        text = NULL;
        return;
    }
    escaped = malloc((size_t)n * 4 + 1);
    if (escaped)
        (void)write_full(fd, escaped, escape_text(escaped, text, (size_t)n, true, &partial));
}

void cli_say(Cli *cli, const char *format, ...)
{
    va_list ap;

    if (cli->out)
        (void)fflush(cli->out);
    va_start(ap, format);
    say(STDOUT_FILENO, format, ap);
    va_end(ap);
}

void cli_warn(Cli *cli, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(STDERR_FILENO, format, ap);
    va_end(ap);
}

/* "Sun Oct 20 13:05:26.657 UTC": on the router's terminals, before the output of a command. A file,
 * a pipe and a signature hold the output alone. */
void cli_time_line(Cli *cli)
{
    struct timespec now;
    struct tm tm;
    char day[32], zone[16];

    if (!cli->interactive || !cli->timestamps)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (!localtime_r(&now.tv_sec, &tm))
        return;
    (void)strftime(day, sizeof(day), "%a %b %e %H:%M:%S", &tm);
    (void)strftime(zone, sizeof(zone), "%Z", &tm);
    cli_say(cli, "%s.%03ld %s\n", day, now.tv_nsec / 1000000, zone);
}

/* On a line of its own that what follows overwrites. */
void cli_progress(Cli *cli, unsigned percent, const char *text)
{
    char line[72], escaped[sizeof(line) * 4 + 1];
    size_t partial, n;

    if (!cli->answers_typed || !isatty(STDOUT_FILENO))
        return;
    cli_progress_clear(cli);
    /* Nobody knows how much there is to do until some of it is done. */
    if (percent == 0)
        (void)snprintf(line, sizeof(line), "     %s", text);
    else
        (void)snprintf(line, sizeof(line), "%3u%% %s", percent > 100 ? 100U : percent, text);
    n = escape_text(escaped, line, strlen(line), true, &partial);
    (void)write_full(STDOUT_FILENO, escaped, n);
    cli->progress_shown = n;
}

void cli_end_line(Cli *cli)
{
    if (cli->mid_line)
        (void)dprintf(STDOUT_FILENO, "\n");
    cli->mid_line = false;
}

void cli_progress_clear(Cli *cli)
{
    if (cli->progress_shown == 0)
        return;
    (void)dprintf(STDOUT_FILENO, "\r%*s\r", (int)cli->progress_shown, "");
    cli->progress_shown = 0;
}
