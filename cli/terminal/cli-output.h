/* SPDX-License-Identifier: Apache-2.0 */
/* Where the output of a command goes. */
#pragma once

#include "cli.h"

int cli_output_open(Cli *cli, const Pipe *pipe);
/* Ends the output of a command that returned r; returns r or what went wrong on the way out. */
int cli_output_close(Cli *cli, int r);
/* Straight to standard output, past the pipe: questions and the time line. */
void cli_say(Cli *cli, const char *format, ...) _printf_(2, 3);
/* Straight to standard error: what a person should know, and no program that reads the output. */
void cli_warn(Cli *cli, const char *format, ...) _printf_(2, 3);
void cli_time_line(Cli *cli);
void cli_progress(Cli *cli, unsigned percent, const char *text);
void cli_progress_clear(Cli *cli);
/* Output that stopped in the middle of a line of the terminal gets its end: what comes next is not
 * part of it. */
void cli_end_line(Cli *cli);
