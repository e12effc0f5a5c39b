/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations as text. */
#pragma once

#include "cli.h"

/* The text in a reply, between the usual head and "end". */
int cli_print_configuration(Cli *cli, sd_bus_message *reply);
/* The running configuration without anything secret, whoever asks. Said. */
int cli_show_sanitized(Cli *cli);
/* What show running-config prints. Said. */
int cli_running_text(Cli *cli, char **ret, size_t *ret_size);
/* The changes of the session. */
int cli_changes_text(Cli *cli, char **ret);
