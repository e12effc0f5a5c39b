/* SPDX-License-Identifier: Apache-2.0 */
/* Texts about commits. */
#pragma once

#include "cli.h"

/* The text that a method of policyd gives for the commits that the line names. */
int cli_get_changes(Cli *cli, const GrammarMatch *m, const char *member, sd_bus_message **ret);
