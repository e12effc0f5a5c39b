/* SPDX-License-Identifier: Apache-2.0 */
/* A process for each connection, made by fork: what all of them need is loaded once, and a
 * transaction does not wait for systemd to set up another unit. The process that forks reads
 * nothing from anybody. */
#pragma once

#include "sandbox.h"

/* Of helpers of a dossier: whoever collects one each hour finds them waiting. To start one takes
 * more than most of its answers. */
#define HELPER_IDLE_SECONDS 5400U

typedef struct Worker {
    /* In a process of its own, which owns fd, the connection, and ends with it. Confines itself
     * first: sandbox_enter_compiled() of sandbox and filter. */
    int (*run)(int fd, const SandboxFilter *filter, const void *userdata);
    const void *userdata;
    const Sandbox *sandbox;
    unsigned seconds_max;  /* then it is ended, whatever it does */
    unsigned workers_max;  /* at a time; who comes then waits */
    unsigned idle_seconds; /* until the process that forks ends too */
} Worker;

/* Enters the sandbox parent, which is to allow what workers do and what they do before they are
 * confined; forking is added. Then until nobody has connected for a while. Workers that a signal
 * ends have come upon something that was made for it: no more are forked from the same memory,
 * whose layout somebody may know by now; those that there are end, then this process does, and
 * systemd starts another at the next connection. */
int dispatch(int listener, const Sandbox *parent, const Worker *worker);
