/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator: chunks with a header that knows its own size and its predecessor's, free ones in
 * lists by size, neighbours joined at once. Headers are small integers, never keys. */
#include "secure-memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define CHUNK_USED 0x75534544U
#define CHUNK_FREE 0x66524545U
#define ALIGNMENT 16U
/* Four lists for each power of two. */
#define LISTS 128U
#define ARENA_SIZE_MAX (1U << 30)

typedef struct Chunk {
    uint32_t size;          /* with this header */
    uint32_t previous_size; /* 0 for the first one */
    uint32_t state;
    uint32_t unused;
} Chunk;

typedef struct FreeChunk {
    Chunk chunk;
    struct FreeChunk *next, *previous;
} FreeChunk;

struct SecureArena {
    pthread_mutex_t lock;
    SecureMemoryKind kind;
    uint8_t *memory;
    size_t size;
    size_t used;
    FreeChunk *lists[LISTS];
};

_Static_assert(sizeof(Chunk) == ALIGNMENT, "the data after a header has to be aligned");

static unsigned list_of(size_t size)
{
    unsigned log = 31U - (unsigned)__builtin_clz((uint32_t)size);

    return log * 4 + ((uint32_t)size >> (log - 2) & 3);
}

static Chunk *chunk_next(Chunk *c)
{
    return (Chunk *)((uint8_t *)c + c->size);
}

static Chunk *chunk_previous(Chunk *c)
{
    return c->previous_size == 0 ? NULL : (Chunk *)((uint8_t *)c - c->previous_size);
}

static void *chunk_data(Chunk *c)
{
    return c + 1;
}

static void list_add(SecureArena *a, Chunk *c)
{
    FreeChunk *f = (FreeChunk *)c, **head = &a->lists[list_of(c->size)];

    c->state = CHUNK_FREE;
    f->previous = NULL;
    f->next = *head;
    if (*head)
        (*head)->previous = f;
    *head = f;
}

static void list_remove(SecureArena *a, Chunk *c)
{
    FreeChunk *f = (FreeChunk *)c;

    if (f->previous)
        f->previous->next = f->next;
    else
        a->lists[list_of(c->size)] = f->next;
    if (f->next)
        f->next->previous = f->previous;
    f->next = f->previous = NULL;
}

static Chunk *list_find(SecureArena *a, size_t size)
{
    for (unsigned i = list_of(size); i < LISTS; i++)
        for (FreeChunk *f = a->lists[i]; f; f = f->next)
            if (f->chunk.size >= size)
                return &f->chunk;
    return NULL;
}

/* Makes room for the chunk after c's end known to it. */
static void chunk_set_size(Chunk *c, size_t size)
{
    c->size = (uint32_t)size;
    chunk_next(c)->previous_size = c->size;
}

/* Frees what c has beyond size, if a chunk fits into that. Its data is zero already. */
static void chunk_split(SecureArena *a, Chunk *c, size_t size)
{
    size_t rest = c->size - size;
    Chunk *tail, *after;

    if (rest < sizeof(FreeChunk))
        return;
    after = chunk_next(c);
    c->size = (uint32_t)size;
    tail = chunk_next(c);
    *tail = (Chunk){.size = (uint32_t)rest, .previous_size = c->size};
    if (after->state == CHUNK_FREE) {
        list_remove(a, after);
        tail->size += after->size;
        *after = (Chunk){0};
    }
    chunk_set_size(tail, tail->size);
    list_add(a, tail);
}

/* What a chunk takes for so many bytes of data; 0 when no arena has that. */
static size_t chunk_size_for(size_t size)
{
    if (size == 0 || size > ARENA_SIZE_MAX)
        return 0;
    size = (size + sizeof(Chunk) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return size < sizeof(FreeChunk) ? sizeof(FreeChunk) : size;
}

/* An address that was never given out, or was given back: somebody's memory is damaged, and with
 * keys in it nothing goes on. */
static Chunk *chunk_of(SecureArena *a, void *p)
{
    uint8_t *address = p;
    Chunk *c;

    if (address < a->memory + sizeof(Chunk) || address >= a->memory + a->size ||
        (uintptr_t)p % ALIGNMENT != 0)
        abort();
    c = (Chunk *)p - 1;
    if (c->state != CHUNK_USED || chunk_next(c)->previous_size != c->size)
        abort();
    return c;
}

static void *arena_take(SecureArena *a, size_t size)
{
    size_t needed = chunk_size_for(size);
    Chunk *c = needed > 0 ? list_find(a, needed) : NULL;

    if (!c)
        return NULL;
    list_remove(a, c);
    chunk_split(a, c, needed);
    c->state = CHUNK_USED;
    a->used += c->size;
    return chunk_data(c);
}

static void arena_give(SecureArena *a, void *p)
{
    Chunk *c = chunk_of(a, p), *next = chunk_next(c), *previous = chunk_previous(c);
    size_t size = c->size;

    a->used -= c->size;
    explicit_bzero(p, c->size - sizeof(Chunk));
    if (next->state == CHUNK_FREE) {
        list_remove(a, next);
        size += next->size;
        *next = (Chunk){0};
    }
    if (previous && previous->state == CHUNK_FREE) {
        list_remove(a, previous);
        size += previous->size;
        *c = (Chunk){0};
        c = previous;
    }
    chunk_set_size(c, size);
    list_add(a, c);
}

/* Grows into a free neighbour or shrinks. */
static bool arena_resize_in_place(SecureArena *a, Chunk *c, size_t needed)
{
    size_t before = c->size;
    Chunk *next = chunk_next(c);

    if (needed > c->size) {
        if (next->state != CHUNK_FREE || (size_t)c->size + next->size < needed)
            return false;
        list_remove(a, next);
        chunk_set_size(c, (size_t)c->size + next->size);
        *next = (Chunk){0};
    } else
        explicit_bzero((uint8_t *)c + needed, c->size - needed);
    chunk_split(a, c, needed);
    a->used += c->size;
    a->used -= before;
    return true;
}

static void *arena_resize(SecureArena *a, void *p, size_t size)
{
    Chunk *c = chunk_of(a, p);
    size_t needed = chunk_size_for(size), old = c->size - sizeof(Chunk);
    void *q;

    if (needed == 0)
        return NULL;
    if (arena_resize_in_place(a, c, needed))
        return p;
    q = arena_take(a, size);
    if (!q)
        return NULL;
    memcpy(q, p, old < size ? old : size);
    arena_give(a, p);
    return q;
}

void *secure_arena_take(SecureArena *a, size_t size)
{
    void *p;

    (void)pthread_mutex_lock(&a->lock);
    p = arena_take(a, size);
    (void)pthread_mutex_unlock(&a->lock);
    return p;
}

void *secure_arena_resize(SecureArena *a, void *p, size_t size)
{
    void *q;

    if (!p)
        return secure_arena_take(a, size);
    if (size == 0) {
        secure_arena_give(a, p);
        return NULL;
    }
    (void)pthread_mutex_lock(&a->lock);
    q = arena_resize(a, p, size);
    (void)pthread_mutex_unlock(&a->lock);
    return q;
}

void secure_arena_give(SecureArena *a, void *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&a->lock);
    arena_give(a, p);
    (void)pthread_mutex_unlock(&a->lock);
}

