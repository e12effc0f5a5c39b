/* SPDX-License-Identifier: Apache-2.0 */
/* keyd from the view of a program that the configuration grants a key: one channel for each key
 * (keyd/PROTOCOL.md), opened at the first signature and again when it has ended, because the key or
 * the grant has changed or keyd was restarted. A process that was forked opens its own. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"
#include "keyd-channel.h"
#include "keyd-client.h"
#include "keyd-provider.h"
#include "names.h"

#define CHANNELS_MAX 16U

typedef struct GrantedChannel {
    char *algorithm, *label;
    int fd;
    pid_t process;
} GrantedChannel;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static GrantedChannel channels[CHANNELS_MAX];
static unsigned next_channel;

static _Thread_local char last_error[CHANNEL_REASON_SIZE];

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

/* With the lock held. A channel that was open may have ended since: then once more over a new one.
 */
static int sign(const KeydReference *reference, const char *digest, int to_be_signed,
                void **ret_signature, size_t *ret_size)
{
    GrantedChannel *c = NULL;
    bool is_new;
    int r;

    do {
        is_new = channel_find(reference) == NULL;
        r = channel_get(reference, &c);
        if (r < 0)
            return r;
        r = channel_sign(c->fd, digest, to_be_signed, ret_signature, ret_size, last_error);
        if (r == -ECONNRESET || r == -ETIMEDOUT)
            channel_close(c);
    } while (r == -ECONNRESET && !is_new);
    return r;
}

int keyd_sign(const KeydReference *reference, const char *digest, KeydInput input,
              void **ret_signature, size_t *ret_size)
{
    int r;

    if (input.offset > 0)
        return -EINVAL;
    (void)pthread_mutex_lock(&lock);
    r = sign(reference, digest, input.fd, ret_signature, ret_size);
    (void)pthread_mutex_unlock(&lock);
    return r;
}
