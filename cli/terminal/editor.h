/* SPDX-License-Identifier: Apache-2.0 */
/* Line editing on a terminal: history, TAB, and help at the key '?'. */
#pragma once

#include "cli.h"

Editor *editor_new(Cli *cli);
Editor *editor_free(Editor *e);

/* NULL at end of input, or after Ctrl-C (then cli->interrupted is set). Only commands are
 * completed.
 */
char *editor_read(Editor *e, const char *prompt, bool is_command);

/* Puts a line into the history. */
void editor_remember(Editor *e, const char *line);
