/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "cli-commands.h"
#include "cli-describe.h"
#include "cli.h"

/* A wrong pattern makes the whole table unusable; this says which one it is. */
static void test_every_pattern_compiles(void **state)
{
    for (const GrammarCommand *row = cli_commands; row->pattern; row++) {
        const GrammarCommand table[] = {*row, {0}};
        _cleanup_(grammar_freep) Grammar *g = grammar_new(table);

        if (!g)
            fail_msg("wrong pattern, or wrong number of help texts: %s", row->pattern);
    }
    assert_non_null(cli_grammar(CLI_EXEC));
    assert_non_null(cli_grammar(CLI_CONFIG));
    cli_grammar_done();
}

/* A new command is to say which tasks it needs: see cli-describe.c. */
static void test_every_command_is_described(void **state)
{
    for (const GrammarCommand *row = cli_commands; row->pattern; row++) {
        const CliAction *action = row->data;

        if (action->run && !cli_is_described(action->run))
            fail_msg("its tasks are not described: %s", row->pattern);
    }
}

static const CliAction *find(unsigned mode, const char *line)
{
    const CliAction *action = NULL;
    GrammarMatch m;

    assert_int_equal(grammar_parse(cli_grammar(mode), line, &m), 0);
    if (m.status == GRAMMAR_OK)
        action = m.command->data;
    grammar_match_done(&m);
    return action;
}

static void assert_runs(unsigned mode, const char *line, cli_handler_t run)
{
    const CliAction *action = find(mode, line);

    if (!action || action->run != run)
        fail_msg("not this command: %s", line);
}

static void assert_same_alone(unsigned mode, const char *line)
{
    GrammarMatch whole, alone;

    cli_grammar_done(); /* so that the line is the first one */
    assert_int_equal(grammar_parse(cli_grammar_for(mode, line), line, &alone), 0);
    assert_int_equal(grammar_parse(cli_grammar(mode), line, &whole), 0);
    if (alone.status != whole.status || alone.column != whole.column ||
        alone.command != whole.command || alone.rule != whole.rule ||
        alone.n_arguments != whole.n_arguments)
        fail_msg("alone it is read in another way: %s", line);
    grammar_match_done(&whole);
    grammar_match_done(&alone);
}

/* The first line is read with those commands only that it could mean. */
static void test_first_line_is_read_as_any(void **state)
{
    static const char *const lines[] = {
        "c",
        "co",
        "crypto",
        "CRYPTO CA",
        "crypto ca enroll x",
        "crypto ca enrol",
        "crypto xa",
        "crypto ca x",
        "cr c e x",
        "crypto c e x",
        "show",
        "sh ver",
        "show version x",
        "sho x",
        "do show version",
        "describe crypto ca enroll x",
        "\"show\" version",
        "x",
        "",
        "!x",
        "   ",
        "show\tclock",
        "e",
        "end",
        "en",
        "ex",
        "commit label",
        "crypto key generate rsa 1",
        "crypto key generate ra",
        "show platform security integrity dossier nonce x",
        "show \"",
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        assert_same_alone(CLI_EXEC, lines[i]);
        assert_same_alone(CLI_CONFIG, lines[i]);
    }
    for (const GrammarCommand *row = cli_commands; row->pattern; row++) {
        char line[512];

        /* What it begins with, whole and cut short. */
        for (size_t n = strcspn(row->pattern, "<([{"); n > 0; n--) {
            (void)snprintf(line, sizeof(line), "%.*s", (int)n, row->pattern);
            assert_same_alone(CLI_EXEC, line);
        }
    }
    cli_grammar_done();
}

