/* SPDX-License-Identifier: Apache-2.0 */
/* show running-config, show configuration ...: what policyd has, as text. */
#include "cli-running.h"

#include <inttypes.h>
#include <time.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-config.h"
#include "cli-transfer.h"
#include "errors.h"
#include "names.h"
#include "render-commit.h"
#include "render-fields.h"

#define HEADER "!! Building configuration...\n!! Chancery Configuration " VERSION "\n"

/* Text of many lines that is made by policyd from its own table; the terminal makes it harmless. */
static int print_document(Cli *cli, FILE *f, sd_bus_message *reply)
{
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r = cli_read_document(cli, reply, &data, &size);

    if (r < 0)
        return r;
    (void)fwrite(data, 1, size, f);
    if (size > 0 && ((const char *)data)[size - 1] != '\n')
        (void)fputc('\n', f);
    return 0;
}

/* "!! Last configuration change at Tue Jun  7 14:42:19 2016 by fred" */
static int print_last_change(Cli *cli, FILE *f)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *user = "";
    uint64_t commit = 0, usec = 0;
    char when[48];
    time_t seconds;
    struct tm tm;
    int r = cli_get_properties(cli, POLICY_NAME, POLICY_PATH, POLICY_NAME,
                               (const CliEntry[]){{"LastCommit", 't', &commit},
                                                  {"LastCommitTime", 't', &usec},
                                                  {"LastCommitUser", 's', &user},
                                                  {0}},
                               &error, &reply);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    seconds = (time_t)(usec / 1000000);
    if (commit == 0 || !localtime_r(&seconds, &tm))
        return 0;
    (void)strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
    fprintf(f, "!! Last configuration change at %s by ", when);
    render_text(f, user);
    (void)fputc('\n', f);
    return 0;
}

static int print_whole(Cli *cli, FILE *f, sd_bus_message *reply)
{
    int r;

    (void)fputs(HEADER, f);
    r = print_last_change(cli, f);
    if (r < 0)
        return r;
    (void)fputs("!\n", f);
    r = print_document(cli, f, reply);
    if (r >= 0)
        (void)fputs("end\n", f);
    return r;
}

static int append_section(sd_bus_message *call, const GrammarMatch *m)
{
    int r = sd_bus_message_open_container(call, 'a', "s");

    for (size_t i = 0; i < m->n_arguments && r >= 0; i++)
        if (!m->arguments[i].is_keyword)
            r = sd_bus_message_append(call, "s", m->arguments[i].value);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

int cli_show_running(Cli *cli, const GrammarMatch *m)
{
    bool whole = grammar_argument(m, "section") == NULL;
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    int r = cli_new_call(cli, POLICY_NAME, POLICY_PATH, cli_documents(cli, POLICY_NAME),
                         "GetRunningConfiguration", &call);

    if (r < 0)
        return r;
    r = append_section(call, m);
    if (r >= 0)
        r = sd_bus_message_append(call, "s", cli->json ? "json" : "text");
    if (r < 0)
        return cli_error(cli, r, "The call cannot be made: %s", strerror(-r));
    r = cli_call_message(cli, call, &error, &reply);
    if (r < 0)
        return cli_bus_error(cli, &error, r);
    return whole && !cli->json ? print_whole(cli, cli->out, reply)
                               : print_document(cli, cli->out, reply);
}

int cli_show_sanitized(Cli *cli)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, cli_documents(cli, POLICY_NAME),
                     "GetRunningConfiguration", &error, &reply, "ass", 0, "sanitized");

    return r < 0 ? cli_bus_error(cli, &error, r) : print_whole(cli, cli->out, reply);
}

int cli_running_text(Cli *cli, char **ret, size_t *ret_size)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_free_ char *text = NULL;
    FILE *f;
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, cli_documents(cli, POLICY_NAME),
                     "GetRunningConfiguration", &error, &reply, "ass", 0, "text");

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    f = open_memstream(&text, ret_size);
    if (!f)
        return cli_error(cli, ENOMEM, "Out of memory");
    r = print_whole(cli, f, reply);
    if (fclose(f) != 0 && r >= 0)
        return cli_error(cli, ENOMEM, "Out of memory");
    if (r >= 0)
        *ret = TAKE_PTR(text);
    return r;
}

