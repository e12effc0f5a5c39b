/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of the process, and OpenSSL's allocations in it. Never released: OpenSSL frees until
 * the very end. */
#include "secure-memory.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <sys/resource.h>

static SecureArena *process_arena;
static SecureMemoryKind process_kind;
static size_t process_size;
static atomic_uint process_failures;

const char *secure_memory_kind_to_string(SecureMemoryKind kind)
{
    switch (kind) {
    case SECURE_MEMORY_SECRET:
        return "memfd_secret";
    case SECURE_MEMORY_LOCKED:
        return "locked memory";
    case SECURE_MEMORY_UNDUMPABLE:
        return "undumpable memory";
    }
    return "unknown memory";
}

static void *count_failure(void *p, size_t size)
{
    if (!p && size > 0)
        atomic_fetch_add(&process_failures, 1);
    return p;
}

static void *hook_malloc(size_t size, const char *file, int line)
{
    return secure_alloc(size);
}

static void *hook_realloc(void *p, size_t size, const char *file, int line)
{
    return count_failure(secure_arena_resize(process_arena, p, size), size);
}

static void hook_free(void *p, const char *file, int line)
{
    secure_free(p);
}

void *secure_alloc(size_t size)
{
    return count_failure(secure_arena_take(process_arena, size), size);
}

void secure_free(void *p)
{
    secure_arena_give(process_arena, p);
}

/* What RLIMIT_MEMLOCK allows, raised as far as the unit lets us. */
static size_t locked_memory_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};

        if (setrlimit(RLIMIT_MEMLOCK, &raised) >= 0)
            limit = raised;
    }
    return limit.rlim_cur < SECURE_MEMORY_SIZE ? (size_t)limit.rlim_cur : SECURE_MEMORY_SIZE;
}

/* Best kind first; of each kind as much as there may be (a privileged process is not bound by the
 * limit). */
static int process_arena_new(void)
{
    static const SecureMemoryKind kinds[] = {SECURE_MEMORY_SECRET, SECURE_MEMORY_LOCKED,
                                             SECURE_MEMORY_UNDUMPABLE};
    size_t limit = locked_memory_limit();
    const size_t sizes[] = {SECURE_MEMORY_SIZE, limit};

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        for (size_t j = 0; j < ELEMENTSOF(sizes); j++) {
            if (sizes[j] < SECURE_MEMORY_SIZE_MIN ||
                secure_arena_new(kinds[i], sizes[j], &process_arena) < 0)
                continue;
            process_kind = kinds[i];
            process_size = sizes[j];
            return 0;
        }
    return -ENOMEM;
}

int secure_memory_init(void)
{
    int r;

    if (process_arena)
        return -EBUSY;
    r = process_arena_new();
    if (r < 0)
        return r;
    if (CRYPTO_set_mem_functions(hook_malloc, hook_realloc, hook_free) != 1) {
        process_arena = secure_arena_free(process_arena);
        return -EBUSY;
    }
    return 0;
}

SecureMemoryKind secure_memory_kind(void)
{
    return process_kind;
}

size_t secure_memory_size(void)
{
    return process_size;
}

unsigned secure_memory_failures(void)
{
    return atomic_load(&process_failures);
}
