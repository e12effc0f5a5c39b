/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration mode. */
#pragma once

#include "cli.h"
#include "cli-remove.h"

/* A line in configuration mode that is no command of the shell. */
int cli_config_line(Cli *cli, const char *line);
/* The line without a secret that it may have in clear, for history and messages; the caller frees.
 * NULL when that cannot be told. */
char *cli_config_public_line(Cli *cli, const char *line);
/* Has the line a secret in clear? */
bool cli_config_has_secret(Cli *cli, const char *line);
int cli_config_complete(Cli *cli, const char *line, grammar_completion_t callback, void *userdata);
/* What policyd knows of that. */
int cli_config_followers(Cli *cli, const char *line, grammar_completion_t callback, void *userdata);
/* cli-config-secret.c: the end of a line that would be asked for what follows it. */
int cli_config_offer_secret(Cli *cli, const char *line, grammar_completion_t callback,
                            void *userdata);
/* The line with the secret that it lacks, once that has been asked for: 1, and the caller releases
 * it with cli_secret_free(); 0 when it lacks none, or nobody can be asked. Errors are said. */
int cli_config_ask_secret(Cli *cli, const char *line, char **ret);
/* cli_bus_error() for calls of the session. */
int cli_session_error(Cli *cli, const sd_bus_error *error, int r);
/* Opens a session of policyd; its path. */
int cli_session_open(Cli *cli, bool exclusive, char **ret);
/* The lines that a commit failed on, each with its reason, as errors. */
void cli_session_say_failed(Cli *cli, const char *session);
/* What owners said about lines that were committed all the same, but for what goes with its
 * trustpoint (may be NULL). */
void cli_session_say_warnings(Cli *cli, const char *session, const CliRemoval *removal);
/* Says so, and fails, when the session has changes that nobody committed. */
int cli_config_check_dropped(Cli *cli);
/* Leaves configuration mode; the changes are dropped. */
void cli_config_leave(Cli *cli);
void cli_update_hostname(Cli *cli);
