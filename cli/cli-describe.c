/* SPDX-License-Identifier: Apache-2.0 */
/* describe: which tasks a command needs. The daemons decide by what stands at their bus methods;
 * this says the same beforehand, and a test compares. */
#include "cli-describe.h"

#include "cli-bus.h"
#include "cli-commands.h"
#include "cli-config.h"
#include "errors.h"
#include "names.h"
#include "pipe.h"

typedef struct Need {
    cli_handler_t run;
    const char *keyword; /* only with this word; NULL: always */
    const char *task;    /* "crypto (READ)"; NULL: none */
    const char *unless;  /* also, or (of no keyword) only, without this word; NULL: nothing */
} Need;

#define CRYPTO_READ "crypto (READ)"
#define CRYPTO_EXECUTE "crypto (EXECUTE)"
#define AAA_READ "aaa (READ)"
#define AAA_WRITE "aaa (WRITE)"
#define CONFIG_READ "config-services (READ)"
#define NO_TASK "\nUser needs no taskid.\n"

static const Need needs[] = {
    {cli_ca_authenticate, NULL, CRYPTO_EXECUTE, NULL},
    {cli_ca_cancel, NULL, CRYPTO_EXECUTE, NULL},
    {cli_ca_clear, NULL, CRYPTO_EXECUTE, NULL},
    {cli_ca_enroll, NULL, CRYPTO_EXECUTE, NULL},
    {cli_ca_import, NULL, CRYPTO_EXECUTE, NULL},
    {cli_ca_import_serial, NULL, CRYPTO_EXECUTE, NULL},
    {cli_config_abort, NULL, NULL, NULL},
    {cli_config_clear, NULL, NULL, NULL},
    {cli_config_commit, NULL, NULL, NULL},
    {cli_config_commit, "replace", "root-lr (WRITE)", NULL},
    {cli_config_end, NULL, NULL, NULL},
    {cli_config_exit, NULL, NULL, NULL},
    {cli_config_pwd, NULL, NULL, NULL},
    {cli_config_root, NULL, NULL, NULL},
    {cli_configure, NULL, NULL, NULL},
    {cli_configure, "exclusive", "config-services (WRITE)", NULL},
    {cli_copy_running, NULL, CONFIG_READ, NULL},
    {cli_crl_clear, NULL, CRYPTO_EXECUTE, NULL},
    {cli_crl_request, NULL, CRYPTO_EXECUTE, NULL},
    {cli_describe, NULL, NULL, NULL},
    {cli_exec_end, NULL, NULL, NULL},
    {cli_exec_exit, NULL, NULL, NULL},
    {cli_inventory_snapshot, NULL, "dossier (EXECUTE)", NULL},
    {cli_key_export, NULL, CRYPTO_EXECUTE, NULL},
    {cli_key_export, NULL, CRYPTO_READ, "algorithm"},
    {cli_key_generate, NULL, CRYPTO_EXECUTE, NULL},
    {cli_key_import, NULL, CRYPTO_EXECUTE, NULL},
    {cli_key_zeroize, NULL, CRYPTO_EXECUTE, NULL},
    {cli_load, NULL, NULL, NULL},
    {cli_load_commit, NULL, CONFIG_READ, NULL},
    {cli_load_rollback, NULL, CONFIG_READ, NULL},
    {cli_rollback, NULL, CONFIG_READ, NULL},
    {cli_show_aaa, NULL, AAA_READ, NULL},
    {cli_show_ca_certificates, NULL, CRYPTO_READ, NULL},
    {cli_show_ca_trustpoints, NULL, CRYPTO_READ, NULL},
    {cli_show_candidate, NULL, NULL, NULL},
    {cli_show_clock, NULL, NULL, NULL},
    {cli_show_commit_changes, NULL, CONFIG_READ, NULL},
    {cli_show_commit_list, NULL, CONFIG_READ, NULL},
    {cli_show_crls, NULL, CRYPTO_READ, NULL},
    {cli_show_difference, NULL, NULL, NULL},
    {cli_show_dossier, NULL, "basic-services (READ)", NULL},
    {cli_show_dossier, "filesystem-inventory", "dossier (READ)", NULL},
    {cli_show_dossier, "packages", "pkg-mgmt (READ)", "include"},
    {cli_show_dossier, "reboot-history", "system (READ)", "include"},
    {cli_show_dossier, "rollback-history", CONFIG_READ, "include"},
    {cli_show_dossier, "system-inventory", "sysmgr (READ)", "include"},
    {cli_show_failed, NULL, NULL, NULL},
    {cli_show_history, NULL, CONFIG_READ, NULL},
    {cli_show_inventory, NULL, "dossier (READ)", NULL},
    {cli_show_key, NULL, CRYPTO_READ, NULL},
    {cli_show_logging, NULL, "logging (READ)", NULL},
    {cli_show_merged, NULL, CONFIG_READ, NULL},
    {cli_show_rollback_changes, NULL, CONFIG_READ, NULL},
    {cli_show_running, NULL, CONFIG_READ, NULL},
    {cli_show_sessions, NULL, CONFIG_READ, NULL},
    {cli_show_startup_failed, NULL, CONFIG_READ, NULL},
    {cli_show_tasks, NULL, AAA_READ, NULL},
    {cli_show_tech_support, NULL, NULL, NULL},
    {cli_show_trustpool, NULL, CRYPTO_READ, NULL},
    {cli_show_trustpool_policy, NULL, CRYPTO_READ, NULL},
    {cli_show_user, NULL, NULL, NULL},
    {cli_show_users, NULL, NULL, NULL},
    {cli_show_user_key, NULL, CRYPTO_READ, NULL},
    {cli_show_version, NULL, NULL, NULL},
    {cli_terminal_length, NULL, NULL, NULL},
    {cli_terminal_no_timestamp, NULL, NULL, NULL},
    {cli_terminal_timestamp, NULL, NULL, NULL},
    {cli_terminal_width, NULL, NULL, NULL},
    {cli_trustpool_clean, NULL, CRYPTO_EXECUTE, NULL},
    {cli_trustpool_diff, NULL, CRYPTO_READ, NULL},
    {cli_trustpool_import, NULL, CRYPTO_EXECUTE, NULL},
    {cli_trustpool_import_terminal, NULL, CRYPTO_EXECUTE, NULL},
    {cli_foresee, NULL, CRYPTO_READ, NULL},
    {cli_trustpool_verify, NULL, CRYPTO_READ, NULL},
    {cli_user_key_import, NULL, CRYPTO_EXECUTE, NULL},
    {cli_user_key_import, "username", AAA_WRITE, NULL},
    {cli_user_key_zeroize, NULL, CRYPTO_EXECUTE, NULL},
    {cli_user_key_zeroize, "username", AAA_WRITE, NULL},
    {cli_user_key_zeroize, "all", AAA_WRITE, NULL},
};

