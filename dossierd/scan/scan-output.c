/* SPDX-License-Identifier: Apache-2.0 */
/* Records on their way out. They are packed into chunks as they will be sent; threads fill in the
 * digests of a chunk's files, and a chunk is sent when it is the first and complete. */
#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "atomic-file.h"
#include "inventory-pack.h"
#include "scan-internal.h"

#define CHUNK_SIZE (64U << 10)
#define CHUNKS 16U
#define TASKS_MAX 128U
#define TASKS_AT_ONCE 8U

/* Each file that waits for its digest may hold a folder of its own open; the rest is for the walk,
 * as deep as it goes, and for what it lists ahead. */
_Static_assert(CHUNKS *TASKS_MAX <= SCAN_FILES_MAX / 2, "more folders than may be open");

struct Folder {
    atomic_uint n_refs;
    int fd;
};

typedef struct Task {
    size_t begin, end; /* of the record in the chunk; the name is the last of it */
    size_t name_size;
    Folder *folder;
    InventoryRecord record; /* but for its texts */
    bool has_base;
    uint8_t base_algorithm, otherwise;
    uint16_t base_error;
    uint64_t base_size;
    uint8_t base_digest[INVENTORY_DIGEST_SIZE];
} Task;

typedef struct Chunk {
    uint8_t *data;
    size_t used, sent;
    Task *tasks;
    size_t n_tasks, next_task, n_done;
} Chunk;

struct Output {
    int fd, error;
    Pace *pace;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    pthread_t threads[SCAN_THREADS_MAX];
    unsigned n_threads;
    bool stop;
    Chunk chunks[CHUNKS]; /* a ring: those on their way, then the one that is filled */
    size_t first, n_queued;
    ScanEnd end;
    InventoryPack pack;
};

Folder *folder_new(int fd)
{
    Folder *f = malloc(sizeof *f);

    if (!f) {
        closep(&fd);
        return NULL;
    }
    f->n_refs = 1;
    f->fd = fd;
    return f;
}

Folder *folder_ref(Folder *f)
{
    (void)atomic_fetch_add(&f->n_refs, 1);
    return f;
}

Folder *folder_unref(Folder *f)
{
    if (f && atomic_fetch_sub(&f->n_refs, 1) == 1) {
        (void)close(f->fd);
        free(f);
    }
    return NULL;
}

int folder_fd(const Folder *f)
{
    return f->fd;
}

/* --- The threads ------------------------------------------------------------------------------ */

/* With the digest, or without one, it is known what changed. */
static InventoryChange settle(const Task *task, const InventoryRecord *r)
{
    if (!task->has_base)
        return INVENTORY_CREATED;
    if (r->algorithm == task->base_algorithm && r->algorithm != INVENTORY_NO_DIGEST)
        return memcmp(r->digest, task->base_digest, sizeof r->digest) == 0
                   ? task->otherwise
                   : INVENTORY_CONTENTS_MODIFIED;
    if (r->size != task->base_size)
        return INVENTORY_CONTENTS_MODIFIED;
    if (task->otherwise != INVENTORY_AS_IT_IS)
        return task->otherwise;
    return r->algorithm == task->base_algorithm && r->error == task->base_error
               ? INVENTORY_AS_IT_IS
               : INVENTORY_METADATA_MODIFIED;
}

/* Returns the bytes that were read. */
static uint64_t run_task(Digester *digester, Chunk *chunk, Task *task)
{
    static const uint8_t no_digest[INVENTORY_DIGEST_SIZE];
    InventoryAlgorithm algorithm = INVENTORY_NO_DIGEST;
    uint8_t *data = chunk->data + task->begin;
    InventoryRecord *r = &task->record;
    char name[NAME_MAX + 1];
    int64_t n;

    memcpy(name, chunk->data + task->end - task->name_size, task->name_size);
    name[task->name_size] = 0;
    n = digester_run(digester, task->folder->fd, name, r, &algorithm, r->digest);
    task->folder = folder_unref(task->folder);
    if (n < 0)
        r->error = (uint16_t)-n;
    else
        r->algorithm = (uint8_t)algorithm;
    inventory_packed_set_outcome(data, r->algorithm, n < 0 ? no_digest : r->digest, r->error);
    inventory_packed_set_change(data, settle(task, r));
    return n < 0 ? 0 : (uint64_t)n;
}

/* Called with the lock. */
static Chunk *find_work(Output *o)
{
    for (size_t i = 0; i < o->n_queued; i++) {
        Chunk *chunk = &o->chunks[(o->first + i) % CHUNKS];

        if (chunk->next_task < chunk->n_tasks)
            return chunk;
    }
    return NULL;
}

