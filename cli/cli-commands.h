/* SPDX-License-Identifier: Apache-2.0 */
/* The EXEC commands: their table and their functions. */
#pragma once

#include "cli.h"

extern const GrammarCommand cli_commands[];
/* The commands of CLI_EXEC or CLI_CONFIG; NULL when out of memory. */
const Grammar *cli_grammar(unsigned mode);
/* The same for grammar_parse() of this line. */
const Grammar *cli_grammar_for(unsigned mode, const char *line);
void cli_grammar_done(void);

#define COMMAND(name) int cli_##name(Cli *cli, const GrammarMatch *match)
COMMAND(key_generate);
COMMAND(key_export);
COMMAND(key_import);
COMMAND(key_zeroize);
COMMAND(user_key_import);
COMMAND(user_key_zeroize);
COMMAND(show_user_key);
COMMAND(show_key);
COMMAND(ca_authenticate);
COMMAND(ca_enroll);
COMMAND(ca_import);
COMMAND(ca_import_serial);
COMMAND(ca_cancel);
COMMAND(show_ca_trustpoints);
COMMAND(ca_clear);
COMMAND(show_ca_certificates);
COMMAND(crl_clear);
COMMAND(crl_request);
COMMAND(show_crls);
COMMAND(trustpool_import);
COMMAND(trustpool_diff);
COMMAND(trustpool_import_terminal);
COMMAND(trustpool_verify);
COMMAND(foresee);
COMMAND(trustpool_clean);
COMMAND(show_trustpool);
COMMAND(show_trustpool_policy);
COMMAND(show_dossier);
COMMAND(show_inventory);
COMMAND(inventory_snapshot);
COMMAND(show_aaa);
COMMAND(show_tasks);
COMMAND(show_user);
COMMAND(show_users);
COMMAND(show_logging);
COMMAND(show_tech_support);
COMMAND(describe);
COMMAND(show_version);
COMMAND(show_clock);
COMMAND(show_running);
COMMAND(show_commit_list);
COMMAND(show_history);
COMMAND(show_commit_changes);
COMMAND(show_rollback_changes);
COMMAND(show_sessions);
COMMAND(show_difference);
COMMAND(show_merged);
COMMAND(rollback);
COMMAND(show_candidate);
COMMAND(show_failed);
COMMAND(show_startup_failed);
COMMAND(configure);
COMMAND(config_commit);
COMMAND(config_end);
COMMAND(config_exit);
COMMAND(config_abort);
COMMAND(config_clear);
COMMAND(config_root);
COMMAND(config_pwd);
COMMAND(load);
COMMAND(load_commit);
COMMAND(load_rollback);
COMMAND(copy_running);
COMMAND(terminal_length);
COMMAND(terminal_width);
COMMAND(terminal_timestamp);
COMMAND(terminal_no_timestamp);
COMMAND(exec_exit);
COMMAND(exec_end);
#undef COMMAND
