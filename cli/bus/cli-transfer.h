/* SPDX-License-Identifier: Apache-2.0 */
/* What goes beside messages, whatever the connection can pass. */
#pragma once

#include "cli.h"

/* What goes beside messages, whatever the connection can pass.
 * The interface to use for methods with descriptors: itself, or its twin without them. */
const char *cli_documents(Cli *cli, const char *interface);
/* What is in the document of a reply; said when it fails. */
#define CLI_DOCUMENT_MAX (64U << 20)
int cli_read_document(Cli *cli, sd_bus_message *reply, void **ret_data, size_t *ret_size);
/* Appends a sealed memory file to a call of cli_documents(). Said when it fails. */
int cli_append_document(Cli *cli, sd_bus_message *call, int fd);
/* A pipe with a daemon's job at one end at least. */
typedef struct CliPipe {
    const char *name; /* of the daemon */
    char *transfer;
    int read_fd, write_fd;
} CliPipe;
/* Said when it fails. */
int cli_pipe_new(Cli *cli, const char *name, CliPipe *ret);
/* Appends an end to a call. */
int cli_pipe_append(const CliPipe *p, sd_bus_message *call, bool for_writing);
/* The end that a job reads is its own now: it is noticed when the job closes it. */
void cli_pipe_give_input(CliPipe *p);
/* -EPIPE when nobody reads any more. */
int cli_pipe_write(Cli *cli, const CliPipe *p, const char *data, size_t size);
/* Nothing more is written from here; when a job has the end too, what it writes still counts. */
void cli_pipe_end(Cli *cli, CliPipe *p);
void cli_pipe_done(Cli *cli, CliPipe *p);
