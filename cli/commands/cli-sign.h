/* SPDX-License-Identifier: Apache-2.0 */
/* The pipe stage "utility sign". */
#pragma once

#include "cli.h"
#include "cli-transfer.h"

int cli_sign_sink_new(Cli *cli, const PipeStage *stage, Sink *next, Sink **ret);
/* The pipe that a daemon may write the stage's input to by itself; NULL when the sink is something
 * else. */
CliPipe *cli_sign_sink_pipe(Sink *s);
/* For such a sink, when its input has failed: cancels the signature. Says and returns the error
 * that it had before, 0 when there was none. */
int cli_sign_sink_give_up(Sink *s);