/* Called with the lock, which is released meanwhile. */
static void do_work(Output *o, Digester *digester, Chunk *chunk)
{
    size_t begin = chunk->next_task, n = chunk->n_tasks - begin;
    uint64_t bytes = 0;

    if (n > TASKS_AT_ONCE)
        n = TASKS_AT_ONCE;
    chunk->next_task += n;
    (void)pthread_mutex_unlock(&o->lock);
    for (size_t i = begin; i < begin + n; i++)
        bytes += run_task(digester, chunk, &chunk->tasks[i]);
    (void)pthread_mutex_lock(&o->lock);
    o->end.n_bytes += bytes;
    chunk->n_done += n;
    if (chunk->n_done == chunk->n_tasks)
        (void)pthread_cond_signal(&o->done);
}

static void *work(void *userdata)
{
    Output *o = userdata;
    Digester *digester = digester_new(o->pace);

    (void)pthread_mutex_lock(&o->lock);
    if (!digester) {
        o->error = -ENOMEM;
        (void)pthread_cond_signal(&o->done);
    }
    while (digester && !o->stop) {
        Chunk *chunk = find_work(o);

        if (chunk)
            do_work(o, digester, chunk);
        else
            (void)pthread_cond_wait(&o->work, &o->lock);
    }
    (void)pthread_mutex_unlock(&o->lock);
    digester_free(digester);
    return NULL;
}

/* --- The walker's side ------------------------------------------------------------------------ */

Output *output_free(Output *o)
{
    if (!o)
        return NULL;
    (void)pthread_mutex_lock(&o->lock);
    o->stop = true;
    (void)pthread_cond_broadcast(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
    for (unsigned i = 0; i < o->n_threads; i++)
        (void)pthread_join(o->threads[i], NULL);
    for (size_t i = 0; i < CHUNKS; i++) {
        for (size_t k = 0; k < o->chunks[i].n_tasks; k++)
            folder_unref(o->chunks[i].tasks[k].folder);
        free(o->chunks[i].tasks);
        free(o->chunks[i].data);
    }
    (void)pthread_cond_destroy(&o->work);
    (void)pthread_cond_destroy(&o->done);
    (void)pthread_mutex_destroy(&o->lock);
    pace_free(o->pace);
    free(o);
    return NULL;
}

int output_new(int fd, unsigned threads, uint64_t rate, Output **ret)
{
    _cleanup_(output_freep) Output *o = calloc(1, sizeof *o);

    if (!o)
        return -ENOMEM;
    o->fd = fd;
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->work, NULL);
    (void)pthread_cond_init(&o->done, NULL);
    o->pace = pace_new(rate, fd);
    if (!o->pace)
        return -ENOMEM;
    for (size_t i = 0; i < CHUNKS; i++) {
        o->chunks[i].data = malloc(CHUNK_SIZE);
        o->chunks[i].tasks = calloc(TASKS_MAX, sizeof(Task));
        if (!o->chunks[i].data || !o->chunks[i].tasks)
            return -ENOMEM;
    }
    for (unsigned i = 0; i < threads && i < SCAN_THREADS_MAX; i++) {
        int r = pthread_create(&o->threads[i], NULL, work, o);

        if (r != 0 && i == 0)
            return -r;
        if (r != 0)
            break;
        o->n_threads++;
    }
    *ret = TAKE_PTR(o);
    return 0;
}

/* What is no socket, a file in memory, takes everything at once. */
static ssize_t send_some(int fd, const void *data, size_t size, int flags)
{
    ssize_t n = send(fd, data, size, flags | MSG_NOSIGNAL);

    if (n < 0 && errno == ENOTSOCK)
        n = write(fd, data, size);
    return n < 0 ? -errno : n;
}

/* flags: MSG_DONTWAIT for as much as there is room for; -EAGAIN when more is left. */
static int send_chunk(const Output *o, Chunk *chunk, int flags)
{
    while (chunk->sent < chunk->used) {
        ssize_t n = send_some(o->fd, chunk->data + chunk->sent, chunk->used - chunk->sent, flags);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        chunk->sent += (size_t)n;
    }
    return 0;
}

