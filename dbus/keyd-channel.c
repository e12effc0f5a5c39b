/* SPDX-License-Identifier: Apache-2.0 */
#include "keyd-channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "memfd.h"

#define ANSWER_TIMEOUT_MS 30000

static int failed(int error, char reason[static CHANNEL_REASON_SIZE], const char *text)
{
    (void)snprintf(reason, CHANNEL_REASON_SIZE, "%s", text);
    return error;
}

static int ask(int fd, const uint8_t *packet, size_t size, uint8_t *answer, size_t room,
               char reason[static CHANNEL_REASON_SIZE])
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n;
    int r;

    if (send(fd, packet, size, MSG_NOSIGNAL) < 0)
        return failed(-ECONNRESET, reason, "the key daemon cannot be reached");
    do
        r = poll(&p, 1, ANSWER_TIMEOUT_MS);
    while (r < 0 && errno == EINTR);
    if (r <= 0)
        return failed(-ETIMEDOUT, reason, "the key daemon does not answer");
    n = recv(fd, answer, room, MSG_DONTWAIT);
    if (n < (ssize_t)CHANNEL_HEADER_SIZE)
        return failed(-ECONNRESET, reason, "the key daemon has ended the channel");
    return (int)n;
}

static int read_answer(const uint8_t *answer, size_t size, void **ret_signature, size_t *ret_size,
                       char reason[static CHANNEL_REASON_SIZE])
{
    const uint8_t *content = answer + CHANNEL_HEADER_SIZE;

    size -= CHANNEL_HEADER_SIZE;
    if (answer[0] == CHANNEL_REFUSAL) {
        (void)snprintf(reason, CHANNEL_REASON_SIZE, "%.*s", (int)size, (const char *)content);
        return -EPERM;
    }
    if (answer[0] != CHANNEL_SIGNATURE || size == 0)
        return failed(-EBADMSG, reason, "the key daemon's answer is none");
    *ret_signature = malloc(size);
    if (!*ret_signature)
        return failed(-ENOMEM, reason, "there is no memory");
    memcpy(*ret_signature, content, size);
    *ret_size = size;
    return 0;
}

int channel_sign(int fd, const char *digest, int to_be_signed, void **ret_signature,
                 size_t *ret_size, char reason[static CHANNEL_REASON_SIZE])
{
    uint8_t packet[CHANNEL_HEADER_SIZE + CHANNEL_INLINE_MAX];
    uint8_t answer[CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    _cleanup_free_ void *input = NULL;
    int code = channel_digest(digest), r;
    size_t size;

    if (code < 0 || memfd_read(to_be_signed, CHANNEL_INLINE_MAX, &input, &size) < 0)
        return failed(-EINVAL, reason, "this is nothing that is signed over a channel");
    channel_header(packet, CHANNEL_SIGN, (unsigned)code, 1);
    memcpy(packet + CHANNEL_HEADER_SIZE, input, size);
    r = ask(fd, packet, CHANNEL_HEADER_SIZE + size, answer, sizeof answer, reason);
    return r < 0 ? r : read_answer(answer, (size_t)r, ret_signature, ret_size, reason);
}
