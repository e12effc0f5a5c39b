/* SPDX-License-Identifier: Apache-2.0 */
/* Trustpoints and certificates, as several commands need them. */
#pragma once

#include "cli.h"

/* The certificate at this path, as authenticate and enroll print it. */
int cli_ca_show_new(Cli *cli, const char *path);
/* The same for all that the result of a job names. request: where requests go instead of the
 * output; may be NULL. */
int cli_ca_show_result(Cli *cli, sd_bus_message *result, const char *request);
/* -ENOENT, and said so, when there is no trustpoint of that name. */
int cli_ca_check_trustpoint(Cli *cli, const char *name);
/* How a trustpoint enrolls: "self", "terminal", "scep", ... The caller frees. */
int cli_ca_method(Cli *cli, const char *trustpoint, char **ret);
