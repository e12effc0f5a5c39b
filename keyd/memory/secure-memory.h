/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for secrets: memfd_secret() pages, which not even the kernel maps; where there is no such
 * system call, locked and undumpable ones; where locking is forbidden as well, as in some
 * containers, undumpable ones. Every allocation of OpenSSL in this process comes from there, so
 * that no copy, cache or temporary of a key is anywhere else on the heap. Bounded, thread-safe;
 * what is freed is wiped, what is allocated is zero. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

/* What is asked for; what 1024 keys of the largest kind need, with all that OpenSSL keeps about
 * them once they have signed (10.5 MiB, measured); and with less than what the next worse kind of
 * memory is better. Pages that are not used cost nothing. */
#define SECURE_MEMORY_SIZE (32U << 20)
#define SECURE_MEMORY_SIZE_ENOUGH (16U << 20)
#define SECURE_MEMORY_SIZE_MIN (4U << 20)

typedef enum SecureMemoryKind {
    SECURE_MEMORY_SECRET,     /* memfd_secret() */
    SECURE_MEMORY_LOCKED,     /* mlock() and MADV_DONTDUMP */
    SECURE_MEMORY_UNDUMPABLE, /* MADV_DONTDUMP; whether it is swapped is up to the control group */
} SecureMemoryKind;

const char *secure_memory_kind_to_string(SecureMemoryKind kind);

/* --- One arena -------------------------------------------------------------------------------- */

typedef struct SecureArena SecureArena;

int secure_arena_new(SecureMemoryKind kind, size_t size, SecureArena **ret);
SecureArena *secure_arena_free(SecureArena *a);
DEFINE_TRIVIAL_CLEANUP_FUNC(SecureArena *, secure_arena_free);

/* As malloc(), realloc(), free(); no memory for zero bytes. A pointer that is not an allocation of
 * the arena aborts. */
void *secure_arena_take(SecureArena *a, size_t size);
void *secure_arena_resize(SecureArena *a, void *p, size_t size);
void secure_arena_give(SecureArena *a, void *p);

/* True when every chunk of the arena is in order and free memory is all zero; for tests. */
bool secure_arena_is_sound(SecureArena *a);
/* Bytes in use, with what managing them costs. */
size_t secure_arena_used(SecureArena *a);

/* --- The one of the process ------------------------------------------------------------------- */

/* Makes the arena and hands it to OpenSSL; to be called before anything of OpenSSL is. The arena is
 * smaller than SECURE_MEMORY_SIZE when RLIMIT_MEMLOCK is. -EBUSY when OpenSSL has allocated memory
 * already. */
int secure_memory_init(void);
SecureMemoryKind secure_memory_kind(void);
size_t secure_memory_size(void);
/* How many allocations have failed so far: tells lack of memory from other failures of OpenSSL. */
unsigned secure_memory_failures(void);

void *secure_alloc(size_t size);
void secure_free(void *p);

static inline void secure_freep(void *p)
{
    secure_free(*(void **)p);
}
#define _cleanup_secure_free_ _cleanup_(secure_freep)
