/* SPDX-License-Identifier: Apache-2.0 */
/* show logging: what this subsystem has in the journal, in the router's form, as it comes. */
#include <string.h>
#include <time.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-job.h"
#include "cli-pump.h"
#include "cli-transfer.h"
#include "names.h"
#include "render-log.h"

#define MESSAGE_MAX (1U << 20)
#define DAY 86400

/* Takes lines of JSON, and prints them through the command's own output. */
typedef struct LogSink {
    Sink base;
    Cli *cli;
    char *line;
    size_t length, allocated;
    unsigned messages;
} LogSink;

static int print_message(LogSink *s)
{
    json_object *o = json_tokener_parse(s->line);

    if (!o)
        return -EBADMSG;
    if (s->cli->json)
        fprintf(s->cli->out, "%s%s", s->messages > 0 ? ",\n" : "",
                json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
    else
        render_log(s->cli->out, o);
    s->messages++;
    json_object_put(o);
    return 0;
}

static int add(LogSink *s, const char *data, size_t size)
{
    if (s->length + size + 1 > s->allocated) {
        size_t more = (s->length + size + 1) * 2;
        char *line = more > MESSAGE_MAX * 2 ? NULL : realloc(s->line, more);

        if (!line)
            return -ENOMEM;
        s->line = line;
        s->allocated = more;
    }
    memcpy(s->line + s->length, data, size);
    s->length += size;
    s->line[s->length] = '\0';
    return 0;
}

static int log_write(Sink *base, const char *data, size_t size)
{
    LogSink *s = (LogSink *)base;
    int r = 0;

    while (size > 0 && r >= 0) {
        const char *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) : size;

        r = add(s, data, n);
        if (r >= 0 && end) {
            r = print_message(s);
            s->length = 0;
        }
        data += n + (end != NULL);
        size -= n + (end != NULL);
    }
    if (r >= 0 && fflush(s->cli->out) != 0)
        r = -errno;
    base->enough = s->cli->sink->enough;
    return r;
}

/* "oct 20 12:00[:00]" of this year, or of the last one when that is still to come. */
static int read_time(Cli *cli, const GrammarMatch *m, const char *names[3], uint64_t *ret)
{
    static const char *const months[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    const char *month = grammar_argument(m, names[0]), *clock = grammar_argument(m, names[2]);
    time_t now = time(NULL), at;
    struct tm tm, given = {.tm_isdst = -1};
    const char *end;

    *ret = 0;
    if (!month)
        return 0;
    if (!localtime_r(&now, &tm))
        return cli_error(cli, errno, "There is no time: %s", strerror(errno));
    end = strptime(clock, strlen(clock) > STRLEN("00:00") ? "%H:%M:%S" : "%H:%M", &given);
    if (!end || *end)
        return cli_error(cli, EINVAL, "A time is hh:mm or hh:mm:ss.");
    while (given.tm_mon < 11 && !streq(months[given.tm_mon], month))
        given.tm_mon++;
    given.tm_mday = (int)strtol(grammar_argument(m, names[1]), NULL, 10);
    given.tm_year = tm.tm_year;
    tm = given;
    at = mktime(&tm);
    if (at > now + DAY) {
        given.tm_year--;
        at = mktime(&given);
    }
    if (at < 0)
        return cli_error(cli, EINVAL, "There is no such time.");
    *ret = (uint64_t)at * 1000000;
    return 0;
}

static int append_number(sd_bus_message *call, const char *name, const char *text)
{
    return text ? sd_bus_message_append(call, "{sv}", name, "u", (uint32_t)strtoul(text, NULL, 10))
                : 0;
}

static int append_severity(sd_bus_message *call, const char *word)
{
    static const char *const words[] = {"emergencies",   "alerts",   "critical",
                                        "errors",        "warnings", "notifications",
                                        "informational", "debugging"};
    uint32_t n = 0;

    if (!word)
        return 0;
    while (n < ELEMENTSOF(words) - 1 && !streq(words[n], word))
        n++;
    return sd_bus_message_append(call, "{sv}", "severity", "u", n);
}

static int append_options(Cli *cli, sd_bus_message *call, const GrammarMatch *m)
{
    static const char *from[] = {"from-month", "from-day", "from-time"},
                      *to[] = {"to-month", "to-day", "to-time"};
    const char *process = grammar_argument(m, "name"), *text = grammar_argument(m, "text");
    uint64_t since, until;
    int r = read_time(cli, m, from, &since);

    if (r >= 0)
        r = read_time(cli, m, to, &until);
    if (r < 0)
        return r;
    r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0)
        r = append_number(call, "last", grammar_argument(m, "n"));
    if (r >= 0)
        r = append_severity(call, grammar_argument(m, "level"));
    if (r >= 0 && process)
        r = sd_bus_message_append(call, "{sv}", "process", "s", process);
    if (r >= 0 && text)
        r = sd_bus_message_append(call, "{sv}", "text", "s", text);
    if (r >= 0 && since > 0)
        r = sd_bus_message_append(call, "{sv}", "since", "t", since);
    if (r >= 0 && until > 0)
        r = sd_bus_message_append(call, "{sv}", "until", "t", until);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    return r < 0 ? cli_error(cli, r, "The call cannot be made: %s", strerror(-r)) : 0;
}

static int start_reading(Cli *cli, const GrammarMatch *m, const CliPipe *output, CliJob **ret)
{
    _cleanup_message_ sd_bus_message *call = NULL;
    int r = cli_new_call(cli, DOSSIER_NAME, DOSSIER_PATH, cli_documents(cli, DOSSIER_NAME),
                         "ReadLog", &call);

    if (r >= 0)
        r = append_options(cli, call, m);
    if (r < 0)
        return r;
    r = cli_pipe_append(output, call, true);
    return r < 0 ? cli_error(cli, r, "The call cannot be made: %s", strerror(-r))
                 : cli_job_start(cli, call, true, ret);
}

static int carry_log(Cli *cli, CliPipe *pipe, CliJob *job)
{
    static const SinkClass class = {.write = log_write};
    LogSink sink = {.base = {.class = &class}, .cli = cli};
    _cleanup_(cli_pump_freep) Pump *pump = NULL;
    int r = cli_pipe_pump(cli, pipe, &sink.base, &pump);

    if (cli->json)
        (void)fputc('[', cli->out);
    r = r < 0 ? cli_error(cli, r, "The pipe cannot be watched: %s", strerror(-r))
              : cli_carry(cli, job, pump);
    if (cli->json)
        (void)fputs("]\n", cli->out);
    free(sink.line);
    return r;
}

int cli_show_logging(Cli *cli, const GrammarMatch *m)
{
    _cleanup_(cli_job_freep) CliJob *job = NULL;
    CliPipe pipe;
    int r = cli_pipe_new(cli, DOSSIER_NAME, &pipe);

    if (r < 0)
        return r;
    r = start_reading(cli, m, &pipe, &job);
    cli_pipe_end(cli, &pipe);
    if (r >= 0 && cli_job_error(job))
        r = cli_job_finish(cli, job, NULL); /* refused: says why */
    if (r >= 0)
        r = carry_log(cli, &pipe, job);
    cli_pipe_done(cli, &pipe);
    return r;
}
