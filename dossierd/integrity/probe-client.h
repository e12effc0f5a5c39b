/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of chancery-probe(8). */
#pragma once

#include <stdbool.h>

#include "json-util.h"

typedef enum ProbeKind {
    PROBE_PROCESSES,
    PROBE_PROGRAMS,
    PROBE_FILES,
    PROBE_INTERFACES,
    PROBE_DIGESTS, /* of package-verify.h; not for probe_ask() */
} ProbeKind;

/* A stream that is connected to a new chancery-probe. -ENOENT when there is no such thing on this
 * system. */
int probe_connect(ProbeKind kind);

/* Parses and checks one line: it has the members that chancery-probe(8) says, of the right kind,
 * and no others; or it is the last one. -EBADMSG when it is no such line. */
int probe_parse(ProbeKind kind, const char *text, size_t size, json_object **ret);
bool probe_is_end(json_object *line);

typedef struct ProbeReader {
    ProbeKind kind;
    bool (*should_stop)(void *userdata); /* asked now and then */
    void (*entry)(void *userdata, json_object *line);
    void *userdata;
} ProbeReader;

/* Asks, and reads the answer: each line is given to entry(), the last one to the caller. -ETIMEDOUT
 * when it was told to stop, -EBADMSG when something else than an answer came, or none to the end.
 */
int probe_ask(int fd, const ProbeReader *reader, json_object **ret_end);
