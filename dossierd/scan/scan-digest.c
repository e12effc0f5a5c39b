/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of one file, which others may be changing. */
#include <endian.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "scan-internal.h"

#include "clock.h"

#define BUFFER_SIZE 131072U
/* A file with holes of more than this is digested by its stretches of data. */
#define HOLES_MAX (UINT64_C(64) << 20)
/* After so much it is looked whether somebody still wants to know. */
#define LOOK_SIZE (UINT64_C(1) << 20)

struct Pace {
    pthread_mutex_t lock;
    uint64_t rate;  /* bytes in a second */
    uint64_t until; /* when what was read so far may have been read, CLOCK_MONOTONIC in ns */
    int reader;     /* whoever asked */
    atomic_bool is_gone;
};

struct Digester {
    Pace *pace;
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
    uint64_t unlooked; /* bytes */
    uint8_t buffer[BUFFER_SIZE];
};

Pace *pace_new(uint64_t bytes_per_second, int reader)
{
    Pace *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    (void)pthread_mutex_init(&p->lock, NULL);
    p->rate = bytes_per_second;
    p->reader = reader;
    return p;
}

Pace *pace_free(Pace *p)
{
    if (p)
        (void)pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

/* Of a file in memory nobody is. */
static bool reader_is_gone(Pace *p)
{
    struct pollfd fd = {.fd = p->reader};

    if (poll(&fd, 1, 0) > 0 && fd.revents & (POLLHUP | POLLERR))
        atomic_store(&p->is_gone, true);
    return atomic_load(&p->is_gone);
}

/* All threads together keep to the rate; time that nothing was read in is not made up for. */
void pace_wait(Pace *p, size_t bytes)
{
    uint64_t begin, until;
    struct timespec ts;

    if (p->rate == 0)
        return;
    (void)pthread_mutex_lock(&p->lock);
    begin = clock_nsec(CLOCK_MONOTONIC);
    if (p->until < begin)
        p->until = begin;
    p->until += bytes * NSEC_PER_SEC / p->rate;
    until = p->until;
    (void)pthread_mutex_unlock(&p->lock);
    ts = (struct timespec){(time_t)(until / NSEC_PER_SEC), (long)(until % NSEC_PER_SEC)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

Digester *digester_free(Digester *d)
{
    if (!d)
        return NULL;
    EVP_MD_CTX_free(d->context);
    EVP_MD_free(d->algorithm);
    free(d);
    return NULL;
}

Digester *digester_new(Pace *pace)
{
    Digester *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->pace = pace;
    d->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    d->context = EVP_MD_CTX_new();
    return d->algorithm && d->context ? d : digester_free(d);
}

static bool is_that_file(int fd, const InventoryRecord *r)
{
    struct stat st;

    return fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && st.st_ino == r->inode &&
           (uint64_t)st.st_size == r->size && st.st_ctim.tv_sec == r->changed.seconds &&
           st.st_ctim.tv_nsec == (long)r->changed.nanoseconds &&
           st.st_mtim.tv_sec == r->modified.seconds &&
           st.st_mtim.tv_nsec == (long)r->modified.nanoseconds;
}

/* A scan is cancelled by whoever asked going away, which is not seen before something is sent: a
 * large file, or a slow rate, is not to be waited for. */
static int still_wanted(Digester *d, size_t read)
{
    d->unlooked += read;
    if (d->unlooked < LOOK_SIZE)
        return 0;
    d->unlooked = 0;
    return reader_is_gone(d->pace) ? -EPIPE : 0;
}

/* Reads and digests size bytes from there; fewer are -ESTALE: the file has shrunk. */
static int digest_stretch(Digester *d, int fd, uint64_t offset, uint64_t size)
{
    while (size > 0) {
        size_t wanted = size < BUFFER_SIZE ? (size_t)size : BUFFER_SIZE;
        ssize_t n = pread(fd, d->buffer, wanted, (off_t)offset);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ESTALE;
        if (EVP_DigestUpdate(d->context, d->buffer, (size_t)n) != 1)
            return -EIO;
        pace_wait(d->pace, (size_t)n);
        r = still_wanted(d, (size_t)n);
        if (r < 0)
            return r;
        offset += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return 0;
}

static int64_t digest_extents(Digester *d, int fd, uint64_t size)
{
    uint64_t read = 0, at = 0;

    while (at < size) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;
        uint64_t head[2];
        int r;

        if (data < 0 && errno == ENXIO)
            break;
        if (data < 0)
            return -errno;
        hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        head[0] = htole64((uint64_t)data);
        head[1] = htole64((uint64_t)(hole - data));
        if (EVP_DigestUpdate(d->context, head, sizeof head) != 1)
            return -EIO;
        r = digest_stretch(d, fd, (uint64_t)data, (uint64_t)(hole - data));
        if (r < 0)
            return r;
        read += (uint64_t)(hole - data);
        at = (uint64_t)hole;
    }
    return (int64_t)read;
}

int64_t digester_run(Digester *d, int dirfd, const char *name, const InventoryRecord *r,
                     InventoryAlgorithm *ret_algorithm, uint8_t ret[INVENTORY_DIGEST_SIZE])
{
    _cleanup_close_ int fd =
        openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    bool has_holes = r->size / 512 > r->blocks + HOLES_MAX / 512;
    int64_t bytes = (int64_t)r->size;
    int k = 0;

    if (atomic_load(&d->pace->is_gone))
        return -EPIPE;
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? -ESTALE : -errno;
    /* What is read at once is looked at once, afterwards: pread() takes nothing from what has no
     * offsets, and what was read of another file is forgotten. */
    if (r->size > BUFFER_SIZE && !is_that_file(fd, r))
        return -ESTALE;
    if (EVP_DigestInit_ex2(d->context, d->algorithm, NULL) != 1)
        return -EIO;
    if (has_holes)
        bytes = digest_extents(d, fd, r->size);
    else
        k = digest_stretch(d, fd, 0, r->size);
    if (!is_that_file(fd, r))
        return -ESTALE;
    if (k < 0 || bytes < 0)
        return k < 0 ? k : bytes;
    if (EVP_DigestFinal_ex(d->context, ret, NULL) != 1)
        return -EIO;
    *ret_algorithm = has_holes ? INVENTORY_SHA256_EXTENTS : INVENTORY_SHA256;
    return bytes;
}
