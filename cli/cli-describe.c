/* SPDX-License-Identifier: Apache-2.0 */
/* describe: which tasks a command needs. The daemons decide by what stands at their bus methods;
 * this says the same beforehand, and a test compares. */
#include "cli.h"
#include "names.h"

typedef struct Need {
    cli_handler_t run;
    const char *keyword; /* only with this word; NULL: always */
    const char *task;    /* "crypto (READ)"; NULL: none */
    bool by_default;     /* also where no "include" says which parts */
} Need;

#define CRYPTO_READ "crypto (READ)"
#define CRYPTO_EXECUTE "crypto (EXECUTE)"
#define AAA_READ "aaa (READ)"
#define AAA_WRITE "aaa (WRITE)"
#define CONFIG_READ "config-services (READ)"

static const Need needs[] = {
    {cli_ca_authenticate, NULL, CRYPTO_EXECUTE, false},
    {cli_ca_cancel, NULL, CRYPTO_EXECUTE, false},
    {cli_ca_clear, NULL, CRYPTO_EXECUTE, false},
    {cli_ca_enroll, NULL, CRYPTO_EXECUTE, false},
    {cli_ca_import, NULL, CRYPTO_EXECUTE, false},
    {cli_ca_import_serial, NULL, CRYPTO_EXECUTE, false},
    {cli_config_abort, NULL, NULL, false},
    {cli_config_clear, NULL, NULL, false},
    {cli_config_commit, NULL, NULL, false},
    {cli_config_end, NULL, NULL, false},
    {cli_config_exit, NULL, NULL, false},
    {cli_config_pwd, NULL, NULL, false},
    {cli_config_root, NULL, NULL, false},
    {cli_configure, NULL, NULL, false},
    {cli_configure, "exclusive", "config-services (WRITE)", false},
    {cli_copy_running, NULL, CONFIG_READ, false},
    {cli_crl_clear, NULL, CRYPTO_EXECUTE, false},
    {cli_crl_request, NULL, CRYPTO_EXECUTE, false},
    {cli_describe, NULL, NULL, false},
    {cli_exec_end, NULL, NULL, false},
    {cli_exec_exit, NULL, NULL, false},
    {cli_inventory_snapshot, NULL, "dossier (EXECUTE)", false},
    {cli_key_export, NULL, CRYPTO_EXECUTE, false},
    {cli_key_generate, NULL, CRYPTO_EXECUTE, false},
    {cli_key_import, NULL, CRYPTO_EXECUTE, false},
    {cli_key_zeroize, NULL, CRYPTO_EXECUTE, false},
    {cli_load, NULL, NULL, false},
    {cli_load_commit, NULL, CONFIG_READ, false},
    {cli_load_rollback, NULL, CONFIG_READ, false},
    {cli_rollback, NULL, CONFIG_READ, false},
    {cli_show_aaa, NULL, AAA_READ, false},
    {cli_show_ca_certificates, NULL, CRYPTO_READ, false},
    {cli_show_ca_trustpoints, NULL, CRYPTO_READ, false},
    {cli_show_candidate, NULL, NULL, false},
    {cli_show_clock, NULL, NULL, false},
    {cli_show_commit_changes, NULL, CONFIG_READ, false},
    {cli_show_commit_list, NULL, CONFIG_READ, false},
    {cli_show_crls, NULL, CRYPTO_READ, false},
    {cli_show_difference, NULL, NULL, false},
    {cli_show_dossier, NULL, "basic-services (READ)", false},
    {cli_show_dossier, "filesystem-inventory", "dossier (READ)", false},
    {cli_show_dossier, "packages", "pkg-mgmt (READ)", true},
    {cli_show_dossier, "reboot-history", "system (READ)", true},
    {cli_show_dossier, "rollback-history", CONFIG_READ, true},
    {cli_show_dossier, "system-inventory", "sysmgr (READ)", true},
    {cli_show_failed, NULL, NULL, false},
    {cli_show_history, NULL, CONFIG_READ, false},
    {cli_show_inventory, NULL, "dossier (READ)", false},
    {cli_show_key, NULL, CRYPTO_READ, false},
    {cli_show_logging, NULL, "logging (READ)", false},
    {cli_show_merged, NULL, CONFIG_READ, false},
    {cli_show_rollback_changes, NULL, CONFIG_READ, false},
    {cli_show_running, NULL, CONFIG_READ, false},
    {cli_show_sessions, NULL, CONFIG_READ, false},
    {cli_show_startup_failed, NULL, CONFIG_READ, false},
    {cli_show_tasks, NULL, AAA_READ, false},
    {cli_show_tech_support, NULL, NULL, false},
    {cli_show_trustpool, NULL, CRYPTO_READ, false},
    {cli_show_trustpool_policy, NULL, CRYPTO_READ, false},
    {cli_show_user, NULL, NULL, false},
    {cli_show_users, NULL, NULL, false},
    {cli_show_user_key, NULL, CRYPTO_READ, false},
    {cli_show_version, NULL, NULL, false},
    {cli_terminal_length, NULL, NULL, false},
    {cli_terminal_no_timestamp, NULL, NULL, false},
    {cli_terminal_timestamp, NULL, NULL, false},
    {cli_terminal_width, NULL, NULL, false},
    {cli_trustpool_clean, NULL, CRYPTO_EXECUTE, false},
    {cli_trustpool_diff, NULL, CRYPTO_READ, false},
    {cli_trustpool_import, NULL, CRYPTO_EXECUTE, false},
    {cli_trustpool_import_terminal, NULL, CRYPTO_EXECUTE, false},
    {cli_foresee, NULL, CRYPTO_READ, false},
    {cli_trustpool_verify, NULL, CRYPTO_READ, false},
    {cli_user_key_import, NULL, CRYPTO_EXECUTE, false},
    {cli_user_key_import, "username", AAA_WRITE, false},
    {cli_user_key_zeroize, NULL, CRYPTO_EXECUTE, false},
    {cli_user_key_zeroize, "username", AAA_WRITE, false},
    {cli_user_key_zeroize, "all", AAA_WRITE, false},
};

