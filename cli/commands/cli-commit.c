/* SPDX-License-Identifier: Apache-2.0 */
/* commit, with all that is asked and said around it. */
#include "cli-commit.h"

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-config.h"
#include "cli-file.h"
#include "cli-input.h"
#include "cli-output.h"
#include "cli-remove.h"
#include "errors.h"
#include "names.h"

#define TRIAL_SECONDS 600U
#define COMMIT_FAILED                                                                              \
    "Failed to commit one or more configuration items during a pseudo-atomic operation. All "      \
    "changes made have been reverted. "                                                            \
    "Please issue 'show configuration failed [inheritance]' from this session to view the errors"
#define CONFLICT                                                                                   \
    "One or more commits have occurred from other configuration sessions since this session "      \
    "started or since the last commit was made from this "                                         \
    "session. You can use the 'show configuration commit changes' command to browse the "          \
    "changes.\n"
#define COMMIT_PARTLY                                                                              \
    "Failed to commit one or more configuration items. Please issue 'show configuration failed "   \
    "[inheritance]' from this session to view the errors"
#define REPLACE                                                                                    \
    "This commit will replace or remove the entire running configuration. This\n"                  \
    "operation can be service affecting.\n"

static uint32_t trial_seconds(const GrammarMatch *m)
{
    const char *seconds = grammar_argument(m, "seconds"), *minutes = NULL;

    for (size_t i = 0; i < m->n_arguments; i++)
        if (!m->arguments[i].is_keyword && streq(m->arguments[i].name, "minutes"))
            minutes = m->arguments[i].value;
    if (minutes)
        return 60 * (uint32_t)strtoul(minutes, NULL, 10);
    return seconds ? (uint32_t)strtoul(seconds, NULL, 10) : TRIAL_SECONDS;
}

/* Is what comes the confirmation of an earlier commit? */
static void say_confirming(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint64_t trial = 0;

    if (m && grammar_has(m, "confirmed"))
        return;
    (void)cli_get_properties(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE,
                             (const CliEntry[]){{"Trial", 't', &trial}, {0}}, &error, &reply);
    if (trial > 0)
        cli_say(cli, "%% Confirming commit for trial session.\n");
}

static int append_options(sd_bus_message *call, const GrammarMatch *m, bool proceed)
{
    static const char *const flags[] = {"replace", "best-effort", "force"};
    const char *label = m ? grammar_argument(m, "label") : NULL,
               *comment = m ? grammar_argument(m, "comment") : NULL;
    int r = sd_bus_message_open_container(call, 'a', "{sv}");

    if (r >= 0 && label)
        r = sd_bus_message_append(call, "{sv}", "label", "s", label);
    if (r >= 0 && comment)
        r = sd_bus_message_append(call, "{sv}", "comment", "s", comment);
    if (r >= 0 && m && grammar_has(m, "confirmed"))
        r = sd_bus_message_append(call, "{sv}", "confirmed", "u", trial_seconds(m));
    if (r >= 0 && proceed)
        r = sd_bus_message_append(call, "{sv}", "proceed", "b", 1);
    for (size_t i = 0; r >= 0 && m && i < ELEMENTSOF(flags); i++)
        if (grammar_has(m, flags[i]))
            r = sd_bus_message_append(call, "{sv}", flags[i], "b", 1);
    return r < 0 ? r : sd_bus_message_close_container(call);
}

/* The bus's error is in *error; where that is not set it has been said. */
static int commit_once(Cli *cli, const GrammarMatch *m, bool proceed, uint64_t *ret,
                       sd_bus_error *error)
{
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    int r = cli_new_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, "Commit", &call);

    if (r < 0)
        return r;
    r = append_options(call, m, proceed);
    if (r < 0)
        return sd_bus_error_set_errno(error, r);
    r = cli_call_message(cli, call, error, &reply);
    return r < 0 ? r : sd_bus_message_read(reply, "t", ret);
}

/* How many lines the last commit failed on; said one by one when they are to be. */
static unsigned failed_lines(Cli *cli, const char *session, bool say)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *line, *reason;
    unsigned n = 0;

    if (cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "GetFailed", &error, &reply,
                 NULL) < 0 ||
        sd_bus_message_enter_container(reply, 'a', "(ss)") < 0)
        return 0;
    for (; sd_bus_message_read(reply, "(ss)", &line, &reason) > 0; n++)
        if (say)
            (void)cli_error(cli, EINVAL, "%s: %s", line, reason);
    return n;
}

void cli_session_say_warnings(Cli *cli, const char *session, const CliRemoval *removal)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *line, *reason;

    if (cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "GetWarnings", &error, &reply,
                 NULL) < 0 ||
        sd_bus_message_enter_container(reply, 'a', "(ss)") < 0)
        return;
    while (sd_bus_message_read(reply, "(ss)", &line, &reason) > 0)
        if (!cli_removal_has(removal, line))
            cli_warn(cli, "%% Warning: %s: %s\n", line, reason);
}