/* Waits for the first chunk, and sends it. */
static int send_first(Output *o, int flags)
{
    Chunk *chunk = &o->chunks[o->first];
    int r;

    (void)pthread_mutex_lock(&o->lock);
    while (chunk->n_done < chunk->n_tasks && o->error >= 0)
        (void)pthread_cond_wait(&o->done, &o->lock);
    r = o->error;
    (void)pthread_mutex_unlock(&o->lock);
    if (r >= 0)
        r = send_chunk(o, chunk, flags);
    if (r == -EAGAIN)
        return r;
    (void)pthread_mutex_lock(&o->lock);
    if (r >= 0) {
        chunk->used = chunk->sent = chunk->n_tasks = chunk->next_task = chunk->n_done = 0;
        o->first = (o->first + 1) % CHUNKS;
        o->n_queued--;
    } else if (o->error >= 0)
        o->error = r;
    (void)pthread_mutex_unlock(&o->lock);
    return r;
}

static bool first_is_done(Output *o)
{
    bool done;

    (void)pthread_mutex_lock(&o->lock);
    done = o->n_queued > 0 && o->chunks[o->first].n_done == o->chunks[o->first].n_tasks;
    (void)pthread_mutex_unlock(&o->lock);
    return done;
}

/* n_queued and first are changed by the walker only, which may read them without the lock. */
static Chunk *filled(Output *o)
{
    return &o->chunks[(o->first + o->n_queued) % CHUNKS];
}

/* The chunk that is filled goes on its way. */
static int queue(Output *o)
{
    size_t n_tasks;
    int r = 0;

    (void)pthread_mutex_lock(&o->lock);
    if (o->error < 0) {
        r = o->error;
        (void)pthread_mutex_unlock(&o->lock);
        return r;
    }
    n_tasks = filled(o)->n_tasks;
    o->n_queued++;
    /* Who has nothing to do would only take the walk's processor. */
    if (n_tasks > TASKS_AT_ONCE)
        (void)pthread_cond_broadcast(&o->work);
    else if (n_tasks > 0)
        (void)pthread_cond_signal(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
    /* While there is a chunk to fill, the walk does not wait for who reads what was found. */
    while (r >= 0 && (o->n_queued == CHUNKS || first_is_done(o)))
        r = send_first(o, o->n_queued == CHUNKS ? 0 : MSG_DONTWAIT);
    return r == -EAGAIN ? 0 : r;
}

static int make_room(Output *o, bool is_task)
{
    Chunk *chunk = filled(o);

    if (chunk->used + INVENTORY_RECORD_MAX <= CHUNK_SIZE &&
        (!is_task || chunk->n_tasks < TASKS_MAX))
        return 0;
    return queue(o);
}

/* There is room. */
static void put(Output *o, const InventoryRecord *r, bool is_task)
{
    const InventoryPackOptions options = {.with_outcome = is_task, .whole_name = is_task};
    Chunk *chunk = filled(o);

    chunk->used += inventory_pack(&o->pack, r, &options, chunk->data + chunk->used);
    o->end.n_records++;
}

int output_put(Output *o, const InventoryRecord *r)
{
    int k = make_room(o, false);

    if (k >= 0)
        put(o, r, false);
    return k;
}

static size_t name_size(InventoryText path)
{
    const char *slash = memrchr(path.data, '/', path.size);

    return (size_t)(path.data + path.size - slash - 1);
}

int output_put_file(Output *o, const InventoryRecord *r, Folder *folder,
                    const InventoryRecord *base, InventoryChange otherwise)
{
    int k = make_room(o, true);
    Chunk *chunk;
    Task *task;

    if (k < 0)
        return k;
    chunk = filled(o);
    task = &chunk->tasks[chunk->n_tasks++];
    *task = (Task){.begin = chunk->used,
                   .name_size = name_size(r->path),
                   .folder = folder_ref(folder),
                   .record = *r,
                   .has_base = base != NULL,
                   .otherwise = (uint8_t)otherwise};
    if (base) {
        task->base_algorithm = base->algorithm;
        task->base_error = base->error;
        task->base_size = base->size;
        memcpy(task->base_digest, base->digest, sizeof task->base_digest);
    }
    put(o, r, true);
    task->end = chunk->used;
    o->end.n_digests++;
    return 0;
}

int output_finish(Output *o, int error)
{
    const InventoryPackedSize mark = 0;
    ScanEnd end;
    int r = queue(o);

    while (r >= 0 && o->n_queued > 0)
        r = send_first(o, 0);
    if (r < 0)
        return r;
    end = (ScanEnd){htole64((uint64_t)-error), htole64(o->end.n_records), htole64(o->end.n_digests),
                    htole64(o->end.n_bytes)};
    r = write_full(o->fd, &mark, sizeof mark);
    return r < 0 ? r : write_full(o->fd, &end, sizeof end);
}
