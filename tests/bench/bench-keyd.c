/* SPDX-License-Identifier: Apache-2.0 */
/* keyd, by the bus (a sealed memory file and a call for each signature, over a connection that is
 * kept) and by a channel. */
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "bench-sign.h"
#include "keyd-channel.h"
#include "memfd.h"
#include "names.h"

#define WINDOW 16U
#define PURPOSE "certificate-request"

typedef struct State {
    const BenchTask *task;
    const char *algorithm;
    sd_bus *bus;
    int fd;
    uint32_t next_id;
    unsigned in_flight, window;
} State;

static const char *keyd_algorithm(const char *algorithm)
{
    return strcmp(algorithm, "p256") == 0      ? "ecdsanistp256"
           : strcmp(algorithm, "ed25519") == 0 ? "ed25519"
                                               : "rsa";
}

static void fail_bus(const sd_bus_error *error)
{
    bench_fail(error->message ? error->message : "keyd does not answer");
}

static sd_bus *bus_open(void)
{
    sd_bus *bus = NULL;

    if (sd_bus_open_system(&bus) < 0)
        bench_fail("no bus");
    return bus;
}

static void prepare(BenchTask *task)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    sd_bus *bus = bus_open();
    const void *der;
    const uint8_t *p;
    EVP_PKEY *key;
    size_t size;

    if (sd_bus_call_method(bus, KEYS_NAME, KEYS_PATH, KEYS_SIGNING_INTERFACE, "GetPublicKey",
                           &error, &reply, "ss", keyd_algorithm(task->algorithm),
                           task->arguments[0]) < 0)
        fail_bus(&error);
    if (sd_bus_message_read_array(reply, 'y', &der, &size) < 0)
        bench_fail("no public key");
    p = der;
    key = d2i_PUBKEY(NULL, &p, (long)size);
    if (!key)
        bench_fail("no public key");
    bench_make_request(key, &task->input);
    EVP_PKEY_free(key);
    sd_bus_message_unref(reply);
    sd_bus_flush_close_unref(bus);
}

static void *bus_state_new(const BenchTask *task)
{
    State *s = calloc(1, sizeof *s);

    s->task = task;
    s->algorithm = keyd_algorithm(task->algorithm);
    s->bus = bus_open();
    return s;
}

static unsigned long bus_sign(void *data)
{
    State *s = data;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    int fd = memfd_new_sealed("request", s->task->input.data, s->task->input.size);

    if (sd_bus_call_method(s->bus, KEYS_NAME, KEYS_PATH, KEYS_SIGNING_INTERFACE, "Sign", &error,
                           &reply, "ssssa{sv}h", s->algorithm, s->task->arguments[0], PURPOSE,
                           strcmp(s->algorithm, "ed25519") == 0 ? "" : "sha256", 0, fd) < 0)
        fail_bus(&error);
    sd_bus_message_unref(reply);
    close(fd);
    return 1;
}

static void *channel_state_new(const BenchTask *task)
{
    State *s = bus_state_new(task);
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    int fd;

    if (sd_bus_call_method(s->bus, KEYS_NAME, KEYS_PATH, KEYS_SIGNING_INTERFACE, "OpenChannel",
                           &error, &reply, "sssa{sv}", s->algorithm, task->arguments[0], PURPOSE,
                           0) < 0)
        fail_bus(&error);
    if (sd_bus_message_read(reply, "h", &fd) < 0)
        bench_fail("no channel");
    s->fd = dup(fd);
    s->window = WINDOW;
    sd_bus_message_unref(reply);
    return s;
}

static void *latency_state_new(const BenchTask *task)
{
    State *s = channel_state_new(task);

    s->window = 1;
    return s;
}

static void channel_send(State *s)
{
    uint8_t headers[WINDOW][CHANNEL_HEADER_SIZE];
    struct mmsghdr messages[WINDOW];
    struct iovec parts[WINDOW][2];
    unsigned n = 0;

    for (; s->in_flight < s->window; s->in_flight++, n++) {
        channel_header(headers[n], CHANNEL_SIGN, strcmp(s->algorithm, "ed25519") == 0 ? 0 : 1,
                       s->next_id++);
        parts[n][0] = (struct iovec){headers[n], sizeof headers[n]};
        parts[n][1] = (struct iovec){s->task->input.data, s->task->input.size};
        messages[n] = (struct mmsghdr){{.msg_iov = parts[n], .msg_iovlen = 2}};
    }
    if (sendmmsg(s->fd, messages, n, MSG_NOSIGNAL) != (int)n)
        bench_fail("the channel has ended");
}

/* Waits for one answer, and takes all that are there. */
static unsigned long channel_receive(State *s)
{
    uint8_t answers[WINDOW][CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    struct mmsghdr messages[WINDOW];
    struct iovec parts[WINDOW];
    int n;

    for (unsigned i = 0; i < s->in_flight; i++) {
        parts[i] = (struct iovec){answers[i], sizeof answers[i]};
        messages[i] = (struct mmsghdr){{.msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    n = recvmmsg(s->fd, messages, s->in_flight, MSG_WAITFORONE, NULL);
    if (n <= 0)
        bench_fail("the channel has ended");
    for (int i = 0; i < n; i++)
        if (messages[i].msg_len <= CHANNEL_HEADER_SIZE || answers[i][0] != CHANNEL_SIGNATURE)
            bench_fail("keyd refuses");
    s->in_flight -= (unsigned)n;
    return (unsigned long)n;
}

/* Keeps the window at least half full. */
static unsigned long channel_sign_some(void *data)
{
    State *s = data;

    if (s->in_flight <= s->window / 2)
        channel_send(s);
    return channel_receive(s);
}

const BenchSigner bench_bus = {"bus", 1, prepare, bus_state_new, bus_sign, NULL};
const BenchSigner bench_channel = {"channel",         1,   prepare, channel_state_new,
                                   channel_sign_some, NULL};
const BenchSigner bench_latency = {"channel-latency", 1,   prepare, latency_state_new,
                                   channel_sign_some, NULL};
