/* SPDX-License-Identifier: Apache-2.0 */
/* Files and pasted text that a command reads. */
#pragma once

#include "cli.h"

/* Said when it fails. */
#define CLI_PATH_SIZE 1100U
/* What a path in a command stands for; the buffer may be needed for it. */
const char *cli_path(const char *path, char buffer[CLI_PATH_SIZE]);
/* A regular file of at most max bytes; also "harddisk:/NAME". */
int cli_read_file(Cli *cli, const char *path, char *data, size_t max, size_t *ret_size);
/* The lines up to an empty one, or that which ends a block of PEM. */
int cli_read_typed(Cli *cli, bool is_pem, char *data, size_t max, size_t *ret_size);
