/* SPDX-License-Identifier: Apache-2.0 */
/* Commits: which there are, what they changed, and how to undo them. */
#include "cli-history.h"

#include <inttypes.h>

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-config.h"
#include "cli-file.h"
#include "cli-running.h"
#include "cli-transfer.h"
#include "cli-trustpool.h"
#include "clock.h"
#include "errors.h"
#include "names.h"
#include "render-commit.h"

static int read_commit(sd_bus_message *reply, CommitView *ret)
{
    *ret = (CommitView){.user = "", .line = "", .client = ""};
    return cli_read_entries(reply, (const CliEntry[]){{"id", 't', &ret->id},
                                                      {"user", 's', &ret->user},
                                                      {"line", 's', &ret->line},
                                                      {"client", 's', &ret->client},
                                                      {"time", 't', &ret->time},
                                                      {"label", 's', &ret->label},
                                                      {"comment", 's', &ret->comment},
                                                      {"warnings", 's', &ret->warnings},
                                                      {0}});
}

static int print_commits(Cli *cli, sd_bus_message *reply, bool detail)
{
    json_object *array = cli->json ? json_object_new_array() : NULL;
    int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");

    if (!array && !detail)
        render_commit_head(cli->out);
    for (unsigned n = 1; r >= 0 && (r = sd_bus_message_at_end(reply, false)) == 0; n++) {
        CommitView commit;

        r = read_commit(reply, &commit);
        if (r < 0)
            break;
        if (array)
            (void)json_object_array_add(array, render_commit_json(&commit));
        else if (detail)
            render_commit_detail(cli->out, n, &commit);
        else
            render_commit(cli->out, n, &commit);
    }
    if (r < 0) {
        json_object_put(array);
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    }
    return array ? cli_print_json(cli, array) : 0;
}

/* At most as many as the argument "max" says, else all. */
static int list_commits(Cli *cli, const GrammarMatch *m, sd_bus_message **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    const char *max = grammar_argument(m, "max");
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, POLICY_NAME, "ListCommits", &error, ret, "u",
                     max ? (uint32_t)strtoul(max, NULL, 10) : 0U);

    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

int cli_show_commit_list(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = list_commits(cli, m, &reply);

    return r < 0 ? r : print_commits(cli, reply, grammar_has(m, "detail"));
}

/* The same as events. */
int cli_show_history(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    bool detail = grammar_has(m, "detail");
    int r = list_commits(cli, m, &reply);

    if (r < 0)
        return r;
    r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
    if (!detail)
        render_event_head(cli->out);
    for (unsigned n = 1; r >= 0 && (r = sd_bus_message_at_end(reply, false)) == 0; n++) {
        CommitView commit;

        r = read_commit(reply, &commit);
        if (r >= 0)
            (detail ? render_event_detail : render_event)(cli->out, n, &commit);
    }
    return r < 0 ? cli_error(cli, r, "The answer cannot be read: %s", strerror(-r)) : 0;
}

/* --- What they changed ------------------------------------------------------------------------ */

/* Which commits a command is about, in policyd's words. */
typedef struct Selection {
    const char *kind, *which;
} Selection;

static Selection selection(const GrammarMatch *m)
{
    static const char *const kinds[] = {"all", "last", "since", "to", "to-exclude"};
    const char *which = grammar_argument(m, "which");
    Selection s = {"commit", which ? which : ""};

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (grammar_has(m, kinds[i]))
            s.kind = kinds[i];
    return s;
}

int cli_get_changes(Cli *cli, const GrammarMatch *m, const char *member, sd_bus_message **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    const Selection s = selection(m);
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, cli_documents(cli, POLICY_NAME), member, &error,
                     ret, "sss", s.kind, s.which, grammar_has(m, "diff") ? "diff" : "text");

    return r < 0 ? cli_bus_error(cli, &error, r) : 0;
}

int cli_show_commit_changes(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_get_changes(cli, m, "GetCommitChanges", &reply);

    return r < 0 ? r : cli_print_configuration(cli, reply);
}

int cli_show_rollback_changes(Cli *cli, const GrammarMatch *m)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    int r = cli_get_changes(cli, m, "GetRollbackChanges", &reply);

    return r < 0 ? r : cli_print_configuration(cli, reply);
}

/* --- Rollback --------------------------------------------------------------------------------- */

static int refused(Cli *cli, const char *session, const sd_bus_error *error, int r)
{
    if (!sd_bus_error_has_names(error, ERROR_INVALID_ARGUMENT, ERROR_UNREACHABLE))
        return cli_bus_error(cli, error, r);
    r = cli_error(cli, EINVAL,
                  "Failed to commit one or more configuration items during a pseudo-atomic "
                  "operation. All changes made have been reverted.");
    cli_session_say_failed(cli, session);
    return r;
}

static void say_done(Cli *cli, const Selection *s)
{
    if (streq(s->kind, "last"))
        fprintf(cli->out, "Configuration successfully rolled back %s commits.\n", s->which);
    else if (streq(s->kind, "commit"))
        fprintf(cli->out, "Configuration successfully rolled back commit '%s'.\n", s->which);
    else
        fprintf(cli->out, "Configuration successfully rolled back to '%s'.\n", s->which);
}

static int rollback(Cli *cli, const char *session, const Selection *s)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint64_t start;
    unsigned seconds;
    uint64_t commit;
    uint32_t items;
    int r;

    start = clock_usec(CLOCK_MONOTONIC);
    (void)fputs("Committing.\n", cli->out);
    (void)fflush(cli->out);
    r = cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "Rollback", &error, &reply,
                 "ss", s->kind, s->which);
    if (r < 0)
        return refused(cli, session, &error, r);
    r = sd_bus_message_read(reply, "tu", &commit, &items);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    if (commit == 0) {
        (void)fputs("% No configuration changes to commit.\n", cli->out);
        return 0;
    }
    seconds = cli_seconds_since(start);
    fprintf(cli->out,
            "%" PRIu32 " items committed in %u sec (%" PRIu32 ")items/sec\n"
            "Updating.\nUpdated Commit database in %u sec \n",
            items, seconds, items / seconds, seconds);
    say_done(cli, s);
    cli_update_hostname(cli);
    return 0;
}

/* Loading is policyd's answer to what would change: whether it can be done at all is known before
 * anything is. */
int cli_rollback(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *changes = NULL;
    _cleanup_free_ char *session = NULL;
    const Selection s = selection(m);
    uint64_t start;
    int r;

    start = clock_usec(CLOCK_MONOTONIC);
    (void)fputs("Loading Rollback Changes.\n", cli->out);
    (void)fflush(cli->out);
    r = cli_get_changes(cli, m, "GetRollbackChanges", &changes);
    if (r < 0)
        return r;
    fprintf(cli->out, "Loaded Rollback Changes in %u sec \n", cli_seconds_since(start));
    r = cli_session_open(cli, false, &session);
    if (r < 0)
        return r;
    r = rollback(cli, session, &s);
    if (r >= 0)
        cli_session_say_warnings(cli, session, NULL);
    (void)cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "Close", &error, NULL,
                   NULL);
    return r;
}
