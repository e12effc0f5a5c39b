/* SPDX-License-Identifier: Apache-2.0 */
/* Work of many callers, each in his turn: first the user, then the user's source (a channel, or the
 * bus), then what came first. Who floods waits for himself. Not locked; allocates per user only. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "cleanup.h"

typedef struct FairUser FairUser;
typedef struct FairSource FairSource;

/* To be embedded, zeroed. */
typedef struct FairTask {
    STAILQ_ENTRY(FairTask) entry;
    FairSource *source;
} FairTask;

struct FairSource {
    STAILQ_ENTRY(FairSource) entry; /* in the user's ring while there are tasks */
    STAILQ_HEAD(FairTasks, FairTask) tasks;
    FairUser *user;
};

typedef struct FairQueue {
    STAILQ_HEAD(FairWaiting, FairUser) waiting; /* who has tasks, in the order of their turns */
    LIST_HEAD(FairUsers, FairUser) users;
} FairQueue;

void fair_queue_init(FairQueue *q);

/* A source of its own; fair_source_done() only when all its tasks are finished. */
int fair_source_init(FairQueue *q, uid_t uid, FairSource *ret);
void fair_source_done(FairQueue *q, FairSource *s);

void fair_queue_push(FairQueue *q, FairSource *s, FairTask *t);
/* The next task, of a user who has fewer than running_max under way; NULL when there is none. */
FairTask *fair_queue_pop(FairQueue *q, unsigned running_max);
/* The task that was popped is no longer under way. */
void fair_queue_finish(FairTask *t);
