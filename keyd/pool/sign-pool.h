/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads for signatures, one more than there are cores: neither a long envelope nor the
 * making of a key holds up a short signature, and no user has all the threads. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "fair-queue.h"
#include "typed-sign.h"

#define SIGN_THREADS_MAX 64U
#define SIGN_PER_USER_MAX 32U
#define SIGN_MAX 128U
/* Up to here a quick algorithm is as quick as that. */
#define SIGN_QUICK_SIZE_MAX 8192U

typedef struct SignPool SignPool;

typedef struct SignOutcome {
    int result;
    const char *reason; /* static; may be NULL */
    const uint8_t *signature;
    size_t signature_size;
} SignOutcome;

/* In the main loop; answers m, whatever the outcome. */
typedef void (*sign_done_t)(sd_bus_message *m, const TypedSign *t, const SignOutcome *outcome);

/* Main loop only. */
int sign_pool_new(sd_event *event, sign_done_t done, SignPool **ret);
/* Starts the threads; after the sandbox is in force, whose Landlock part is of each thread. */
int sign_pool_start(SignPool *p);
/* Cancels what is under way. */
void sign_pool_stop(SignPool *p);
/* Stops, and answers what was asked for by the bus. Sources of others must be gone. */
SignPool *sign_pool_free(SignPool *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(SignPool *, sign_pool_free);

/* Takes over *t and leaves it empty; what is quick, when nothing else is under way, is answered
 * before this returns. -EDQUOT when this user, or everybody, has too many under way; then *t stays
 * with the caller. */
int sign_pool_submit(SignPool *p, sd_bus_message *m, uid_t uid, TypedSign *t);

/* --- For the channels; from any thread -------------------------------------------------------- */

typedef struct SignTask {
    FairTask fair; /* first */
    /* A turn, of n tasks of one source, in a worker thread, or where the pool is stopped, with
     * cancelled. What the tasks are in, and their source, stay until release(). */
    void (*run)(struct SignTask *const tasks[], size_t n, const atomic_bool *cancelled);
    void (*release)(struct SignTask *t);
} SignTask;

int sign_pool_source_init(SignPool *p, uid_t uid, FairSource *ret);
void sign_pool_source_done(SignPool *p, FairSource *s);
void sign_pool_put(SignPool *p, FairSource *s, SignTask *const tasks[], size_t n);
/* Runs it in this thread when nothing else is waiting or under way, else as sign_pool_put(): for
 * what is quick. */
void sign_pool_run(SignPool *p, FairSource *s, SignTask *t);
