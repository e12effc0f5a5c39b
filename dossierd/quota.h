/* SPDX-License-Identifier: Apache-2.0 */
/* How many bytes callers make the daemon hold at a time, by user. Used by worker threads at once.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for one of the largest payloads, which a JWT holds encoded twice (16/9 of 512 MiB), and some
 * small ones beside it. */
#define QUOTA_USER_MAX (UINT64_C(1024) * 1024 * 1024)
#define QUOTA_ALL_MAX (UINT64_C(2560) * 1024 * 1024)
#define QUOTA_USERS_MAX 64U
/* What is passed on instead of held counts as much as this, so that keyd always has room for one
 * more stream: QUOTA_ALL_MAX / QUOTA_STREAM are fewer than it lets a daemon have. */
#define QUOTA_STREAM (UINT64_C(128) * 1024 * 1024)

typedef struct Quota {
    pthread_mutex_t lock;
    uint64_t all;
    struct {
        uid_t uid;
        uint64_t bytes; /* 0: the entry is free */
    } users[QUOTA_USERS_MAX];
} Quota;

void quota_init(Quota *q);
void quota_done(Quota *q);

/* 0, or -EDQUOT when the user, or all together, would hold too much. */
int quota_take(Quota *q, uid_t uid, uint64_t bytes);
void quota_release(Quota *q, uid_t uid, uint64_t bytes);
