/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, answers and questions. */
#pragma once

#include "cli.h"

/* The next line without its end; NULL at end of input or when interrupted (then cli->interrupted).
 * The caller frees. */
char *cli_read_line(Cli *cli, const char *prompt, bool is_command);
/* The next line, if it comes together with the last one, as what is pasted into a terminal does;
 * else NULL. */
char *cli_read_pasted_line(Cli *cli);
/* It is the next one again, and taken over. */
void cli_unread_line(Cli *cli, char *line);
/* Reads what comes together with the last line, and drops it. */
void cli_drop_pasted(Cli *cli);
/* The same, when the line is the first of a block of PEM: of a paste that nobody has asked for, or
 * whose reader has ended, no line is to be a command or an answer. Returns whether it was. */
bool cli_drop_block(Cli *cli, const char *line);
/* 1 yes, 0 no. At the end of an input that is no terminal the default (0 or 1); else, and when
 * there is none (-1), -ENODATA. Said. */
int cli_ask_yes_no(Cli *cli, const char *question, int fallback);
/* An answer, or fallback for an empty one (NULL: an empty one is asked again). The end of the input
 * as above. */
int cli_ask(Cli *cli, const char *question, const char *fallback, char **ret);
/* An answer that is shown nowhere; empty at the end of the input. To be released with
 * cli_secret_free().
 */
int cli_ask_secret(Cli *cli, const char *question, char **ret);
/* The same, twice; at a terminal until it is twice the same. */
int cli_ask_new_secret(Cli *cli, char **ret);
void cli_secret_free(char *secret);
void cli_prompt(const Cli *cli, char *buffer, size_t size);
/* Puts a command that was read into the history, as far as it may be there. */
void cli_remember_line(Cli *cli, const char *line);
