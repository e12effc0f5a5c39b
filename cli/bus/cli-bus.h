/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, and what they answer; Ctrl-C. */
#pragma once

#include "cli.h"

/* Says "% <sentence>" on standard error; returns -error. */
int cli_error(Cli *cli, int error, const char *format, ...) _printf_(3, 4);
/* The same for what the bus answered; a refusal is followed by the missing task. */
int cli_bus_error(Cli *cli, const sd_bus_error *error, int r);
/* Opens, or opens again, what the first command needs. */
int cli_bus_open(Cli *cli, sd_bus_error *error);
void cli_bus_close(Cli *cli);

/* One call with the arguments of types (NULL for none). *ret_reply may be NULL. Errors are in
 * *error and not said yet, but for -EINTR. */
int cli_call(Cli *cli, const char *name, const char *path, const char *interface,
             const char *member, sd_bus_error *error, sd_bus_message **ret_reply, const char *types,
             ...);
int cli_call_message(Cli *cli, sd_bus_message *m, sd_bus_error *error, sd_bus_message **ret_reply);
/* The same for a call that is answered with a job, which is to be cancelled when it has begun: the
 * first Ctrl-C is noted, and the answer waited for a little longer; when it comes later still, the
 * job is cancelled then. interrupted may be NULL: for any call. */
int cli_call_job(Cli *cli, sd_bus_message *m, bool *interrupted, sd_bus_error *error,
                 sd_bus_message **ret_reply);
/* Says what went wrong. */
int cli_new_call(Cli *cli, const char *name, const char *path, const char *interface,
                 const char *member, sd_bus_message **ret);

/* After Ctrl-C: cli_wait() says soon that there was another one, as long as *ret is there. */
int cli_end_soon(Cli *cli, sd_event_source **ret);
/* After Ctrl-C: says that it is not known what becomes of it. Returns -EINTR. */
int cli_left_alone(Cli *cli);

/* Turns the event loop once, and the pumps that have something; used wherever the shell waits.
 * -EINTR after Ctrl-C. */
int cli_wait(Cli *cli);

/* Reading a{sv}, and what GetManagedObjects and GetAll answer. Strings and bytes are borrowed
 * from the message. */
typedef struct CliBytes {
    const void *data;
    size_t size;
} CliBytes;
#define CLI_STRINGS_MAX 16U
typedef struct CliEntry {
    const char *name;
    char type;    /* a basic type; 'A': ay, into CliBytes; 'L': as, into const char *[], which ends
                   * with NULL: the first CLI_STRINGS_MAX */
    void *target; /* left alone when the entry is not there, or is of another type */
} CliEntry;
int cli_read_entries(sd_bus_message *m, const CliEntry *entries);

/* Called for each object with the interface; m stands at its a{sv}. */
typedef int (*cli_object_t)(sd_bus_message *m, void *userdata);
int cli_list_objects(Cli *cli, const char *name, const char *path, const char *interface,
                     cli_object_t callback, void *userdata, sd_bus_error *error,
                     sd_bus_message **ret);
/* The same, and says what is wrong. */
int cli_get_objects(Cli *cli, const char *name, const char *path, const char *interface,
                    cli_object_t callback, void *userdata, sd_bus_message **ret);
/* Says nothing. */
int cli_get_properties(Cli *cli, const char *name, const char *path, const char *interface,
                       const CliEntry *entries, sd_bus_error *error, sd_bus_message **ret);

#define _cleanup_event_ __attribute__((cleanup(sd_event_source_disable_unrefp)))
#define _cleanup_message_ __attribute__((cleanup(sd_bus_message_unrefp)))
#define _cleanup_error_ __attribute__((cleanup(sd_bus_error_free)))
