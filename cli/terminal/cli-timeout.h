/* SPDX-License-Identifier: Apache-2.0 */
/* How long a session at a terminal may be without input. */
#pragma once

#include "cli.h"

void cli_timeouts_update(Cli *cli);
/* Waits for a key: 0. 1: the terminal has got another size meanwhile. -ETIMEDOUT when the session
 * is over; then cli->leave is set. */
int cli_wait_input(Cli *cli);
void cli_timeout_say(Cli *cli);
/* The same while a command runs: microseconds that are left, UINT64_MAX for ever. */
uint64_t cli_timeout_left(const Cli *cli);
int cli_timeout_check(Cli *cli);
