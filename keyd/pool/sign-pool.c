/* SPDX-License-Identifier: Apache-2.0 */
#include "sign-pool.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

/* Who has something under way that came by the bus, which is one source of his. */
typedef struct BusUser {
    struct BusUser *next;
    uid_t uid;
    unsigned n_items;
    FairSource source;
} BusUser;

typedef struct Item {
    SignTask task; /* first */
    struct Item *next;
    BusUser *user;
    bool done;
    SignPool *pool;
    sd_bus_message *message; /* main loop only */
    TypedSign work;
    SignOutcome outcome;
    uint8_t *signature;
} Item;

struct SignPool {
    sign_done_t done;
    sd_event_source *wake;
    int wake_fd;
    pthread_t *threads;
    size_t n_threads, threads_max;
    atomic_bool cancelled;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work_is_waiting;
    FairQueue queue;
    BusUser *bus_users;
    Item *items; /* in the order in which they came */
    unsigned n_items, n_running, n_idle;
    bool waking; /* the main loop has been told, and has not looked yet */
    bool stopping;
};

/* With the lock held. */
static unsigned running_per_user_max(const SignPool *p)
{
    return (unsigned)p->threads_max - 1;
}

/* With the lock held. What is waiting is shared out among the threads that one user may have. */
static bool turn_begin(SignPool *p, unsigned running_max, FairTurn *ret)
{
    size_t share = p->queue.n_tasks / running_per_user_max(p);

    if (!fair_queue_pop(&p->queue, running_max, share > 0 ? share : 1, ret))
        return false;
    p->n_running++;
    return true;
}

static void turn_run(SignPool *p, const FairTurn *turn)
{
    SignTask *tasks[FAIR_TURN_MAX];

    for (size_t i = 0; i < turn->n; i++)
        tasks[i] = (SignTask *)turn->tasks[i];
    tasks[0]->run(tasks, turn->n, &p->cancelled);
    (void)pthread_mutex_lock(&p->lock);
    /* One less of this user is running: another of his may go, and this thread is free for it. */
    fair_queue_finish(turn);
    p->n_running--;
    (void)pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < turn->n; i++)
        tasks[i]->release(tasks[i]);
}

/* With the lock held: is there a thread to be woken, and work that it may do? */
static bool wakes_worker(const SignPool *p)
{
    return p->n_idle > 0 && fair_queue_is_ready(&p->queue, running_per_user_max(p));
}

/* Without the lock, which who is woken takes first. */
static void wake_worker(SignPool *p, bool wakes)
{
    if (wakes)
        (void)pthread_cond_signal(&p->work_is_waiting);
}

