/* SPDX-License-Identifier: Apache-2.0 */
#include "fair-queue.h"

struct FairUser {
    LIST_ENTRY(FairUser) all;
    STAILQ_ENTRY(FairUser) entry;
    STAILQ_HEAD(FairSources, FairSource)
    sources; /* those with tasks, in the order of their turns */
    uid_t uid;
    unsigned n_sources; /* with or without tasks */
    unsigned running;
};

void fair_queue_init(FairQueue *q)
{
    STAILQ_INIT(&q->waiting);
    LIST_INIT(&q->users);
    q->n_tasks = 0;
}

static FairUser *user_get(FairQueue *q, uid_t uid)
{
    FairUser *u;

    LIST_FOREACH (u, &q->users, all)
        if (u->uid == uid)
            return u;
    u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->uid = uid;
    STAILQ_INIT(&u->sources);
    LIST_INSERT_HEAD(&q->users, u, all);
    return u;
}

int fair_source_init(FairQueue *q, uid_t uid, FairSource *ret)
{
    FairUser *u = user_get(q, uid);

    if (!u)
        return -ENOMEM;
    u->n_sources++;
    *ret = (FairSource){.user = u};
    STAILQ_INIT(&ret->tasks);
    return 0;
}

void fair_source_done(FairQueue *q, FairSource *s)
{
    FairUser *u = s->user;

    if (!u)
        return;
    s->user = NULL;
    if (--u->n_sources > 0)
        return;
    LIST_REMOVE(u, all);
    free(u);
}

void fair_queue_push(FairQueue *q, FairSource *s, FairTask *t)
{
    FairUser *u = s->user;

    if (STAILQ_EMPTY(&u->sources))
        STAILQ_INSERT_TAIL(&q->waiting, u, entry);
    if (STAILQ_EMPTY(&s->tasks))
        STAILQ_INSERT_TAIL(&u->sources, s, entry);
    t->source = s;
    STAILQ_INSERT_TAIL(&s->tasks, t, entry);
    q->n_tasks++;
}

static FairUser *user_next(const FairQueue *q, unsigned running_max)
{
    FairUser *u = STAILQ_FIRST(&q->waiting);

    while (u && u->running >= running_max)
        u = STAILQ_NEXT(u, entry);
    return u;
}

static void source_take(FairQueue *q, FairSource *s, size_t tasks_max, FairTurn *turn)
{
    unsigned weight = 0;
    FairTask *t;

    turn->n = 0;
    do {
        t = STAILQ_FIRST(&s->tasks);
        STAILQ_REMOVE_HEAD(&s->tasks, entry);
        turn->tasks[turn->n++] = t;
        weight += t->weight;
        q->n_tasks--;
        t = STAILQ_FIRST(&s->tasks);
    } while (t && turn->n < tasks_max && weight + t->weight <= FAIR_TURN_MAX);
}

bool fair_queue_pop(FairQueue *q, unsigned running_max, size_t tasks_max, FairTurn *ret)
{
    FairUser *u = user_next(q, running_max);
    FairSource *s;

    if (!u)
        return false;
    s = STAILQ_FIRST(&u->sources);
    source_take(q, s, tasks_max, ret);
    STAILQ_REMOVE_HEAD(&u->sources, entry);
    if (!STAILQ_EMPTY(&s->tasks))
        STAILQ_INSERT_TAIL(&u->sources, s, entry);
    STAILQ_REMOVE(&q->waiting, u, FairUser, entry);
    if (!STAILQ_EMPTY(&u->sources))
        STAILQ_INSERT_TAIL(&q->waiting, u, entry);
    u->running++;
    return true;
}

bool fair_queue_is_ready(const FairQueue *q, unsigned running_max)
{
    return user_next(q, running_max);
}

void fair_queue_finish(const FairTurn *t)
{
    t->tasks[0]->source->user->running--;
}
