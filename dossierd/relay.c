/* SPDX-License-Identifier: Apache-2.0 */
/* The thread between a writer that blocks and a reader that may not be there. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>

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
    Provenance *provenance; /* may be NULL */
    ContentHash hash;
    _Atomic uint64_t stalled_usec;
};

/* Before the reader has it. */
static int note(Relay *relay, const void *data, size_t size)
{
    bool had_begin = content_hash_begin(&relay->hash);
    int r = content_hash_add(&relay->hash, data, size);

    if (r >= 0 && !had_begin && content_hash_begin(&relay->hash))
        provenance_add_begin(relay->provenance, content_hash_begin(&relay->hash));
    return r;
}

static int carry(Relay *relay)
{
    _cleanup_free_ uint8_t *buffer = malloc(CHUNK_SIZE);

    if (!buffer)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(relay->read_fd, buffer, CHUNK_SIZE);
        int r = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (relay->provenance)
            r = note(relay, buffer, (size_t)n);
        if (r >= 0)
            r = stream_write(relay->output, buffer, (size_t)n, relay->cancel_fd,
                             &relay->stalled_usec);
        if (r < 0)
            return r;
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

int relay_new(int output, int cancel_fd, Provenance *provenance, Relay **ret)
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
    relay->provenance = provenance;
    r = provenance ? content_hash_init(&relay->hash) : 0;
    if (r < 0)
        return r;
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

int relay_finish(Relay *relay, uint64_t *ret_bytes)
{
    drain(relay);
    if (relay->error < 0)
        return relay->error;
    *ret_bytes = relay->bytes;
    return 0;
}

/* Once more its begin too, which may have been long ago. */
int relay_vouch(Relay *relay)
{
    const uint8_t *begin = content_hash_begin(&relay->hash);
    uint8_t all[CONTENT_HASH_SIZE];
    int r = content_hash_finish(&relay->hash, all);

    if (r < 0)
        return r;
    if (begin)
        provenance_add_begin(relay->provenance, begin);
    provenance_add(relay->provenance, all);
    return 0;
}

Relay *relay_free(Relay *relay)
{
    if (!relay)
        return NULL;
    drain(relay);
    closep(&relay->output);
    content_hash_done(&relay->hash);
    free(relay);
    return NULL;
}
