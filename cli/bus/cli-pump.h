/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor that is read into a sink while the shell waits for something else. */
#pragma once

#include "cli.h"
#include "cli-job.h"
#include "cli-transfer.h"

typedef struct Pump Pump;
/* Takes over the descriptor, on failure too. */
int cli_pump_new(Cli *cli, int fd, Sink *to, Pump **ret);
int cli_pump_transfer(Cli *cli, const char *name, const char *path, Sink *to, Pump **ret);
int cli_pipe_pump(Cli *cli, CliPipe *p, Sink *to, Pump **ret);
/* Waits for the job and for what it wrote. Said when it fails. */
int cli_carry(Cli *cli, CliJob *job, const Pump *pump);
/* 0 while it runs, 1 at the end of the input, or the error of reading or writing. */
int cli_pump_state(const Pump *p);
Pump *cli_pump_free(Pump *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(Pump *, cli_pump_free);
int cli_pumps_run(Cli *cli);
