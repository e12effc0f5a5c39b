/* SPDX-License-Identifier: Apache-2.0 */
#include "sign-pool.h"

#include <pthread.h>
#include <sys/eventfd.h>

typedef enum ItemState {
    ITEM_WAITING,
    ITEM_RUNNING,
    ITEM_DONE,
} ItemState;

typedef struct Item {
    struct Item *next;
    ItemState state;
    uid_t uid;
    sd_bus_message *message; /* main loop only */
    TypedSign work;
    SignOutcome outcome;
    uint8_t *signature;
} Item;

struct SignPool {
    sign_done_t done;
    sd_event_source *wake;
    int wake_fd;
    pthread_t threads[SIGN_THREADS];
    size_t n_threads;
    atomic_bool cancelled;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work_is_waiting;
    Item *items; /* in the order in which they came */
    bool stopping;
};

static unsigned count_of_user(SignPool *p, uid_t uid, ItemState state)
{
    unsigned n = 0;

    for (Item *i = p->items; i; i = i->next)
        n += i->uid == uid && i->state == state;
    return n;
}

/* The oldest one, but no user has all the threads. */
static Item *next_item(SignPool *p)
{
    for (Item *i = p->items; i; i = i->next)
        if (i->state == ITEM_WAITING && count_of_user(p, i->uid, ITEM_RUNNING) < SIGN_THREADS - 1)
            return i;
    return NULL;
}

static void work_on(Item *i)
{
    i->outcome.result =
        typed_sign(&i->work, &i->signature, &i->outcome.signature_size, &i->outcome.reason);
    i->outcome.signature = i->signature;
}

static void *worker(void *data)
{
    SignPool *p = data;
    Item *i;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        i = next_item(p);
        if (!i) {
            (void)pthread_cond_wait(&p->work_is_waiting, &p->lock);
            continue;
        }
        i->state = ITEM_RUNNING;
        (void)pthread_mutex_unlock(&p->lock);
        work_on(i);
        (void)pthread_mutex_lock(&p->lock);
        i->state = ITEM_DONE;
        /* One less of this user is running: another of his may go. */
        (void)pthread_cond_signal(&p->work_is_waiting);
        (void)!write(p->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void item_finish(SignPool *p, Item *i)
{
    p->done(i->message, &i->work, &i->outcome);
    sd_bus_message_unref(i->message);
    typed_sign_done(&i->work);
    free(i->signature);
    free(i);
}

static Item *take_done(SignPool *p)
{
    Item *found = NULL;

    (void)pthread_mutex_lock(&p->lock);
    for (Item **link = &p->items; *link; link = &(*link)->next)
        if ((*link)->state == ITEM_DONE) {
            found = *link;
            *link = found->next;
            break;
        }
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}

static int on_wake(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    SignPool *p = userdata;
    uint64_t count;
    Item *i;

    (void)!read(fd, &count, sizeof count);
    while ((i = take_done(p)))
        item_finish(p, i);
    return 0;
}

int sign_pool_new(sd_event *event, sign_done_t done, SignPool **ret)
{
    _cleanup_(sign_pool_freep) SignPool *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->done = done;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work_is_waiting, NULL);
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
    while (p->n_threads < SIGN_THREADS) {
        int r = pthread_create(&p->threads[p->n_threads], NULL, worker, p);

        if (r > 0)
            return -r;
        p->n_threads++;
    }
    return 0;
}

SignPool *sign_pool_free(SignPool *p)
{
    if (!p)
        return NULL;
    atomic_store(&p->cancelled, true);
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->work_is_waiting);
    (void)pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_threads; i++)
        (void)pthread_join(p->threads[i], NULL);
    while (p->items) {
        Item *i = p->items;

        p->items = i->next;
        if (i->state != ITEM_DONE)
            i->outcome = (SignOutcome){.result = -ECANCELED};
        item_finish(p, i);
    }
    sd_event_source_unref(p->wake);
    closep(&p->wake_fd);
    (void)pthread_cond_destroy(&p->work_is_waiting);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

static bool is_full(SignPool *p, uid_t uid)
{
    unsigned all = 0, of_user = 0;

    for (Item *i = p->items; i; i = i->next) {
        all++;
        of_user += i->uid == uid;
    }
    return all >= SIGN_MAX || of_user >= SIGN_PER_USER_MAX;
}

int sign_pool_submit(SignPool *p, sd_bus_message *m, uid_t uid, TypedSign *t)
{
    Item *i = calloc(1, sizeof *i), **last;

    if (!i)
        return -ENOMEM;
    (void)pthread_mutex_lock(&p->lock);
    if (is_full(p, uid)) {
        (void)pthread_mutex_unlock(&p->lock);
        free(i);
        return -EDQUOT;
    }
    i->uid = uid;
    i->message = sd_bus_message_ref(m);
    i->work = *t;
    i->work.cancelled = &p->cancelled;
    *t = (TypedSign){0};
    for (last = &p->items; *last; last = &(*last)->next)
        ;
    *last = i;
    (void)pthread_cond_signal(&p->work_is_waiting);
    (void)pthread_mutex_unlock(&p->lock);
    return 0;
}
