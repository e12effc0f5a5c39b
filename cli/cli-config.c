/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration mode. The language of the configuration is policyd's: a line is sent to the
 * session, which says how it went and which mode it led to. Only the words that act on the session
 * itself are the shell's own. */
#include "cli.h"
#include "errors.h"
#include "names.h"

#define CLIENT "CLI"
#define TRIAL_SECONDS 600U
#define UNCOMMITTED                                                                                \
    "Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:"
#define COMMIT_FAILED                                                                              \
    "Failed to commit one or more configuration items during a pseudo-atomic operation. All "      \
    "changes made have been reverted. "                                                            \
    "Please issue 'show configuration failed [inheritance]' from this session to view the errors"
#define CONFLICT                                                                                   \
    "One or more commits have occurred from other configuration sessions since this session "      \
    "started or since the last commit was made from this "                                         \
    "session. You can use the 'show configuration commit changes' command to browse the "          \
    "changes.\n"

static int set_mode(Cli *cli, const char *mode)
{
    char *copy = strdup(mode);

    if (!copy)
        return cli_error(cli, ENOMEM, "Out of memory");
    free(cli->mode);
    cli->mode = copy;
    return 0;
}

static void forget_session(Cli *cli)
{
    free(cli->session);
    free(cli->mode);
    cli->session = cli->mode = NULL;
}

static int session_call(Cli *cli, const char *member, sd_bus_error *error, sd_bus_message **ret)
{
    return cli_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, member, error, ret,
                    NULL);
}

/* A session ends with policyd, which may have been started anew. */
int cli_session_error(Cli *cli, const sd_bus_error *error, int r)
{
    if (!sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_OBJECT, SD_BUS_ERROR_UNKNOWN_METHOD,
                                SD_BUS_ERROR_UNKNOWN_INTERFACE))
        return cli_bus_error(cli, error, r);
    forget_session(cli);
    return cli_error(
        cli, r, "The configuration session has ended, its changes are lost. Enter them again.");
}

/* The terminal as the commit list shows it: "pts/0". */
static const char *terminal_name(void)
{
    const char *name = ttyname(STDIN_FILENO);

    return !name ? "" : strncmp(name, "/dev/", 5) == 0 ? name + 5 : name;
}

int cli_session_open(Cli *cli, bool exclusive, char **ret)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *path;
    int r = cli_call(cli, POLICY_NAME, POLICY_PATH, POLICY_NAME, "OpenSession", &error, &reply,
                     "a{sv}", exclusive ? 3 : 2, "line", "s", terminal_name(), "client", "s",
                     CLIENT, "exclusive", "b", 1);

    if (r < 0)
        return cli_bus_error(cli, &error, r);
    r = sd_bus_message_read(reply, "o", &path);
    if (r < 0 || !(*ret = strdup(path)))
        return cli_error(cli, r < 0 ? r : -ENOMEM, "The session cannot be opened.");
    return 0;
}

int cli_configure(Cli *cli, const GrammarMatch *m)
{
    int r = cli_session_open(cli, grammar_has(m, "exclusive"), &cli->session);

    return r < 0 ? r : set_mode(cli, "config");
}

void cli_config_leave(Cli *cli)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

    if (!cli->session)
        return;
    (void)session_call(cli, "Close", &error, NULL);
    forget_session(cli);
    cli_update_hostname(cli);
}

/* The name in the prompt. policyd knows the configured one; without an answer the system's will do.
 */
void cli_update_hostname(Cli *cli)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *name = "";

    if (!cli->interactive)
        return;
    if (cli_call(cli, POLICY_NAME, POLICY_PATH, "org.freedesktop.DBus.Properties", "Get", &error,
                 &reply, "ss", POLICY_NAME, "Hostname") >= 0)
        (void)sd_bus_message_read(reply, "v", "s", &name);
    if (*name)
        (void)snprintf(cli->hostname, sizeof(cli->hostname), "%s", name);
    else if (!*cli->hostname && gethostname(cli->hostname, sizeof(cli->hostname)) < 0)
        (void)snprintf(cli->hostname, sizeof(cli->hostname), "router");
    cli->hostname[sizeof(cli->hostname) - 1] = '\0';
}

/* --- Lines ------------------------------------------------------------------------------------ */

static int refused_line(Cli *cli, const char *line, uint32_t column, const char *message)
{
    if (*message && !strstr(message, "'^' marker"))
        return cli_error(cli, EINVAL, "%s", message);
    cli_print_syntax_error(cli, line, 0, GRAMMAR_INVALID, column);
    return -EINVAL;
}

int cli_config_line(Cli *cli, const char *line)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *message, *mode;
    uint32_t column;
    int accepted, r = cli_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, "Line",
                               &error, &reply, "s", line);

    if (r < 0)
        return cli_session_error(cli, &error, r);
    r = sd_bus_message_read(reply, "buss", &accepted, &column, &message, &mode);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    if (!accepted)
        return refused_line(cli, line, column, message);
    if (*message)
        cli_say(cli, "%% %s\n", message);
    return set_mode(cli, mode);
}

int cli_config_complete(Cli *cli, const char *line, grammar_completion_t callback, void *userdata)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *word, *help;
    int r = cli_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, "Complete", &error,
                     &reply, "s", line);

    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &word, &help)) > 0)
        r = callback(word, help, userdata);
    return r;
}

/* --- The words of the shell ------------------------------------------------------------------- */

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

