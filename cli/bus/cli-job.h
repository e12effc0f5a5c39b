/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of the daemons: their start, progress and end. */
#pragma once

#include "cli.h"

/* A job on its way. Starting sends the message, whose answer is the job's path. */
typedef struct CliJob CliJob;
int cli_job_start(Cli *cli, sd_bus_message *m, bool progress, CliJob **ret);
bool cli_job_is_done(const CliJob *job);
/* Waits for the end without saying anything. */
int cli_job_wait(Cli *cli, CliJob *job);
/* Waits for the end; says what went wrong. *ret_result (may be NULL): the a{sv} of Wait. */
int cli_job_finish(Cli *cli, CliJob *job, sd_bus_message **ret_result);
/* The error of a job that ended with one; NULL otherwise. */
const sd_bus_error *cli_job_error(const CliJob *job);
void cli_job_cancel(Cli *cli, CliJob *job);
CliJob *cli_job_free(CliJob *job);
DEFINE_TRIVIAL_CLEANUP_FUNC(CliJob *, cli_job_free);
/* All of the above for a message that starts a job. */
int cli_job_run(Cli *cli, sd_bus_message *m, sd_bus_message **ret_result);
