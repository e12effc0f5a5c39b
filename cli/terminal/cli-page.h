/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output, page by page for a person; what is not text is written as it is. */
#pragma once

#include "cli.h"

int cli_terminal_sink_new(Cli *cli, bool is_text, Sink **ret);