static void *worker(void *data)
{
    SignPool *p = data;
    FairTurn turn;
    bool wakes;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        if (!turn_begin(p, running_per_user_max(p), &turn)) {
            p->n_idle++;
            (void)pthread_cond_wait(&p->work_is_waiting, &p->lock);
            p->n_idle--;
            continue;
        }
        wakes = wakes_worker(p);
        (void)pthread_mutex_unlock(&p->lock);
        wake_worker(p, wakes); /* who put many tasks has woken one */
        turn_run(p, &turn);
        (void)pthread_mutex_lock(&p->lock);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* --- What came by the bus --------------------------------------------------------------------- */

static void item_run(SignTask *const tasks[], size_t n, const atomic_bool *cancelled)
{
    for (size_t k = 0; k < n; k++) {
        Item *i = (Item *)tasks[k];

        i->outcome.result = atomic_load(cancelled)
                                ? -ECANCELED
                                : typed_sign(&i->work, &i->signature, &i->outcome.signature_size,
                                             &i->outcome.reason);
        i->outcome.signature = i->signature;
    }
}

static void item_release(SignTask *task)
{
    Item *i = (Item *)task;
    SignPool *p = i->pool;
    bool waking;

    (void)pthread_mutex_lock(&p->lock);
    i->done = true;
    waking = p->waking;
    p->waking = true;
    (void)pthread_mutex_unlock(&p->lock);
    if (!waking)
        (void)!write(p->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void answer(SignPool *p, sd_bus_message *m, TypedSign *t, const SignOutcome *outcome,
                   uint8_t *signature)
{
    p->done(m, t, outcome);
    typed_sign_done(t);
    /* It may also be what was decrypted. */
    if (signature)
        explicit_bzero(signature, outcome->signature_size);
    free(signature);
}

static void item_finish(SignPool *p, Item *i)
{
    answer(p, i->message, &i->work, &i->outcome, i->signature);
    sd_bus_message_unref(i->message);
    free(i);
}

/* With the lock held, as bus_user_put(). */
static int bus_user_get(SignPool *p, uid_t uid, BusUser **ret)
{
    BusUser *u = p->bus_users;
    int r;

    while (u && u->uid != uid)
        u = u->next;
    if (!u) {
        u = calloc(1, sizeof *u);
        if (!u)
            return -ENOMEM;
        r = fair_source_init(&p->queue, uid, &u->source);
        if (r < 0) {
            free(u);
            return r;
        }
        u->uid = uid;
        u->next = p->bus_users;
        p->bus_users = u;
    }
    if (u->n_items >= SIGN_PER_USER_MAX)
        return -EDQUOT;
    u->n_items++;
    *ret = u;
    return 0;
}

static void bus_user_put(SignPool *p, BusUser *u)
{
    if (--u->n_items > 0)
        return;
    for (BusUser **link = &p->bus_users; *link; link = &(*link)->next)
        if (*link == u) {
            *link = u->next;
            break;
        }
    fair_source_done(&p->queue, &u->source);
    free(u);
}

static Item *take_done(SignPool *p)
{
    Item *found = NULL;

    (void)pthread_mutex_lock(&p->lock);
    for (Item **link = &p->items; *link; link = &(*link)->next)
        if ((*link)->done) {
            found = *link;
            *link = found->next;
            p->n_items--;
            bus_user_put(p, found->user);
            break;
        }
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}

static void finish_done(SignPool *p)
{
    Item *i;

    while ((i = take_done(p)))
        item_finish(p, i);
}

static int on_wake(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    SignPool *p = userdata;
    uint64_t count;

    (void)!read(fd, &count, sizeof count);
    (void)pthread_mutex_lock(&p->lock);
    p->waking = false;
    (void)pthread_mutex_unlock(&p->lock);
    finish_done(p);
    return 0;
}

/* With the lock held. */
static bool is_idle(const SignPool *p)
{
    return p->n_threads > 0 && !p->stopping && p->n_running == 0 && STAILQ_EMPTY(&p->queue.waiting);
}

/* While nobody else has to wait for it. */
static bool is_done_here(SignPool *p, const TypedSign *t)
{
    bool idle;

    if (!t->key->algorithm->is_quick || t->input_size > SIGN_QUICK_SIZE_MAX)
        return false;
    (void)pthread_mutex_lock(&p->lock);
    idle = is_idle(p);
    (void)pthread_mutex_unlock(&p->lock);
    return idle;
}

static void sign_here(SignPool *p, sd_bus_message *m, TypedSign *t)
{
    SignOutcome outcome = {0};
    uint8_t *signature = NULL;

    outcome.result = typed_sign(t, &signature, &outcome.signature_size, &outcome.reason);
    outcome.signature = signature;
    answer(p, m, t, &outcome, signature);
}

int sign_pool_submit(SignPool *p, sd_bus_message *m, uid_t uid, TypedSign *t)
{
    Item *i, **last;
    bool wakes;
    int r;

    if (is_done_here(p, t)) {
        sign_here(p, m, t);
        return 0;
    }
    i = calloc(1, sizeof *i);
    if (!i)
        return -ENOMEM;
    (void)pthread_mutex_lock(&p->lock);
    r = p->n_items >= SIGN_MAX ? -EDQUOT : bus_user_get(p, uid, &i->user);
    if (r < 0) {
        (void)pthread_mutex_unlock(&p->lock);
        free(i);
        return r;
    }
    i->task =
        (SignTask){.fair = {.weight = FAIR_TURN_MAX}, .run = item_run, .release = item_release};
    p->n_items++;
    i->pool = p;
    i->message = sd_bus_message_ref(m);
    i->work = *t;
    i->work.cancelled = &p->cancelled;
    *t = (TypedSign){0};
    for (last = &p->items; *last; last = &(*last)->next)
        ;
    *last = i;
    fair_queue_push(&p->queue, &i->user->source, &i->task.fair);
    wakes = wakes_worker(p);
    (void)pthread_mutex_unlock(&p->lock);
    wake_worker(p, wakes);
    return 0;
}

/* --- What came by a channel ------------------------------------------------------------------- */

int sign_pool_source_init(SignPool *p, uid_t uid, FairSource *ret)
{
    int r;

    (void)pthread_mutex_lock(&p->lock);
    r = fair_source_init(&p->queue, uid, ret);
    (void)pthread_mutex_unlock(&p->lock);
    return r;
}

void sign_pool_source_done(SignPool *p, FairSource *s)
{
    (void)pthread_mutex_lock(&p->lock);
    fair_source_done(&p->queue, s);
    (void)pthread_mutex_unlock(&p->lock);
}

void sign_pool_put(SignPool *p, FairSource *s, SignTask *const tasks[], size_t n)
{
    bool wakes;

    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < n; i++)
        fair_queue_push(&p->queue, s, &tasks[i]->fair);
    wakes = wakes_worker(p);
    (void)pthread_mutex_unlock(&p->lock);
    wake_worker(p, wakes);
}

void sign_pool_run(SignPool *p, FairSource *s, SignTask *t)
{
    bool here, wakes;
    FairTurn turn;

    (void)pthread_mutex_lock(&p->lock);
    here = is_idle(p);
    fair_queue_push(&p->queue, s, &t->fair);
    here = here && turn_begin(p, SIGN_THREADS_MAX, &turn);
    wakes = wakes_worker(p);
    (void)pthread_mutex_unlock(&p->lock);
    wake_worker(p, wakes);
    if (here)
        turn_run(p, &turn);
}

/* --- The pool --------------------------------------------------------------------------------- */

static size_t count_cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return n > 0 ? (size_t)n : 1;
}

int sign_pool_new(sd_event *event, sign_done_t done, SignPool **ret)
{
    _cleanup_(sign_pool_freep) SignPool *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->done = done;
    p->wake_fd = -EBADF;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work_is_waiting, NULL);
    fair_queue_init(&p->queue);
    p->threads_max = count_cores() + 1;
    if (p->threads_max > SIGN_THREADS_MAX)
        p->threads_max = SIGN_THREADS_MAX;
    p->threads = calloc(p->threads_max, sizeof *p->threads);
    if (!p->threads)
        return -ENOMEM;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->wake_fd < 0)
        return -errno;
    r = sd_event_add_io(event, &p->wake, p->wake_fd, EPOLLIN, on_wake, p);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(p);
    return 0;
}

int sign_pool_start(SignPool *p)
{
    while (p->n_threads < p->threads_max) {
        int r = pthread_create(&p->threads[p->n_threads], NULL, worker, p);

        if (r > 0)
            return -r;
        p->n_threads++;
    }
    return 0;
}

void sign_pool_stop(SignPool *p)
{
    FairTurn turn;

    atomic_store(&p->cancelled, true);
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->work_is_waiting);
    (void)pthread_mutex_unlock(&p->lock);
    for (; p->n_threads > 0; p->n_threads--)
        (void)pthread_join(p->threads[p->n_threads - 1], NULL);
    while (turn_begin(p, SIGN_THREADS_MAX, &turn))
        turn_run(p, &turn);
}

SignPool *sign_pool_free(SignPool *p)
{
    if (!p)
        return NULL;
    sign_pool_stop(p);
    finish_done(p);
    sd_event_source_unref(p->wake);
    closep(&p->wake_fd);
    (void)pthread_cond_destroy(&p->work_is_waiting);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
    return NULL;
}
