/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is written as a whole, opened before it is needed. */
#pragma once

#include "cli.h"

typedef struct CliSave {
    int fd; /* -EBADF: none */
    char *path, *temporary;
} CliSave;
int cli_save_open(Cli *cli, const char *path, CliSave *ret);
int cli_save_running(Cli *cli, CliSave *save, unsigned *ret_lines);
int cli_save_text(Cli *cli, CliSave *save, const char *text);
/* Without one of these nothing has changed. */
void cli_save_done(CliSave *save);
unsigned cli_seconds_since(uint64_t then);