size_t secure_arena_used(SecureArena *a)
{
    size_t used;

    (void)pthread_mutex_lock(&a->lock);
    used = a->used;
    (void)pthread_mutex_unlock(&a->lock);
    return used;
}

static bool free_chunk_is_clean(Chunk *c)
{
    const uint8_t *p = (const uint8_t *)c + sizeof(FreeChunk);

    for (size_t i = 0; i < c->size - sizeof(FreeChunk); i++)
        if (p[i] != 0)
            return false;
    return true;
}

static bool arena_is_sound(SecureArena *a)
{
    Chunk *end = (Chunk *)(a->memory + a->size) - 1;
    size_t used = 0, free_chunks = 0, listed = 0;
    uint32_t previous_size = 0, previous_state = CHUNK_USED;

    for (Chunk *c = (Chunk *)a->memory; c != end; c = chunk_next(c)) {
        if (c > end || c->size < sizeof(FreeChunk) || c->previous_size != previous_size)
            return false;
        if (c->state == CHUNK_USED)
            used += c->size;
        else if (c->state != CHUNK_FREE || previous_state == CHUNK_FREE || !free_chunk_is_clean(c))
            return false;
        else
            free_chunks++;
        previous_size = c->size;
        previous_state = c->state;
    }
    for (unsigned i = 0; i < LISTS; i++)
        for (FreeChunk *f = a->lists[i]; f; f = f->next, listed++)
            if (f->chunk.state != CHUNK_FREE || list_of(f->chunk.size) != i)
                return false;
    return used == a->used && listed == free_chunks && end->previous_size == previous_size;
}

bool secure_arena_is_sound(SecureArena *a)
{
    bool sound;

    (void)pthread_mutex_lock(&a->lock);
    sound = arena_is_sound(a);
    (void)pthread_mutex_unlock(&a->lock);
    return sound;
}

static int map_secret(size_t size, void **ret)
{
    _cleanup_close_ int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    void *p;

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)size) < 0)
        return -errno;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *ret = p;
    return 0;
}

static int map_anonymous(size_t size, bool locked, void **ret)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int r;

    if (p == MAP_FAILED)
        return -errno;
    if ((locked && mlock2(p, size, MLOCK_ONFAULT) < 0) || madvise(p, size, MADV_DONTDUMP) < 0 ||
        madvise(p, size, MADV_WIPEONFORK) < 0) {
        r = -errno;
        (void)munmap(p, size);
        return r;
    }
    *ret = p;
    return 0;
}

int secure_arena_new(SecureMemoryKind kind, size_t size, SecureArena **ret)
{
    _cleanup_free_ SecureArena *a = calloc(1, sizeof *a);
    pthread_mutexattr_t spins;
    void *memory = NULL;
    Chunk *first;
    int r;

    if (!a)
        return -ENOMEM;
    size &= ~((size_t)sysconf(_SC_PAGESIZE) - 1);
    if (size == 0 || size > ARENA_SIZE_MAX)
        return -EINVAL;
    r = kind == SECURE_MEMORY_SECRET ? map_secret(size, &memory)
                                     : map_anonymous(size, kind == SECURE_MEMORY_LOCKED, &memory);
    if (r < 0)
        return r;
    /* Held for less time than it takes to put a thread to sleep. */
    (void)pthread_mutexattr_init(&spins);
    (void)pthread_mutexattr_settype(&spins, PTHREAD_MUTEX_ADAPTIVE_NP);
    (void)pthread_mutex_init(&a->lock, &spins);
    (void)pthread_mutexattr_destroy(&spins);
    a->kind = kind;
    a->memory = memory;
    a->size = size;
    first = memory;
    *first = (Chunk){.size = (uint32_t)(size - sizeof(Chunk))};
    /* The end is a header in use without data, so that every chunk has a successor. */
    *chunk_next(first) = (Chunk){.previous_size = first->size, .state = CHUNK_USED};
    list_add(a, first);
    *ret = TAKE_PTR(a);
    return 0;
}

SecureArena *secure_arena_free(SecureArena *a)
{
    if (!a)
        return NULL;
    explicit_bzero(a->memory, a->size);
    (void)munmap(a->memory, a->size);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}
