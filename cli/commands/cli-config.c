/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration mode. The language of the configuration is policyd's: a line is sent to the
 * session, which says how it went and which mode it led to. Only the words that act on the session
 * itself are the shell's own. */
#include "cli-config.h"

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-commit.h"
#include "cli-input.h"
#include "cli-output.h"
#include "cli-timeout.h"
#include "errors.h"
#include "names.h"
#include "render-fields.h"

#define CLIENT "CLI"
#define PROCESS "chancery"
#define NOT_SAVED                                                                                  \
    "No changes will be saved because there is a concurrent trial configuration session."
#define UNCOMMITTED                                                                                \
    "Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:"
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
                     "a{sv}", exclusive ? 4 : 3, "line", "s", terminal_name(), "client", "s",
                     CLIENT, "process", "s", PROCESS, "exclusive", "b", 1);

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
    cli_timeouts_update(cli);
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* A call with a line, which may hold a secret. */
static int line_call(Cli *cli, const char *member, const char *line, sd_bus_error *error,
                     sd_bus_message **ret_reply)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r = cli_bus_open(cli, error);

    if (r >= 0)
        r = sd_bus_message_new_method_call(cli->bus, &m, POLICY_NAME, cli->session,
                                           POLICY_SESSION_INTERFACE, member);
    if (r >= 0)
        r = sd_bus_message_sensitive(m);
    if (r >= 0)
        r = sd_bus_message_append(m, "s", line);
    if (r < 0)
        return sd_bus_error_is_set(error) ? r : sd_bus_error_set_errno(error, r);
    return cli_call_message(cli, m, error, ret_reply);
}

/* -1: nobody says. */
static ssize_t public_length(Cli *cli, const char *line)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    uint32_t length;

    if (line_call(cli, "GetPublicPart", line, &error, &reply) < 0 ||
        sd_bus_message_read(reply, "u", &length) < 0)
        return -1;
    return length;
}

bool cli_config_has_secret(Cli *cli, const char *line)
{
    ssize_t length = public_length(cli, line);

    return length >= 0 && (size_t)length < strlen(line);
}

char *cli_config_public_line(Cli *cli, const char *line)
{
    ssize_t length;
    char *shown;

    if (!cli->session)
        return strdup(line);
    length = public_length(cli, line);
    if (length < 0)
        return NULL;
    if ((size_t)length >= strlen(line))
        return strdup(line);
    return asprintf(&shown, "%.*s <removed>", (int)length, line) < 0 ? NULL : shown;
}

static int refused_line(Cli *cli, const char *line, uint32_t column, const char *message)
{
    _cleanup_free_ char *shown = NULL;

    if (*message && !strstr(message, "'^' marker"))
        return cli_error(cli, EINVAL, "%s", message);
    shown = cli_config_public_line(cli, line);
    cli_print_syntax_error(cli, shown ? shown : "", 0, GRAMMAR_INVALID, column);
    return -EINVAL;
}

/* asks: a secret that it ends in front of is asked for. */
static int enter_line(Cli *cli, const char *line, bool asks)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *message, *mode;
    uint32_t column;
    int accepted, r = line_call(cli, "Line", line, &error, &reply);

    if (r < 0)
        return cli_session_error(cli, &error, r);
    r = sd_bus_message_read(reply, "buss", &accepted, &column, &message, &mode);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    if (!accepted) {
        char *whole = NULL;

        r = asks ? cli_config_ask_secret(cli, line, &whole) : 0;
        if (r > 0) {
            r = enter_line(cli, whole, false);
            cli_secret_free(whole);
            return r;
        }
        return r < 0 ? r : refused_line(cli, line, column, message);
    }
    if (*message)
        cli_say(cli, "%% %s\n", message);
    return set_mode(cli, mode);
}

int cli_config_line(Cli *cli, const char *line)
{
    return enter_line(cli, line, true);
}

int cli_config_followers(Cli *cli, const char *line, grammar_completion_t callback, void *userdata)
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

int cli_config_complete(Cli *cli, const char *line, grammar_completion_t callback, void *userdata)
{
    int r = cli_config_followers(cli, line, callback, userdata);

    return r < 0 ? r : cli_config_offer_secret(cli, line, callback, userdata);
}

/* --- The words of the shell ------------------------------------------------------------------- */

/* *ret_blocked (may be NULL): they cannot be committed, because somebody else has a commit on
 * trial.
 */
static int has_changes(Cli *cli, int *ret_blocked)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    int changed = 0, blocked = 0, r;

    r = cli_get_properties(
        cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE,
        (const CliEntry[]){{"Changed", 'b', &changed}, {"OtherTrial", 'b', &blocked}, {0}}, &error,
        &reply);
    if (r < 0)
        return cli_session_error(cli, &error, r);
    if (ret_blocked)
        *ret_blocked = blocked;
    return changed;
}

int cli_config_check_dropped(Cli *cli)
{
    int r = has_changes(cli, NULL);

    return r > 0 ? cli_error(cli, ECANCELED, "The changes were not committed, and are dropped.")
                 : r;
}

/* yes: commit and leave; no: leave without; cancel: stay. */
int cli_config_end(Cli *cli, const GrammarMatch *m)
{
    int blocked = 0, r = has_changes(cli, &blocked);

    if (r > 0 && blocked) {
        cli_say(cli, NOT_SAVED "\n");
        cli_config_leave(cli);
        return cli->answers_typed ? 0 : -ECANCELED;
    }
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
            r = cli_commit(cli, NULL);
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

/* The line that would lead here from the top. */
int cli_config_pwd(Cli *cli, const GrammarMatch *m)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *place = "";
    int r = cli_get_properties(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE,
                               (const CliEntry[]){{"Place", 's', &place}, {0}}, &error, &reply);

    if (r < 0)
        return cli_session_error(cli, &error, r);
    render_text(cli->out, *place ? place : "configure");
    (void)fputc('\n', cli->out);
    return 0;
}
