/* SPDX-License-Identifier: Apache-2.0 */
#include "node-bus.h"

#include <poll.h>
#include <stdbool.h>

#include "atomic-file.h"
#include "cleanup.h"
#include "clock.h"
#include "names.h"
#include "node-protocol.h"

/* Connecting and logging in; then each answer that takes no work. A piece of a dossier may take as
 * long as the slowest collector there, and chancery-dossierd counts the time of all. */
#define READY_SECONDS 45U
#define ANSWER_SECONDS 60U
#define PIECE_SECONDS 3600U
#define PIECE (192U << 10)

typedef struct Exchange {
    sd_bus *bus;
    int output;
    uint64_t until; /* microseconds, CLOCK_MONOTONIC */
    char *transfer;
    sd_bus_message *reply; /* of the call that is waited for */
    bool has_reply;
    NodeOutcome *outcome;
} Exchange;

static void allow(Exchange *e, unsigned seconds)
{
    e->until = clock_usec(CLOCK_MONOTONIC) + USEC_PER_SEC * seconds;
}

static int fail(Exchange *e, const char *code, const char *format, ...) _printf_(3, 4);

static int fail(Exchange *e, const char *code, const char *format, ...)
{
    va_list ap;

    e->outcome->code = code;
    va_start(ap, format);
    (void)vsnprintf(e->outcome->reason, sizeof e->outcome->reason, format, ap);
    va_end(ap);
    return -EREMOTEIO;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/* is_busy: there is more to do at once, and only who waits for it is looked at. */
static int wait_turn(Exchange *e, bool is_busy)
{
    struct pollfd fds[2] = {{.fd = sd_bus_get_fd(e->bus)}, {.fd = e->output}};
    int events = sd_bus_get_events(e->bus), r;
    uint64_t now = clock_usec(CLOCK_MONOTONIC), wake, until = e->until;

    if (fds[0].fd < 0 || events < 0)
        return -ENOTCONN;
    fds[0].events = (short)events;
    if (sd_bus_get_timeout(e->bus, &wake) >= 0 && wake < until)
        until = wake;
    r = poll(fds, 2, is_busy || until <= now ? 0 : (int)((until - now) / 1000) + 1);
    if (r < 0 && errno != EINTR)
        return -errno;
    if (r > 0 && fds[1].revents & (POLLHUP | POLLERR))
        return -ECANCELED;
    return 0;
}

/* One turn. A node that always has more to say is given no longer than one that says nothing. */
static int turn(Exchange *e)
{
    int r = sd_bus_process(e->bus, NULL);

    if (r < 0)
        return r == -ECONNRESET || r == -EPIPE ? -ENOTCONN : r;
    if (r == 0 && sd_bus_is_open(e->bus) <= 0)
        return -ENOTCONN;
    if (clock_usec(CLOCK_MONOTONIC) >= e->until)
        return -ETIMEDOUT;
    return wait_turn(e, r > 0);
}

static int wait_ready(Exchange *e)
{
    int r = 0, ready;

    allow(e, READY_SECONDS);
    while (r >= 0 && (ready = sd_bus_is_ready(e->bus)) <= 0)
        r = ready < 0 ? -ENOTCONN : turn(e);
    return r;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Exchange *e = userdata;

    e->reply = sd_bus_message_ref(m);
    e->has_reply = true;
    return 0;
}

/* What the other side says is its text, and is told as such. */
static int refuse(Exchange *e, const sd_bus_error *error)
{
    const char *code = "Failed", *text = error->message ? error->message : error->name;
    char visible[NODE_REASON_SIZE - 32];
    size_t n = 0;

    for (; *text && n < sizeof visible - 1; text++)
        visible[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
    visible[n] = 0;
    if (sd_bus_error_has_name(error, "org.chancery.Error.NotAuthorized") ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        code = "Not available";
    else if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
        code = "Timeout";
    return fail(e, code, "The node says: %s", visible);
}

/* Sends m and waits for the answer, which is the caller's. */
static int call(Exchange *e, sd_bus_message *m, unsigned seconds, sd_bus_message **ret)
{
    _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r;

    e->has_reply = false;
    allow(e, seconds);
    r = sd_bus_call_async(e->bus, &slot, m, on_reply, e, UINT64_MAX);
    while (r >= 0 && !e->has_reply)
        r = turn(e);
    reply = TAKE_PTR(e->reply);
    if (r < 0 && !e->has_reply)
        return r;
    if (sd_bus_message_is_method_error(reply, NULL))
        return refuse(e, sd_bus_message_get_error(reply));
    *ret = TAKE_PTR(reply);
    return 0;
}

/* --- The calls -------------------------------------------------------------------------------- */

static int call_transfer(Exchange *e)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    const char *path;
    int r = sd_bus_message_new_method_call(e->bus, &m, DOSSIER_NAME, DOSSIER_PATH,
                                           TRANSFER_INTERFACE, "New");

    if (r >= 0)
        r = sd_bus_message_append(m, "s", "pipe");
    if (r >= 0)
        r = call(e, m, ANSWER_SECONDS, &reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return r;
    e->transfer = strdup(path);
    return e->transfer ? 0 : -ENOMEM;
}

static int append_options(sd_bus_message *m, const Question *q)
{
    int r = sd_bus_message_open_container(m, 'a', "{sv}");

    if (r >= 0 && q->nonce)
        r = sd_bus_message_append(m, "{sv}", "nonce", "s", q->nonce);
    if (r >= 0 && q->files)
        r = sd_bus_message_append(m, "{sv}", "filesystem-inventory-options", "s", q->files);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int call_collect(Exchange *e, const Question *q, char **ret_job)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    const char *path;
    int r = sd_bus_message_new_method_call(e->bus, &m, DOSSIER_NAME, DOSSIER_PATH,
                                           DOSSIER_NAME PLAIN_SUFFIX, "Collect");

    if (r >= 0)
        r = sd_bus_message_open_container(m, 'a', "s");
    for (size_t i = 0; r >= 0 && i < q->n_selectors; i++)
        r = sd_bus_message_append(m, "s", q->selectors[i]);
    if (r >= 0)
        r = sd_bus_message_close_container(m);
    if (r >= 0)
        r = append_options(m, q);
    if (r >= 0)
        r = sd_bus_message_append(m, "o", e->transfer);
    if (r >= 0)
        r = call(e, m, ANSWER_SECONDS, &reply);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return r;
    *ret_job = strdup(path);
    return *ret_job ? 0 : -ENOMEM;
}

/* Only the collector writes; else the end would not come before ours. */
static int call_end(Exchange *e)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    int r = sd_bus_message_new_method_call(e->bus, &m, DOSSIER_NAME, e->transfer,
                                           TRANSFER_TRANSFER_INTERFACE, "End");

    return r < 0 ? r : call(e, m, ANSWER_SECONDS, &reply);
}

static int write_piece(int fd, const void *data, size_t size)
{
    const uint8_t head[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                             (uint8_t)size};
    int r = write_full(fd, head, sizeof head);

    return r < 0 ? -ECANCELED : write_full(fd, data, size) < 0 ? -ECANCELED : 0;
}

/* Returns 1 while there is more. */
static int carry_piece(Exchange *e)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    const uint8_t *data;
    size_t size = 0;
    int r = sd_bus_message_new_method_call(e->bus, &m, DOSSIER_NAME, e->transfer,
                                           TRANSFER_TRANSFER_INTERFACE, "Read");

    if (r >= 0)
        r = sd_bus_message_append(m, "u", (uint32_t)PIECE);
    if (r >= 0)
        r = call(e, m, PIECE_SECONDS, &reply);
    if (r >= 0)
        r = sd_bus_message_read_array(reply, 'y', (const void **)&data, &size);
    if (r < 0 || size == 0)
        return r < 0 ? r : 0;
    if (size > PIECE)
        return -EBADMSG;
    r = write_piece(e->output, data, size);
    return r < 0 ? r : 1;
}

static int call_wait(Exchange *e, const char *job)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    int r = sd_bus_message_new_method_call(e->bus, &m, DOSSIER_NAME, job, JOB_INTERFACE, "Wait");

    return r < 0 ? r : call(e, m, ANSWER_SECONDS, &reply);
}

static int exchange(Exchange *e, const Question *q)
{
    _cleanup_free_ char *job = NULL;
    int r = wait_ready(e);

    if (r >= 0)
        r = call_transfer(e);
    if (r >= 0)
        r = call_collect(e, q, &job);
    if (r >= 0)
        r = call_end(e);
    while (r >= 0 && (r = carry_piece(e)) > 0)
        ;
    return r < 0 ? r : call_wait(e, job);
}

int node_exchange(sd_bus *bus, const Question *q, int output, NodeOutcome *ret)
{
    Exchange e = {.bus = bus, .output = output, .outcome = ret};
    int r = exchange(&e, q);

    free(e.transfer);
    sd_bus_message_unref(e.reply);
    switch (r) {
    case 0:
    case -EREMOTEIO:
        return 0;
    case -ENOTCONN:
    case -ECANCELED:
    case -ENOMEM:
        return r;
    case -ETIMEDOUT:
        (void)fail(&e, "Timeout", "The node does not answer");
        return 0;
    default:
        (void)fail(&e, "Failed", "What the node answers is not understood: %s", strerror(-r));
        return 0;
    }
}
