/* SPDX-License-Identifier: Apache-2.0 */
/* Another machine's bus: -H and -M. */
#pragma once

#include "cli.h"

/* -H and -M. As cli_bus_open(). */
int cli_remote_open(Cli *cli, sd_bus_error *error);
void cli_remote_close(Cli *cli);
bool cli_is_remote(const Cli *cli);
/* Becomes the bridge when that is the command; then it does not come back. 0: it is another one. */
int cli_remote_serve(const char *command);
