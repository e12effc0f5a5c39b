/* SPDX-License-Identifier: Apache-2.0 */
/* Folders are listed, and what is in them is looked at, before the walk comes to them. Nothing but
 * time depends on it: what is not ready is done by the walk itself. */
#include <limits.h>
#include <pthread.h>

#include "scan-internal.h"

#define SLOTS 64U
/* Larger folders are left to the walk: what lies in the slots takes few megabytes. */
#define NAMES_MAX (16U << 10)

typedef enum SlotState { SLOT_FREE, SLOT_ASKED, SLOT_RUNNING, SLOT_DONE } SlotState;

typedef struct Slot {
    SlotState state;
    bool is_forgotten; /* while it was running */
    Folder *parent;
    char name[NAME_MAX + 1];
    Look seen;
    size_t depth;
    uint64_t order;
    int result;
    Listing listing;
} Slot;

struct Ahead {
    pthread_mutex_t lock;
    pthread_cond_t asked, done;
    pthread_t threads[SCAN_THREADS_MAX];
    unsigned n_threads;
    bool stop;
    uint64_t order;
    Slot slots[SLOTS];
};

/* Called with the lock. */
static void clear(Slot *slot)
{
    listing_done(&slot->listing);
    slot->parent = folder_unref(slot->parent);
    slot->state = SLOT_FREE;
    slot->is_forgotten = false;
}

/* What the walk comes to first of what nobody has begun with. Called with the lock. */
static Slot *next_asked(Ahead *a)
{
    Slot *first = NULL;

    for (size_t i = 0; i < SLOTS; i++) {
        Slot *slot = &a->slots[i];

        if (slot->state == SLOT_ASKED &&
            (!first || slot->depth > first->depth ||
             (slot->depth == first->depth && slot->order < first->order)))
            first = slot;
    }
    return first;
}

/* Called with the lock, which is released meanwhile. */
static void run(Ahead *a, Slot *slot)
{
    static const ListingOptions options = {
        .names_max = NAMES_MAX, .only_whole = true, .with_looks = true};
    Listing listing = {0};
    int r;

    slot->state = SLOT_RUNNING;
    (void)pthread_mutex_unlock(&a->lock);
    r = listing_open(folder_fd(slot->parent), slot->name, &slot->seen, &options, &listing);
    (void)pthread_mutex_lock(&a->lock);
    slot->listing = listing;
    slot->result = r;
    slot->state = SLOT_DONE;
    if (slot->is_forgotten)
        clear(slot);
    (void)pthread_cond_signal(&a->done);
}

static void *work(void *userdata)
{
    Ahead *a = userdata;

    (void)pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        Slot *slot = next_asked(a);

        if (slot)
            run(a, slot);
        else
            (void)pthread_cond_wait(&a->asked, &a->lock);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return NULL;
}

Ahead *ahead_free(Ahead *a)
{
    if (!a)
        return NULL;
    (void)pthread_mutex_lock(&a->lock);
    a->stop = true;
    (void)pthread_cond_broadcast(&a->asked);
    (void)pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->n_threads; i++)
        (void)pthread_join(a->threads[i], NULL);
    for (size_t i = 0; i < SLOTS; i++)
        clear(&a->slots[i]);
    (void)pthread_cond_destroy(&a->asked);
    (void)pthread_cond_destroy(&a->done);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}

int ahead_new(unsigned threads, Ahead **ret)
{
    _cleanup_(ahead_freep) Ahead *a = calloc(1, sizeof *a);

    if (!a)
        return -ENOMEM;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->asked, NULL);
    (void)pthread_cond_init(&a->done, NULL);
    /* With fewer threads, or none, it only takes longer. */
    while (a->n_threads < threads && a->n_threads < SCAN_THREADS_MAX &&
           pthread_create(&a->threads[a->n_threads], NULL, work, a) == 0)
        a->n_threads++;
    *ret = TAKE_PTR(a);
    return 0;
}

bool ahead_ask(Ahead *a, Folder *parent, const char *name, const Look *seen, size_t depth)
{
    Slot *slot = a->slots;

    if (a->n_threads == 0)
        return false;
    (void)pthread_mutex_lock(&a->lock);
    while (slot < a->slots + SLOTS && slot->state != SLOT_FREE)
        slot++;
    if (slot < a->slots + SLOTS) {
        slot->state = SLOT_ASKED;
        slot->parent = folder_ref(parent);
        (void)snprintf(slot->name, sizeof slot->name, "%s", name);
        slot->seen = *seen;
        slot->depth = depth;
        slot->order = a->order++;
        (void)pthread_cond_signal(&a->asked);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return slot < a->slots + SLOTS;
}

/* Called with the lock. */
static Slot *find(Ahead *a, const Folder *parent, const char *name)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (a->slots[i].state != SLOT_FREE && a->slots[i].parent == parent &&
            streq(a->slots[i].name, name))
            return &a->slots[i];
    return NULL;
}

static bool is_good(const Slot *slot, const Look *seen)
{
    return slot->state == SLOT_DONE && slot->result >= 0 && slot->listing.error >= 0 &&
           slot->seen.inode == seen->inode && slot->seen.mount == seen->mount &&
           listing_is_fresh(&slot->listing);
}

int ahead_take(Ahead *a, const Folder *parent, const char *name, const Look *seen, Listing *ret)
{
    int r = -ENOENT;
    Slot *slot;

    (void)pthread_mutex_lock(&a->lock);
    slot = find(a, parent, name);
    /* Rather than to wait: what comes next. */
    while (slot && slot->state == SLOT_RUNNING) {
        Slot *other = next_asked(a);

        if (other)
            run(a, other);
        else
            (void)pthread_cond_wait(&a->done, &a->lock);
    }
    if (slot) {
        r = -EAGAIN;
        if (is_good(slot, seen)) {
            *ret = slot->listing;
            slot->listing = (Listing){0};
            r = 0;
        }
        clear(slot);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return r;
}

Listing *ahead_peek(Ahead *a, const Folder *parent, const char *name)
{
    Slot *slot;

    (void)pthread_mutex_lock(&a->lock);
    slot = find(a, parent, name);
    if (slot && !is_good(slot, &slot->seen))
        slot = NULL;
    (void)pthread_mutex_unlock(&a->lock);
    return slot ? &slot->listing : NULL;
}

void ahead_forget(Ahead *a, size_t depth)
{
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < SLOTS; i++) {
        Slot *slot = &a->slots[i];

        if (slot->state == SLOT_RUNNING && slot->depth >= depth)
            slot->is_forgotten = true;
        else if (slot->state != SLOT_FREE && slot->depth >= depth)
            clear(slot);
    }
    (void)pthread_mutex_unlock(&a->lock);
}
