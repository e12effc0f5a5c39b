/* SPDX-License-Identifier: Apache-2.0 */
/* Which tasks a command needs. */
#pragma once

#include "cli.h"

/* Is it known which tasks the command needs?. */
bool cli_is_described(cli_handler_t run);
/* Number i of them, "crypto (READ)" or NULL for none, and the word that it is for, or NULL. */
bool cli_task_of(cli_handler_t run, size_t i, const char **ret_task, const char **ret_keyword,
                 const char **ret_unless);
