/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints that a commit removes and that have certificates or requests. */
#pragma once

#include "cli.h"

typedef struct CliRemoval {
    char **names;
    size_t n;
} CliRemoval;

/* Those of the session. What goes wrong has been said. */
int cli_removal_find(Cli *cli, CliRemoval *removal);
void cli_removal_done(CliRemoval *removal);
/* Is it said by this line? */
bool cli_removal_has(const CliRemoval *removal, const char *line);
/* 1 all of them, 0 no; or what went wrong, which has been said. */
int cli_removal_ask(Cli *cli, const CliRemoval *removal);
/* After the commit: removes what they had. */
int cli_removal_run(Cli *cli, const CliRemoval *removal);
