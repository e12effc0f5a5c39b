/* SPDX-License-Identifier: Apache-2.0 */
#include "quota.h"

#include "cleanup.h"

void quota_init(Quota *q)
{
    *q = (Quota){.all = 0};
    (void)pthread_mutex_init(&q->lock, NULL);
}

void quota_done(Quota *q)
{
    (void)pthread_mutex_destroy(&q->lock);
}

/* The user's entry, or a free one, or NULL. */
static uint64_t *find_bytes(Quota *q, uid_t uid)
{
    size_t free_entry = QUOTA_USERS_MAX;

    for (size_t i = 0; i < QUOTA_USERS_MAX; i++) {
        if (q->users[i].bytes == 0)
            free_entry = i;
        else if (q->users[i].uid == uid)
            return &q->users[i].bytes;
    }
    if (free_entry == QUOTA_USERS_MAX)
        return NULL;
    q->users[free_entry].uid = uid;
    return &q->users[free_entry].bytes;
}

int quota_take(Quota *q, uid_t uid, uint64_t bytes)
{
    uint64_t *held;
    int r = -EDQUOT;

    (void)pthread_mutex_lock(&q->lock);
    held = find_bytes(q, uid);
    if (held && bytes <= QUOTA_USER_MAX - *held && bytes <= QUOTA_ALL_MAX - q->all) {
        *held += bytes;
        q->all += bytes;
        r = 0;
    }
    (void)pthread_mutex_unlock(&q->lock);
    return r;
}

void quota_release(Quota *q, uid_t uid, uint64_t bytes)
{
    uint64_t *held;

    if (bytes == 0)
        return;
    (void)pthread_mutex_lock(&q->lock);
    held = find_bytes(q, uid);
    if (held)
        *held -= bytes;
    q->all -= bytes;
    (void)pthread_mutex_unlock(&q->lock);
}