bool cli_is_described(cli_handler_t run)
{
    for (size_t i = 0; i < ELEMENTSOF(needs); i++)
        if (needs[i].run == run)
            return true;
    return false;
}

bool cli_task_of(cli_handler_t run, size_t i, const char **ret_task, const char **ret_keyword)
{
    for (const Need *need = needs; need < needs + ELEMENTSOF(needs); need++)
        if (need->run == run && i-- == 0) {
            *ret_task = need->task;
            *ret_keyword = need->keyword;
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
    return !need->keyword || is_given(m, need->keyword) ||
           (need->by_default && !grammar_has(m, "include"));
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
        (void)fputs("\nUser needs no taskid.\n", cli->out);
}

/* A line of the configuration is described by policyd. */
static int describe_line(Cli *cli, const char *line)
{
    _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *reply = NULL;
    const char *task;
    unsigned n = 0;
    int r = cli_call(cli, POLICY_NAME, cli->session, POLICY_SESSION_INTERFACE, "Describe", &error,
                     &reply, "s", line);

    if (r < 0)
        return cli_session_error(cli, &error, r);
    r = sd_bus_message_read(reply, "s", &task);
    if (r < 0)
        return cli_error(cli, r, "The answer cannot be read: %s", strerror(-r));
    print_task(cli->out, task, &n);
    return 0;
}

int cli_describe(Cli *cli, const GrammarMatch *match)
{
    const char *line = grammar_argument(match, "command");
    unsigned mode = cli->session ? CLI_CONFIG : CLI_EXEC;
    GrammarMatch m;
    int r = grammar_parse(cli_grammar(mode), line, &m);

    if (r < 0) {
        r = cli_error(cli, r, "Out of memory");
    } else if (m.status == GRAMMAR_OK && ((const CliAction *)m.command->data)->run) {
        print_needs(cli, &m);
    } else if (cli->session) {
        r = describe_line(cli, line);
    } else {
        r = cli_error(cli, EINVAL,
                      m.status == GRAMMAR_INCOMPLETE  ? "Incomplete command."
                      : m.status == GRAMMAR_AMBIGUOUS ? "Ambiguous command: \"%s\""
                                                      : "There is no command \"%s\"",
                      line);
    }
    grammar_match_done(&m);
    return r;
}
