/* SPDX-License-Identifier: Apache-2.0 */
/* Work of many callers, each in his turn: first the user, then the user's source (a channel, or the
 * bus), then what came first. A turn is one task, or some short ones of one source. Who floods
 * waits for himself. Not locked; allocates per user only. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "cleanup.h"

/* The weight of a turn; one task may always have it. */
#define FAIR_TURN_MAX 8U

typedef struct FairUser FairUser;
typedef struct FairSource FairSource;

/* To be embedded, zeroed. */
typedef struct FairTask {
    STAILQ_ENTRY(FairTask) entry;
    FairSource *source;
    unsigned weight; /* how long it lasts, beside others; 1 to FAIR_TURN_MAX */
} FairTask;

struct FairSource {
    STAILQ_ENTRY(FairSource) entry; /* in the user's ring while there are tasks */
    STAILQ_HEAD(FairTasks, FairTask) tasks;
    FairUser *user;
};

typedef struct FairQueue {
    STAILQ_HEAD(FairWaiting, FairUser) waiting; /* who has tasks, in the order of their turns */
    LIST_HEAD(FairUsers, FairUser) users;
    size_t n_tasks;
} FairQueue;

/* Tasks of one source, in the order in which they came. */
typedef struct FairTurn {
    FairTask *tasks[FAIR_TURN_MAX];
    size_t n;
} FairTurn;

void fair_queue_init(FairQueue *q);

/* A source of its own; fair_source_done() only when all its tasks are finished. */
int fair_source_init(FairQueue *q, uid_t uid, FairSource *ret);
void fair_source_done(FairQueue *q, FairSource *s);

void fair_queue_push(FairQueue *q, FairSource *s, FairTask *t);
/* The next turn, of a user who has fewer than running_max under way, with at most tasks_max tasks
 * (1 or more); false when there is none. */
bool fair_queue_pop(FairQueue *q, unsigned running_max, size_t tasks_max, FairTurn *ret);
/* Would there be one? */
bool fair_queue_is_ready(const FairQueue *q, unsigned running_max);
/* The turn that was popped is no longer under way; its tasks still exist. */
void fair_queue_finish(const FairTurn *t);
