/* SPDX-License-Identifier: Apache-2.0 */
#include "probe-digests.h"

#include <endian.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "scan-internal.h"

#define BUFFER_SIZE 131072U
#define PATH_SIZE 4096U
#define REQUEST_TIMEOUT_MS 60000
#define LOOK_UP 64U /* buffers between two looks at who has asked */

typedef struct Checker {
    int root_fd, fd;
    Pace *pace;
    EVP_MD_CTX *context;
    uint8_t batch[DIGEST_BATCH_MAX];
    uint8_t verdicts[DIGEST_BATCH_MAX];
    uint8_t buffer[BUFFER_SIZE];
} Checker;

/* --- Batches ---------------------------------------------------------------------------------- */

int digest_record_next(const uint8_t *batch, size_t size, size_t *at, DigestRecord *ret)
{
    static const struct {
        const char *name;
        size_t size;
    } algorithms[] = {{NULL, 0},      {"MD5", 16},    {"SHA1", 20},
                      {"SHA256", 32}, {"SHA384", 48}, {"SHA512", 64}};
    size_t left = size - *at, digest_size;
    const uint8_t *p = batch + *at;

    if (left == 0)
        return 0;
    if (left < 2 || p[0] == 0 || p[0] >= ELEMENTSOF(algorithms) || p[1] != algorithms[p[0]].size)
        return -EBADMSG;
    digest_size = p[1];
    if (left < 2 + digest_size + 2)
        return -EBADMSG;
    *ret = (DigestRecord){
        .algorithm = algorithms[p[0]].name,
        .digest = p + 2,
        .digest_size = digest_size,
        .path = (const char *)p + 2 + digest_size + 2,
        .path_size = (size_t)p[2 + digest_size] | (size_t)p[2 + digest_size + 1] << 8,
    };
    if (ret->path_size == 0 || ret->path_size >= PATH_SIZE ||
        left - (2 + digest_size + 2) < ret->path_size || memchr(ret->path, 0, ret->path_size))
        return -EBADMSG;
    *at += 2 + digest_size + 2 + ret->path_size;
    return 1;
}

static int receive(int fd, void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, 1, REQUEST_TIMEOUT_MS);
        ssize_t n;

        if (r <= 0)
            return r < 0 ? -errno : -ETIMEDOUT;
        n = recv(fd, (char *)data + done, size - done, 0);
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        done += (size_t)n;
    }
    return 0;
}

static int receive_batch(Checker *c, size_t *ret_size)
{
    uint32_t size;
    int r = receive(c->fd, &size, sizeof size);

    if (r < 0)
        return r;
    *ret_size = le32toh(size);
    if (*ret_size > sizeof c->batch)
        return -EBADMSG;
    return receive(c->fd, c->batch, *ret_size);
}

/* --- Files ------------------------------------------------------------------------------------ */

static bool is_unwanted(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static int digest_file(Checker *c, int fd, const char *algorithm, uint8_t *ret, unsigned *ret_size)
{
    const EVP_MD *md = EVP_get_digestbyname(algorithm);

    if (!md || EVP_DigestInit_ex2(c->context, md, NULL) != 1)
        return -EOPNOTSUPP;
    for (unsigned n = 1;; n++) {
        ssize_t got = read(fd, c->buffer, sizeof c->buffer);

        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        if (EVP_DigestUpdate(c->context, c->buffer, (size_t)got) != 1)
            return -EIO;
        pace_wait(c->pace, (size_t)got);
        if (n % LOOK_UP == 0 && is_unwanted(c->fd))
            return -EPIPE;
    }
    return EVP_DigestFinal_ex(c->context, ret, ret_size) == 1 ? 0 : -EIO;
}

static DigestVerdict judge(Checker *c, const DigestRecord *r)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    _cleanup_close_ int fd = -EBADF;
    char path[PATH_SIZE];
    unsigned size = 0;
    struct stat st;

    memcpy(path, r->path, r->path_size);
    path[r->path_size] = 0;
    fd = openat(c->root_fd, path + strspn(path, "/"),
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return DIGEST_MISSING;
    if (fd < 0) /* a symlink, a socket, or a device without a driver: that is no file any more */
        return errno == ELOOP || errno == ENXIO || errno == ENODEV ? DIGEST_CHANGED
                                                                   : DIGEST_UNREADABLE;
    if (fstat(fd, &st) < 0)
        return DIGEST_UNREADABLE;
    if (!S_ISREG(st.st_mode))
        return DIGEST_CHANGED;
    if (digest_file(c, fd, r->algorithm, digest, &size) < 0)
        return DIGEST_UNREADABLE;
    return size == r->digest_size && memcmp(digest, r->digest, size) == 0 ? DIGEST_SAME
                                                                          : DIGEST_CHANGED;
}

static int answer_batch(Checker *c, size_t size)
{
    DigestRecord record;
    size_t at = 0, n = 0, sent = 0;
    int r;

    while ((r = digest_record_next(c->batch, size, &at, &record)) > 0) {
        if (is_unwanted(c->fd))
            return -EPIPE;
        c->verdicts[n++] = (uint8_t)judge(c, &record);
    }
    while (r >= 0 && sent < n) {
        ssize_t k = send(c->fd, c->verdicts + sent, n - sent, MSG_NOSIGNAL);

        if (k < 0)
            return -errno;
        sent += (size_t)k;
    }
    return r;
}

static int answer_all(Checker *c)
{
    uint64_t rate;
    size_t size;
    int r = receive_batch(c, &size);

    if (r < 0)
        return r;
    if (size != sizeof rate)
        return -EBADMSG;
    memcpy(&rate, c->batch, sizeof rate);
    c->pace = pace_new(le64toh(rate), c->fd);
    c->context = EVP_MD_CTX_new();
    if (!c->pace || !c->context)
        return -ENOMEM;
    while ((r = receive_batch(c, &size)) >= 0 && size > 0) {
        r = answer_batch(c, size);
        if (r < 0)
            return r;
    }
    return r;
}

int probe_digests(int root_fd, int fd)
{
    _cleanup_free_ Checker *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    c->root_fd = root_fd;
    c->fd = fd;
    r = answer_all(c);
    EVP_MD_CTX_free(c->context);
    pace_free(c->pace);
    return r;
}
