/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <errno.h>

#define SHARE_OF_MAX 32U

void memory_init(Memory *m, uint64_t max)
{
    *m = (Memory){.max = max, .share = max / SHARE_OF_MAX};
    (void)pthread_mutex_init(&m->large, NULL);
}

void memory_done(Memory *m)
{
    (void)pthread_mutex_destroy(&m->large);
}

/* Whoever has the turn waits for nothing else. */
int memory_take(MemoryUse *u, uint64_t bytes, bool is_needed)
{
    Memory *m = u->memory;

    if (!m)
        return 0;
    if (!is_needed && (u->used > m->max || bytes > m->max - u->used))
        return -E2BIG;
    u->used += bytes;
    if (u->used > m->share && !u->is_large) {
        (void)pthread_mutex_lock(&m->large);
        u->is_large = true;
    }
    return 0;
}

void memory_give(MemoryUse *u, uint64_t bytes)
{
    if (u->memory)
        u->used -= bytes;
}

void memory_use_done(MemoryUse *u)
{
    if (u->is_large)
        (void)pthread_mutex_unlock(&u->memory->large);
    *u = (MemoryUse){.memory = u->memory};
}
