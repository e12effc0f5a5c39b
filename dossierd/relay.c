/* SPDX-License-Identifier: Apache-2.0 */
/* The thread between a writer that blocks and a reader that may not be there. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>

#include "openssl-util.h"
#include "stream.h"

#define CHUNK_SIZE 65536U

struct Relay {
    int write_fd; /* the writer's end */
    int read_fd;
    int output;
    int cancel_fd;
    pthread_t thread;
    bool has_thread;
    _Atomic int error;
    uint64_t bytes;
    EVP_MD_CTX *digest;
    _Atomic uint64_t stalled_usec;
};

static int carry(Relay *relay)
{
    _cleanup_free_ uint8_t *buffer = malloc(CHUNK_SIZE);

    if (!buffer)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(relay->read_fd, buffer, CHUNK_SIZE);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        r = stream_write(relay->output, buffer, (size_t)n, relay->cancel_fd, &relay->stalled_usec);
        if (r < 0)
            return r;
        if (EVP_DigestUpdate(relay->digest, buffer, (size_t)n) != 1)
            return -ENOMEM;
        relay->bytes += (uint64_t)n;
    }
}

static void *run(void *userdata)
{
    Relay *relay = userdata;

    relay->error = carry(relay);
    /* The writer must not wait for a reader that gave up: it gets EPIPE. */
    closep(&relay->read_fd);
    relay->read_fd = -EBADF;
    return NULL;
}

int relay_new(int output, int cancel_fd, Relay **ret)
{
    _cleanup_(relay_freep) Relay *relay = calloc(1, sizeof *relay);
    int fds[2], r;

    if (!relay) {
        closep(&output);
        return -ENOMEM;
    }
    relay->output = output;
    relay->cancel_fd = cancel_fd;
    relay->read_fd = relay->write_fd = -EBADF;
    relay->digest = EVP_MD_CTX_new();
    if (!relay->digest || EVP_DigestInit_ex(relay->digest, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    relay->read_fd = fds[0];
    relay->write_fd = fds[1];
    r = pthread_create(&relay->thread, NULL, run, relay);
    if (r != 0)
        return -r;
    relay->has_thread = true;
    *ret = TAKE_PTR(relay);
    return 0;
}

int relay_fd(Relay *relay)
{
    return relay->write_fd;
}

uint64_t relay_stalled_usec(Relay *relay)
{
    return relay->stalled_usec;
}

int relay_error(Relay *relay)
{
    return relay->error;
}

/* The end of the writer's side. */
static void drain(Relay *relay)
{
    closep(&relay->write_fd);
    relay->write_fd = -EBADF;
    if (relay->has_thread)
        (void)pthread_join(relay->thread, NULL);
    relay->has_thread = false;
    closep(&relay->read_fd);
    relay->read_fd = -EBADF;
}

int relay_finish(Relay *relay, uint64_t *ret_bytes, uint8_t ret_digest[RELAY_DIGEST_SIZE])
{
    drain(relay);
    if (relay->error < 0)
        return relay->error;
    if (EVP_DigestFinal_ex(relay->digest, ret_digest, NULL) != 1)
        return -ENOMEM;
    *ret_bytes = relay->bytes;
    return 0;
}

Relay *relay_free(Relay *relay)
{
    if (!relay)
        return NULL;
    drain(relay);
    closep(&relay->output);
    EVP_MD_CTX_free(relay->digest);
    free(relay);
    return NULL;
}
