/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of a reply. */
#pragma once

#include "cli.h"

/* Takes over o. */
int cli_print_json(Cli *cli, json_object *o);