/* The bus's error is in *error; where that is not set it has been said. */
static int commit_once(Cli *cli, const GrammarMatch *m, bool proceed, uint64_t *ret,
                       sd_bus_error *error)
{
    const char *label = m ? grammar_argument(m, "label") : NULL,
               *comment = m ? grammar_argument(m, "comment") : NULL;
    _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
    int r = cli_new_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, "Commit", &call);

    if (r < 0)
        return r;
    r = sd_bus_message_open_container(call, 'a', "{sv}");
    if (r >= 0 && label)
        r = sd_bus_message_append(call, "{sv}", "label", "s", label);
    if (r >= 0 && comment)
        r = sd_bus_message_append(call, "{sv}", "comment", "s", comment);
    if (r >= 0 && m && grammar_has(m, "confirmed"))
        r = sd_bus_message_append(call, "{sv}", "confirmed", "u", trial_seconds(m));
    if (r >= 0 && proceed)
        r = sd_bus_message_append(call, "{sv}", "proceed", "b", 1);
    if (r >= 0)
        r = sd_bus_message_close_container(call);
    if (r < 0)
        return sd_bus_error_set_errno(error, r);
    r = cli_call_message(cli, call, error, &reply);
    return r < 0 ? r : sd_bus_message_read(reply, "t", ret);
}

void cli_session_say_failed(Cli *cli, const char *session)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *line, *reason;

    if (cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "GetFailed", &error, &reply,
                 NULL) < 0 ||
        sd_bus_message_enter_container(reply, 'a', "(ss)") < 0)
        return;
    while (sd_bus_message_read(reply, "(ss)", &line, &reason) > 0)
        (void)cli_error(cli, EINVAL, "%s: %s", line, reason);
}

static int commit_refused(Cli *cli, const GrammarMatch *m)
{
    int r = cli_error(cli, EINVAL, COMMIT_FAILED);

    /* A script cannot ask afterwards: its session ends with the first error. */
    if (!cli->interactive || (m && grammar_has(m, "show-error")))
        cli_session_say_failed(cli, cli->session);
    return r;
}

/* 1 committed, 0 nothing to commit, or left alone; negative when it failed, which has been said. */
static int commit(Cli *cli, const GrammarMatch *m)
{
    bool proceed = false;
    uint64_t id;
    int r;

    say_confirming(cli, m);
    for (;;) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

        r = commit_once(cli, m, proceed, &id, &error);
        if (r >= 0)
            break;
        if (!sd_bus_error_is_set(&error))
            return r;
        if (sd_bus_error_has_name(&error, ERROR_CONFLICT) && !proceed) {
            cli_say(cli, CONFLICT);
            proceed = cli_ask_yes_no(
                          cli, "Do you wish to proceed with this commit anyway? [no]: ", 0) > 0;
            if (proceed)
                continue;
            return -ECANCELED;
        }
        if (sd_bus_error_has_name(&error, ERROR_INVALID_ARGUMENT))
            return commit_refused(cli, m);
        if (sd_bus_error_has_name(&error, ERROR_UNREACHABLE))
            (void)commit_refused(cli, m);
        return cli_session_error(cli, &error, r);
    }
    if (id == 0)
        cli_say(cli, "%% No configuration changes to commit.\n");
    else
        cli_update_hostname(cli);
    return id != 0;
}

int cli_config_commit(Cli *cli, const GrammarMatch *m)
{
    int r = commit(cli, m);

    return r < 0 ? r : 0;
}

static int has_changes(Cli *cli)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int changed = 0, r;

    r = cli_get_properties(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE,
                           (const CliEntry[]){{"Changed", 'b', &changed}, {0}}, &error, &reply);
    return r < 0 ? cli_session_error(cli, &error, r) : changed;
}

int cli_config_check_dropped(Cli *cli)
{
    int r = has_changes(cli);

    return r > 0 ? cli_error(cli, ECANCELED, "The changes were not committed, and are dropped.")
                 : r;
}

/* yes: commit and leave; no: leave without; cancel: stay. */
int cli_config_end(Cli *cli, const GrammarMatch *m)
{
    int r = has_changes(cli);

    while (r > 0) {
        _cleanup_free_ char *answer = NULL;

        r = cli_ask(cli, UNCOMMITTED " ", "cancel", &answer);
        if (r < 0)
            return r;
        if (strncasecmp(answer, "cancel", strlen(answer)) == 0)
            return cli->answers_typed ? 0
                                      : cli_error(cli, ECANCELED, "The changes are not committed.");
        if (strncasecmp(answer, "no", strlen(answer)) == 0)
            break;
        if (strncasecmp(answer, "yes", strlen(answer)) == 0) {
            r = commit(cli, NULL);
            if (r < 0)
                return r;
            break;
        }
        r = cli_error(cli, EINVAL, "Answer yes, no or cancel.");
        if (!cli->answers_typed)
            return r;
        r = 1;
    }
    if (r < 0)
        return r;
    cli_config_leave(cli);
    return 0;
}

int cli_config_exit(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *mode;
    int left, r = session_call(cli, "Up", &error, &reply);

    if (r < 0)
        return cli_session_error(cli, &error, r);
    r = sd_bus_message_read(reply, "bs", &left, &mode);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    return left ? set_mode(cli, mode) : cli_config_end(cli, m);
}

int cli_config_abort(Cli *cli, const GrammarMatch *m)
{
    cli_config_leave(cli);
    return 0;
}

int cli_config_clear(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = session_call(cli, "Clear", &error, NULL);

    return r < 0 ? cli_session_error(cli, &error, r) : set_mode(cli, "config");
}

int cli_config_root(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = session_call(cli, "Root", &error, NULL);

    return r < 0 ? cli_session_error(cli, &error, r) : set_mode(cli, "config");
}

/* What the prompt says of the mode; the session keeps no more. */
int cli_config_pwd(Cli *cli, const GrammarMatch *m)
{
    fprintf(cli->out, "%s\n", cli->mode);
    return 0;
}