bool cli_is_described(cli_handler_t run)
{
    for (size_t i = 0; i < ELEMENTSOF(needs); i++)
        if (needs[i].run == run)
            return true;
    return false;
}

bool cli_task_of(cli_handler_t run, size_t i, const char **ret_task, const char **ret_keyword,
                 const char **ret_unless)
{
    for (const Need *need = needs; need < needs + ELEMENTSOF(needs); need++)
        if (need->run == run && i-- == 0) {
            *ret_task = need->task;
            *ret_keyword = need->keyword;
            *ret_unless = need->unless;
            return true;
        }
    return false;
}

/* As a keyword, or as one of the words that an argument may be. */
static bool is_given(const GrammarMatch *m, const char *word)
{
    for (size_t i = 0; i < m->n_arguments; i++)
        if (streq(m->arguments[i].value, word))
            return true;
    return false;
}

static bool is_needed(const Need *need, const GrammarMatch *m)
{
    if (((const CliAction *)m->command->data)->run != need->run || !need->task)
        return false;
    if (need->keyword && is_given(m, need->keyword))
        return true;
    return need->unless ? !grammar_has(m, need->unless) : !need->keyword;
}

static void print_task(FILE *f, const char *task, unsigned *n)
{
    if ((*n)++ == 0)
        (void)fputs("\nUser needs ALL of the following taskids:\n\n", f);
    fprintf(f, "       %s\n", task);
}

