/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation on files leaves behind wherever it ends: it is run again and again, in a
 * process of its own, and each time another of its system calls that change files is the last one,
 * or fails. The kernel stops the process at each of these calls (seccomp, user notification); what
 * is between them changes no file, so that these are all the states that kill -9 can leave.
 *
 * Whatever an operation needs of memory and OpenSSL it makes in its own process: nothing is shared,
 * like between a daemon that is killed and the one that is started after it. */
#pragma once

#include <stdbool.h>

typedef struct Operation {
    /* All four run in processes of their own, and return a negative errno when they fail. */
    int (*prepare)(void *userdata); /* makes the old state */
    int (*begin)(void *userdata);   /* may be NULL; in the process of operate(), not interrupted */
    int (*operate)(void *userdata); /* makes the new state of the old one */
    /* As the next start finds it, and puts right what it puts right: STATE_OLD, STATE_NEW. Anything
     * else that is there fails. */
    int (*inspect)(void *userdata);
    void *userdata;
} Operation;

enum {
    STATE_OLD,
    STATE_NEW,
};

/* Where it went wrong. */
typedef struct Interruption {
    unsigned number;  /* which of the calls, from 1 */
    const char *call; /* its name; "" behind the last */
    int state;        /* what inspect() returned, or the error of another step */
} Interruption;

/* Each call in turn does not happen any more, because the process is killed before it. The state is
 * the old one up to some call, and the new one from then on. Returns how many calls there are;
 * -EBADMSG and *ret (may be NULL) when there is another state, or a state out of order. */
int operation_kill_everywhere(const Operation *o, Interruption *ret);

/* Each call in turn fails with this error. An operation that says that it has worked has made the
 * new state; one that says that it has failed has left one of the two. */
int operation_fail_everywhere(const Operation *o, int error, Interruption *ret);
