/* SPDX-License-Identifier: Apache-2.0 */
/* One question of chancery-dossierd, which needs a privilege that it does not have. The answer is a
 * JSON object on each line, one for each thing found, and a last one that says how it went; so
 * nothing has to be held, and nothing left out, however much there is. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json-util.h"
#include "probe-maps.h"
#include "sandbox.h"

typedef struct Answer {
    int fd;
    uint64_t n_unreadable; /* things that could not be looked at */
    int error;             /* of writing; sticks */
} Answer;

/* A line: between the two, its members. */
JsonWriter *answer_begin(Answer *a);
void answer_end(Answer *a, JsonWriter *w);
/* The last line. error: a negative errno with a reason, why there is no answer. */
int answer_finish(Answer *a, int error, const char *reason);
/* Whoever asked has gone away, or nothing can be written. */
bool answer_is_unwanted(Answer *a);

#define PROBE_REASON_SIZE 256U

/* Each returns a negative errno with a reason when there is nothing that it can say. */

/* probe-processes.c: processes whose executable or whose mapped code is not what stands at its path
 * now. */
int probe_processes(int proc_fd, Answer *a, char reason[static PROBE_REASON_SIZE]);
/* probe-programs.c: BPF programs, and what links attach them to. */
int probe_programs(Answer *a, char reason[static PROBE_REASON_SIZE]);
/* probe-privileged.c: files that give privileges to whoever runs them. The process's own folder is
 * another one afterwards. */
struct Mounts;
int probe_privileged(int root_fd, const struct Mounts *mounts, Answer *a,
                     char reason[static PROBE_REASON_SIZE]);

/* probe-interfaces.c: adapters and transceivers of the interfaces that a folder of sysfs has. */
int probe_interfaces(DIR *folder, Answer *a, char reason[static PROBE_REASON_SIZE]);

/* A program that looks at one kind of thing: a process of its own for each question, forked from
 * one that waits for them. */
typedef struct Probe {
    const char *name, *description;
    int (*start)(void **ret); /* what is opened before the sandbox closes; may be NULL */
    /* One of the two: what answers a question that says nothing, or all of the conversation. */
    int (*look)(void *data, Answer *a, char reason[static PROBE_REASON_SIZE]);
    int (*converse)(void *data, int fd);
    const Sandbox *sandbox;
    unsigned seconds_max; /* of one question */
} Probe;

/* probe-serve.c */
int probe_main(const Probe *probe, int argc, char *argv[]);
