/* SPDX-License-Identifier: Apache-2.0 */
/* keyd from the view of a program that the configuration grants a key: one channel for each key
 * (keyd/PROTOCOL.md), opened at the first signature and again when it has ended, because the key or
 * the grant has changed or keyd was restarted. A process that was forked opens its own. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"
#include "keyd-channel.h"
#include "keyd-client.h"
#include "keyd-provider.h"
#include "memfd.h"
#include "names.h"

#define ANSWER_TIMEOUT_MS 30000
#define CHANNELS_MAX 16U

typedef struct GrantedChannel {
    char *algorithm, *label;
    int fd;
    pid_t process;
} GrantedChannel;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static GrantedChannel channels[CHANNELS_MAX];
static unsigned next_channel;
static uint32_t last_id;

static _Thread_local char last_error[256];

const char *keyd_last_error(void)
{
    return last_error;
}

static int __attribute__((format(printf, 2, 3))) failed(int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(last_error, sizeof last_error, format, ap);
    va_end(ap);
    return error;
}

/* Nothing is decrypted by grants. */
int keyd_unwrap(const KeydReference *reference, const void *encrypted, size_t encrypted_size,
                void **ret_key)
{
    return failed(-EOPNOTSUPP, "keys that are granted do not decrypt");
}

static int open_fd(const KeydReference *reference)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int fd, r;

    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, KEYS_GRANTED_INTERFACE, "OpenChannel",
                               &error, &reply, "sss", reference->algorithm, reference->label,
                               reference->purpose);
    if (r >= 0)
        r = sd_bus_message_read(reply, "h", &fd);
    if (r < 0)
        return failed(r, "%s", error.message ? error.message : strerror(-r));
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? failed(-errno, "%s", strerror(errno)) : fd;
}

static void channel_close(GrantedChannel *c)
{
    /* A forked process has a copy of the descriptor of its own. */
    closep(&c->fd);
    free(c->algorithm);
    free(c->label);
    *c = (GrantedChannel){.fd = -EBADF};
}

static GrantedChannel *channel_find(const KeydReference *reference)
{
    for (size_t i = 0; i < CHANNELS_MAX; i++) {
        GrantedChannel *c = &channels[i];

        if (!c->algorithm || !streq(c->algorithm, reference->algorithm) ||
            !streq(c->label, reference->label))
            continue;
        if (c->process == getpid())
            return c;
        channel_close(c);
    }
    return NULL;
}

static int channel_get(const KeydReference *reference, GrantedChannel **ret)
{
    GrantedChannel *c = channel_find(reference);
    int fd;

    if (c) {
        *ret = c;
        return 0;
    }
    fd = open_fd(reference);
    if (fd < 0)
        return fd;
    c = &channels[next_channel++ % CHANNELS_MAX];
    channel_close(c);
    *c = (GrantedChannel){strdup(reference->algorithm), strdup(reference->label), fd, getpid()};
    if (!c->algorithm || !c->label) {
        channel_close(c);
        return failed(-ENOMEM, "%s", strerror(ENOMEM));
    }
    *ret = c;
    return 0;
}

static ssize_t ask(const GrantedChannel *c, const uint8_t *packet, size_t size, uint8_t *answer,
                   size_t room)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int r;

    if (send(c->fd, packet, size, MSG_NOSIGNAL) < 0)
        return -ECONNRESET;
    do
        r = poll(&p, 1, ANSWER_TIMEOUT_MS);
    while (r < 0 && errno == EINTR);
    if (r <= 0)
        return -ETIMEDOUT;
    r = (int)recv(c->fd, answer, room, MSG_DONTWAIT);
    return r < (int)CHANNEL_HEADER_SIZE ? -ECONNRESET : r;
}

/* With the lock held. A channel that was open may have ended since: then once more over a new one.
 */
static ssize_t transact(const KeydReference *reference, uint8_t *packet, size_t size,
                        uint8_t *answer, size_t room)
{
    GrantedChannel *c = NULL;
    bool is_new;
    ssize_t n;

    do {
        int r;

        is_new = channel_find(reference) == NULL;
        r = channel_get(reference, &c);
        if (r < 0)
            return r;
        n = ask(c, packet, size, answer, room);
        if (n < 0)
            channel_close(c);
    } while (n == -ECONNRESET && !is_new);
    if (n < 0)
        return failed((int)n, "the key daemon does not answer: %s", strerror((int)-n));
    return n;
}

static int read_answer(const uint8_t *answer, size_t size, void **ret_signature, size_t *ret_size)
{
    const uint8_t *content = answer + CHANNEL_HEADER_SIZE;

    size -= CHANNEL_HEADER_SIZE;
    if (answer[0] == CHANNEL_REFUSAL)
        return failed(-EPERM, "%.*s", (int)size, (const char *)content);
    if (answer[0] != CHANNEL_SIGNATURE || size == 0)
        return failed(-EBADMSG, "the key daemon's answer is none");
    *ret_signature = malloc(size);
    if (!*ret_signature)
        return failed(-ENOMEM, "%s", strerror(ENOMEM));
    memcpy(*ret_signature, content, size);
    *ret_size = size;
    return 0;
}

int keyd_sign(const KeydReference *reference, const char *digest, int to_be_signed,
              void **ret_signature, size_t *ret_size)
{
    uint8_t packet[CHANNEL_HEADER_SIZE + CHANNEL_INLINE_MAX];
    uint8_t answer[CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    _cleanup_free_ void *input = NULL;
    int code = channel_digest(digest);
    size_t size;
    ssize_t n;

    if (code < 0 || memfd_read(to_be_signed, CHANNEL_INLINE_MAX, &input, &size) < 0)
        return failed(-EINVAL, "this is nothing that TLS signs");
    memcpy(packet + CHANNEL_HEADER_SIZE, input, size);
    (void)pthread_mutex_lock(&lock);
    channel_header(packet, CHANNEL_SIGN, (unsigned)code, ++last_id);
    n = transact(reference, packet, CHANNEL_HEADER_SIZE + size, answer, sizeof answer);
    (void)pthread_mutex_unlock(&lock);
    return n < 0 ? (int)n : read_answer(answer, (size_t)n, ret_signature, ret_size);
}
