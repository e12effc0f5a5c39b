/* SPDX-License-Identifier: Apache-2.0 */
/* A process for each connection, made by fork: what all of them need is loaded once, and a
 * transaction does not wait for systemd to set up another unit. The process that forks reads
 * nothing from anybody. */
#pragma once

typedef struct Worker {
    /* In a process of its own, which owns fd, the connection, and ends with it. Confines itself
     * first. */
    int (*run)(int fd, const void *userdata);
    const void *userdata;
    unsigned seconds_max; /* then it is ended, whatever it does */
} Worker;

/* Until nobody has connected for a while. Workers that a signal ends have come upon something that
 * was made for it: no more are forked from the same memory, whose layout somebody may know by now;
 * those that there are end, then this process does, and systemd starts another at the next
 * connection. */
int dispatch(int listener, const Worker *worker);