static void test_commands_of_the_workflow(void **state)
{
    assert_runs(CLI_EXEC, "configure", cli_configure);
    assert_runs(CLI_EXEC, "conf t", cli_configure);
    assert_runs(CLI_EXEC, "crypto key generate rsa system-root-key", cli_key_generate);
    assert_runs(CLI_EXEC, "crypto key generate rsa general-keys system-root-key", cli_key_generate);
    assert_runs(CLI_EXEC, "crypto key generate ecdsa nistp384 system-enroll-key", cli_key_generate);
    assert_runs(CLI_EXEC, "crypto key generate ed25519", cli_key_generate);
    assert_runs(CLI_EXEC, "show crypto key mypubkey ecdsa", cli_show_key);
    assert_runs(CLI_EXEC, "crypto ca authenticate system-trustpoint", cli_ca_authenticate);
    assert_runs(CLI_EXEC, "crypto ca enroll system-trustpoint", cli_ca_enroll);
    assert_runs(CLI_EXEC, "show crypto ca certificates system-trustpoint",
                cli_show_ca_certificates);
    assert_runs(CLI_EXEC, "clear crypto ca certificates system-trustpoint", cli_ca_clear);
    assert_runs(CLI_EXEC, "show crypto ca trustpool", cli_show_trustpool);
    assert_runs(CLI_EXEC, "crypto ca trustpool import url http://ca.example/bundle.p7b",
                cli_trustpool_import);
    assert_runs(CLI_EXEC, "crypto ca trustpool import url file:///bundle.p7b force",
                cli_trustpool_import);
    assert_runs(CLI_EXEC, "crypto ca trustpool diff url tftp://ca.example/b", cli_trustpool_diff);
    assert_runs(CLI_EXEC,
                "crypto ca trustpool verify url file:///a purpose tls-server name a.example "
                "revocation none",
                cli_trustpool_verify);
    assert_runs(CLI_EXEC, "crypto ca trustpool import terminal", cli_trustpool_import_terminal);
    assert_runs(CLI_EXEC, "show crypto ca trustpool detail subject \"ISRG Root\"",
                cli_show_trustpool);
    assert_runs(CLI_EXEC, "show crypto ca trustpool policy", cli_show_trustpool_policy);
    assert_runs(CLI_EXEC, "crypto ca trustpool import url clean", cli_trustpool_clean);
    assert_runs(
        CLI_EXEC,
        "show platform security integrity dossier include packages reboot-history rollback-history "
        "system-integrity-snapshot system-inventory nonce 1580",
        cli_show_dossier);
    assert_runs(CLI_EXEC, "show runn crypto ca", cli_show_running);
    assert_runs(CLI_EXEC, "terminal exec prompt no-timestamp", cli_terminal_no_timestamp);
    assert_runs(CLI_EXEC, "terminal width 511", cli_terminal_width);
    assert_runs(CLI_EXEC, "show configuration commit changes all", cli_show_commit_changes);
    assert_runs(CLI_EXEC, "show configuration commit changes last 2 diff", cli_show_commit_changes);
    assert_runs(CLI_EXEC, "show configuration commit changes 1000000001 diff",
                cli_show_commit_changes);
    assert_runs(CLI_EXEC, "show conf comm list 5 detail", cli_show_commit_list);
    assert_runs(CLI_EXEC, "rollback configuration to 1000000001", cli_rollback);
    assert_runs(CLI_EXEC, "rollback conf last 1", cli_rollback);
    assert_runs(CLI_CONFIG, "show commit changes diff", cli_show_difference);
    cli_grammar_done();
}

static void test_modes_are_apart(void **state)
{
    assert_null(find(CLI_EXEC, "commit"));
    assert_null(find(CLI_EXEC, "show configuration"));
    assert_null(find(CLI_EXEC, "show configuration merge"));
    assert_null(find(CLI_CONFIG, "rollback configuration last 1"));
    assert_null(find(CLI_CONFIG, "configure"));
    assert_null(find(CLI_CONFIG, "crypto key generate rsa"));
    assert_runs(CLI_CONFIG, "commit label one comment a | b", cli_config_commit);
    assert_runs(CLI_CONFIG, "commit confirmed 50 label one comment a b", cli_config_commit);
    assert_runs(CLI_CONFIG, "commit label one confirmed minutes 60", cli_config_commit);
    assert_runs(CLI_CONFIG, "commit confirmed", cli_config_commit);
    assert_null(find(CLI_CONFIG, "commit confirmed 29"));
    assert_null(find(CLI_CONFIG, "commit confirmed 60 confirmed 60"));
    assert_runs(CLI_CONFIG, "show configuration", cli_show_candidate);
    assert_runs(CLI_CONFIG, "show configuration failed", cli_show_failed);
    assert_runs(CLI_CONFIG, "end", cli_config_end);
    assert_runs(CLI_EXEC, "end", cli_exec_end);
    cli_grammar_done();
}

static void test_refused_words(void **state)
{
    assert_null(find(CLI_EXEC, "crypto key generate rsa ../label"));
    assert_null(find(CLI_EXEC, "crypto key generate ecdsa"));
    assert_null(find(CLI_EXEC, "crypto key generate dh"));
    assert_null(find(CLI_EXEC, "crypto ca trustpool import url file"));
    assert_null(find(CLI_EXEC, "crypto ca trustpool import url http://ca.example/ forcibly"));
    assert_null(find(CLI_EXEC, "crypto ca trustpool verify url file:///a purpose code-signing"));
    assert_null(
        find(CLI_EXEC, "show platform security integrity dossier include packages packages"));
    assert_null(find(CLI_EXEC, "terminal length 513"));
    cli_grammar_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern_compiles),
        cmocka_unit_test(test_every_command_is_described),
        cmocka_unit_test(test_first_line_is_read_as_any),
        cmocka_unit_test(test_commands_of_the_workflow),
        cmocka_unit_test(test_modes_are_apart),
        cmocka_unit_test(test_refused_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
