/* SPDX-License-Identifier: Apache-2.0 */
/* commit. */
#pragma once

#include "cli.h"

/* M may be NULL. 1 committed, 0 nothing to commit; errors are said. */
int cli_commit(Cli *cli, const GrammarMatch *m);