static void print_needs(Cli *cli, const GrammarMatch *m)
{
    unsigned n = 0;

    for (size_t i = 0; i < ELEMENTSOF(needs); i++)
        if (is_needed(&needs[i], m))
            print_task(cli->out, needs[i].task, &n);
    if (n == 0)
        (void)fputs(NO_TASK, cli->out);
}

/* --- What is described ------------------------------------------------------------------------ */

/* A line of the configuration is described by policyd. */
static int describe_line(Cli *cli, const char *session, const char *line)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *task;
    unsigned n = 0;
    int r = cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "Describe", &error,
                     &reply, "s", line);

    if (r < 0 && !cli->session && sd_bus_error_has_name(&error, ERROR_INVALID_ARGUMENT))
        return cli_error(cli, r, "There is no command \"%s\"", line);
    if (r < 0)
        return cli_session_error(cli, &error, r);
    r = sd_bus_message_read(reply, "s", &task);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    print_task(cli->out, task, &n);
    return 0;
}

/* The same where there is no session: one is there for as long as it takes. */
static int describe_line_at_the_top(Cli *cli, const char *line)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *session = NULL;
    int r = cli_session_open(cli, false, &session);

    if (r < 0)
        return r;
    r = describe_line(cli, session, line);
    (void)cli_call(cli, POLICY_NAME, session, POLICY_SESSION_INTERFACE, "Close", &error, NULL,
                   NULL);
    return r;
}

/* What may stand behind a bar, without the bar. Returns whether it was that. */
static bool describe_utility(Cli *cli, const char *line)
{
    _cleanup_free_ char *behind = NULL;
    unsigned n = 0;
    Pipe pipe;

    if (strncasecmp(line, "utility", strcspn(line, " ")) != 0 ||
        asprintf(&behind, "| %s", line) < 0 || pipe_parse(behind, &pipe) < 0)
        return false;
    for (size_t i = 0; i < pipe.n_stages; i++)
        if (pipe.stages[i].kind == PIPE_SIGN)
            print_task(cli->out, CRYPTO_EXECUTE, &n);
    if (n == 0)
        (void)fputs(NO_TASK, cli->out);
    pipe_done(&pipe);
    return true;
}

/* A command of the shell: 1 when it was one, 0 when it is none that is whole. */
static int describe_command(Cli *cli, unsigned mode, const char *line, GrammarStatus *ret_status)
{
    const char *inner = NULL;
    GrammarMatch m;
    int r = grammar_parse(cli_grammar(mode), line, &m);

    if (r < 0)
        return cli_error(cli, r, "Out of memory");
    *ret_status = m.status;
    if (m.status == GRAMMAR_OK) {
        inner = grammar_argument(&m, "command");
        r = 1;
        /* "do" has none of its own. */
        if (((const CliAction *)m.command->data)->run)
            print_needs(cli, &m);
        else
            r = inner ? describe_command(cli, CLI_EXEC, inner, ret_status) : 0;
    }
    grammar_match_done(&m);
    return r;
}

int cli_describe(Cli *cli, const GrammarMatch *match)
{
    const char *line = grammar_argument(match, "command");
    GrammarStatus status, ignored;
    int r = describe_command(cli, cli->session ? CLI_CONFIG : CLI_EXEC, line, &status);

    /* The commands of configuration mode can be asked about outside of it. */
    if (r == 0 && !cli->session)
        r = describe_command(cli, CLI_CONFIG, line, &ignored);
    if (r != 0)
        return r < 0 ? r : 0;
    if (describe_utility(cli, line))
        return 0;
    if (cli->session)
        return describe_line(cli, cli->session, line);
    if (status == GRAMMAR_INVALID)
        return describe_line_at_the_top(cli, line);
    return cli_error(
        cli, EINVAL,
        status == GRAMMAR_INCOMPLETE ? "Incomplete command." : "Ambiguous command: \"%s\"", line);
}
