/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: its echo, its size, its pages. */
#pragma once

#include "cli.h"

/* The terminal's echo is off from now on, or as it was again. Only the line
 * editor shows what is typed, once, also what is typed ahead of the prompt. */
void cli_terminal_take(Cli *cli);
/* After somebody else had it, who may have set it otherwise. */
void cli_terminal_take_again(Cli *cli);
void cli_terminal_give_back(Cli *cli);
void cli_terminal_size(const Cli *cli, unsigned *ret_lines, unsigned *ret_columns);
/* Until the end of the session; 0: as it was found. */
int cli_terminal_set_width(Cli *cli, unsigned short columns);
/* Between the two, each key is one to be read, Ctrl-C too. 0: there is none any more. */
void cli_keys_begin(Cli *cli);
int cli_read_key(Cli *cli);
void cli_keys_end(Cli *cli);
