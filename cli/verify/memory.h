/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for what somebody else has written, so that no envelope takes so much that all are lost
 * with it. A check may have a share, beside all others; what needs more is one at a time, up to a
 * maximum beyond which it is not looked at. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMORY_DEFAULT_MIB 2048U
#define MEMORY_MAX_MIB (UINT32_C(1) << 20)

typedef struct Memory {
    uint64_t max, share;
    pthread_mutex_t large;
} Memory;

void memory_init(Memory *m, uint64_t max);
void memory_done(Memory *m);

/* Of one check, in one thread. To be zeroed but for the memory, which may be NULL: no limits. */
typedef struct MemoryUse {
    Memory *memory;
    uint64_t used;
    bool is_large;
} MemoryUse;

/* Waits for its turn, if need be. is_needed: it cannot be refused, because it is there already.
 * Else -E2BIG. */
int memory_take(MemoryUse *u, uint64_t bytes, bool is_needed);
void memory_give(MemoryUse *u, uint64_t bytes);
void memory_use_done(MemoryUse *u);