void cli_session_say_failed(Cli *cli, const char *session)
{
    (void)failed_lines(cli, session, true);
}

static int say_refused(Cli *cli, const GrammarMatch *m, const char *text)
{
    int r = cli_error(cli, EINVAL, "%s", text);

    /* A script cannot ask afterwards: its session ends with the first error. */
    if (!cli->interactive || (m && grammar_has(m, "show-error")))
        cli_session_say_failed(cli, cli->session);
    return r;
}

/* 1 yes, 0 no; or what went wrong, which has been said. */
static int ask_to_proceed(Cli *cli, const char *why, const char *question)
{
    cli_say(cli, "%s", why);
    return cli_ask_yes_no(cli, question, 0);
}

/* Tries until the commit is done, refused, or not wanted any more. */
static int commit_finally(Cli *cli, const GrammarMatch *m, uint64_t *ret)
{
    bool proceed = false;

    for (;;) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = commit_once(cli, m, proceed, ret, &error);

        if (r >= 0 || !sd_bus_error_is_set(&error))
            return r;
        if (sd_bus_error_has_name(&error, ERROR_CONFLICT) && !proceed) {
            proceed = ask_to_proceed(cli, CONFLICT,
                                     "Do you wish to proceed with this commit anyway? [no]: ") > 0;
            if (proceed)
                continue;
            return -ECANCELED;
        }
        /* Of lines, or of a label or a comment that is none. */
        if (sd_bus_error_has_name(&error, ERROR_INVALID_ARGUMENT) &&
            failed_lines(cli, cli->session, false) > 0)
            return say_refused(cli, m, COMMIT_FAILED);
        if (sd_bus_error_has_name(&error, ERROR_UNREACHABLE))
            (void)say_refused(cli, m, COMMIT_FAILED);
        return cli_session_error(cli, &error, r);
    }
}

/* A commit that is on trial, or replaces everything, takes nothing away that cannot come back. */
static int prepare_removal(Cli *cli, const GrammarMatch *m, CliRemoval *removal)
{
    bool force = m && grammar_has(m, "force");
    int r;

    if (m && (grammar_has(m, "replace") || grammar_has(m, "confirmed")))
        return 0;
    if (!force && !cli->interactive)
        return 0;
    r = cli_removal_find(cli, removal);
    if (r >= 0 && !force) {
        r = cli_removal_ask(cli, removal);
        if (r == 0)
            r = cli_error(cli, ECANCELED, "The changes are not committed.");
    }
    return r < 0 ? r : 0;
}

/* What is to be known beforehand: is it wanted, and can the file be written? */
static int prepare(Cli *cli, const GrammarMatch *m, CliSave *save, CliRemoval *removal)
{
    const char *path = m ? grammar_argument(m, "file") : NULL;
    int r;

    r = prepare_removal(cli, m, removal);
    if (r < 0)
        return r;

    if (m && grammar_has(m, "replace")) {
        r = ask_to_proceed(cli, REPLACE, "Do you wish to proceed? [no]: ");
        if (r <= 0)
            return r < 0 ? r : -ECANCELED;
    }
    return path ? cli_save_open(cli, path, save) : 0;
}

static int after_commit(Cli *cli, const GrammarMatch *m, uint64_t id, CliSave *save,
                        const CliRemoval *removal)
{
    int r = 0;

    if (id == 0)
        cli_say(cli, "%% No configuration changes to commit.\n");
    else {
        cli_session_say_warnings(cli, cli->session, removal);
        r = cli_removal_run(cli, removal);
        cli_update_hostname(cli);
    }
    if (m && grammar_has(m, "best-effort") && failed_lines(cli, cli->session, false) > 0)
        r = say_refused(cli, m, COMMIT_PARTLY);
    if (save->fd >= 0) {
        unsigned lines;
        int q = cli_save_running(cli, save, &lines);

        if (q < 0)
            return cli_error(cli, q, "The commit is done, but the configuration is not saved.");
    }
    return r < 0 ? r : id != 0;
}

/* 1 committed, 0 nothing to commit; negative when it failed or is left alone, which has been said.
 */
int cli_commit(Cli *cli, const GrammarMatch *m)
{
    _cleanup_(cli_removal_done) CliRemoval removal = {.n = 0};
    _cleanup_(cli_save_done) CliSave save = {.fd = -EBADF};
    uint64_t id;
    int r = prepare(cli, m, &save, &removal);

    if (r < 0)
        return r;
    say_confirming(cli, m);
    r = commit_finally(cli, m, &id);
    return r < 0 ? r : after_commit(cli, m, id, &save, &removal);
}

int cli_config_commit(Cli *cli, const GrammarMatch *m)
{
    int r = cli_commit(cli, m);

    return r < 0 ? r : 0;
}
