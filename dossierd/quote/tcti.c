/* SPDX-License-Identifier: Apache-2.0 */
#include "tcti.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x4348414e43455259)
#define HEADER_SIZE 10U
/* Making a key takes a slow TPM many seconds. */
#define ANSWER_TIMEOUT_MS 60000

static TSS2_RC tcti_transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    Tcti *t = (Tcti *)context;
    ssize_t n;

    /* A device takes a command whole or not at all. */
    do
        n = write(t->fd, command, size);
    while (n < 0 && errno == EINTR);
    t->received = 0;
    return n == (ssize_t)size ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

static size_t answer_size(const Tcti *t)
{
    const uint8_t *p = t->buffer;

    return (size_t)p[2] << 24 | (size_t)p[3] << 16 | (size_t)p[4] << 8 | p[5];
}

/* A device gives an answer whole, a socket perhaps in pieces. */
static TSS2_RC read_answer(Tcti *t)
{
    while (t->received < HEADER_SIZE || t->received < answer_size(t)) {
        struct pollfd p = {.fd = t->fd, .events = POLLIN};
        int ready = poll(&p, 1, ANSWER_TIMEOUT_MS);
        ssize_t n;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0 || t->received == sizeof t->buffer)
            return TSS2_TCTI_RC_IO_ERROR;
        n = read(t->fd, t->buffer + t->received, sizeof t->buffer - t->received);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return TSS2_TCTI_RC_IO_ERROR;
        t->received += (size_t)n;
        if (t->received >= HEADER_SIZE &&
            (answer_size(t) < HEADER_SIZE || answer_size(t) > sizeof t->buffer))
            return TSS2_TCTI_RC_MALFORMED_RESPONSE;
    }
    return t->received == answer_size(t) ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

static TSS2_RC tcti_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *answer,
                            int32_t timeout)
{
    Tcti *t = (Tcti *)context;
    TSS2_RC rc = read_answer(t);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (answer && *size < t->received)
        rc = TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    else if (answer)
        memcpy(answer, t->buffer, t->received);
    *size = t->received;
    return rc;
}

static void tcti_finalize(TSS2_TCTI_CONTEXT *context)
{
}

static TSS2_RC tcti_cancel(TSS2_TCTI_CONTEXT *context)
{
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC tcti_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles,
                                 size_t *n)
{
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC tcti_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC tcti_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void tcti_init(Tcti *t, int fd)
{
    *t = (Tcti){
        .common =
            {
                .v1 =
                    {
                        .magic = MAGIC,
                        .version = 2,
                        .transmit = tcti_transmit,
                        .receive = tcti_receive,
                        .finalize = tcti_finalize,
                        .cancel = tcti_cancel,
                        .getPollHandles = tcti_poll_handles,
                        .setLocality = tcti_locality,
                    },
                .makeSticky = tcti_sticky,
            },
        .fd = fd,
    };
}