int cli_changes_text(Cli *cli, char **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f;
    int r = cli_call(cli, POLICY_NAME, cli->session, cli_documents(cli, POLICY_SESSION_INTERFACE),
                     "GetChanges", &error, &reply, NULL);

    if (r < 0)
        return cli_session_error(cli, &error, r);
    f = open_memstream(&text, &size);
    if (!f)
        return cli_error(cli, ENOMEM, "Out of memory");
    r = print_document(cli, f, reply);
    if (fclose(f) != 0 && r >= 0)
        return cli_error(cli, ENOMEM, "Out of memory");
    if (r >= 0)
        *ret = TAKE_PTR(text);
    return r;
}

int cli_print_configuration(Cli *cli, sd_bus_message *reply)
{
    int r;

    (void)fputs(HEADER, cli->out);
    r = print_document(cli, cli->out, reply);
    if (r >= 0)
        (void)fputs("end\n", cli->out);
    return r;
}

static int show_of_session(Cli *cli, const char *member)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_call(cli, POLICY_NAME, cli->session, cli_documents(cli, POLICY_SESSION_INTERFACE),
                     member, &error, &reply, NULL);

    return r < 0 ? cli_session_error(cli, &error, r) : cli_print_configuration(cli, reply);
}

int cli_show_candidate(Cli *cli, const GrammarMatch *m)
{
    return show_of_session(cli, "GetChanges");
}

int cli_show_difference(Cli *cli, const GrammarMatch *m)
{
    return show_of_session(cli, "GetDifference");
}

int cli_show_merged(Cli *cli, const GrammarMatch *m)
{
    return show_of_session(cli, "GetMerged");
}

/* As the router writes it: three numbers, of which we have one. */
static void print_session(FILE *f, unsigned n, const SessionView *session, bool detail)
{
    char id[40];

    (void)snprintf(id, sizeof(id), "00000000-%08" PRIx64 "-00000000", session->number);
    if (detail)
        render_session_detail(f, n, id, session);
    else
        render_session(f, id, session);
}

static int print_sessions(Cli *cli, sd_bus_message *reply, bool detail)
{
    int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");

    if (!detail)
        (void)fputs(
            "Current Configuration Session  Line       User       Date                     Lock\n",
            cli->out);
    for (unsigned n = 1; r >= 0 && (r = sd_bus_message_at_end(reply, false)) == 0; n++) {
        SessionView session = {.user = "", .line = "", .client = "", .process = ""};

        r = cli_read_entries(reply, (const CliEntry[]){{"number", 't', &session.number},
                                                       {"user", 's', &session.user},
                                                       {"line", 's', &session.line},
                                                       {"time", 't', &session.time},
                                                       {"exclusive", 'b', &session.exclusive},
                                                       {"client", 's', &session.client},
                                                       {"process", 's', &session.process},
                                                       {"pid", 'u', &session.pid},
                                                       {"trial", 'b', &session.trial},
                                                       {0}});
        if (r >= 0)
            print_session(cli->out, n, &session, detail);
    }
    return r < 0 ? cli_error(cli, r, "The answer cannot be read: %s", strerror(-r)) : 0;
}

int cli_show_sessions(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r =
        cli_call(cli, POLICY_NAME, POLICY_PATH, POLICY_NAME, "ListSessions", &error, &reply, NULL);

    return r < 0 ? cli_bus_error(cli, &error, r)
                 : print_sessions(cli, reply, grammar_has(m, "detail"));
}

static int print_failed(Cli *cli, sd_bus_message *reply)
{
    const char *text;
    int r = sd_bus_message_read(reply, "s", &text);

    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    if (!*text)
        (void)fputs("% No such configuration item(s)\n", cli->out);
    else
        fprintf(cli->out,
                "!! SEMANTIC ERRORS: This configuration was rejected by\n"
                "!! the system due to semantic errors. The individual\n"
                "!! errors with each failed configuration command can be\n"
                "!! found below.\n\n\n"
                "%send\n",
                text);
    return 0;
}

int cli_show_failed(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, "GetFailedText",
                     &error, &reply, NULL);

    return r < 0 ? cli_session_error(cli, &error, r) : print_failed(cli, reply);
}

int cli_show_startup_failed(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, POLICY_NAME, "GetStartupFailuresText", &error,
                     &reply, NULL);

    return r < 0 ? cli_bus_error(cli, &error, r) : print_failed(cli, reply);
}
