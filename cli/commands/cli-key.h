/* SPDX-License-Identifier: Apache-2.0 */
/* Words about keys. */
#pragma once

#include "cli.h"

/* What the command line says, as the bus has it; NULL when there is no such
 * algorithm. ret_display (may be NULL): "RSA". */
const char *cli_key_algorithm(const GrammarMatch *m, const char **ret_display);
