/* SPDX-License-Identifier: Apache-2.0 */
/* The event only notes that there is something to read; reading and writing on happen outside of
 * its dispatch, because the sink may itself have to wait, which is another turn of the loop. */
#include "cli-pump.h"

#include <sys/epoll.h>

#include "cli-bus.h"
#include "names.h"

#define CHUNK 65536U
#define PIECE 262144U

struct Pump {
    Cli *cli;
    Pump *next;
    Sink *to;
    bool ready;
    int state;
    /* A descriptor, */
    int fd;
    sd_event_source *source;
    char buffer[CHUNK];
    /* or a transfer. */
    char *name, *path;
    sd_bus_slot *slot;
    sd_bus_message *piece;
};

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    ((Pump *)userdata)->ready = true;
    return 0;
}

static int on_piece(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    Pump *p = userdata;

    p->piece = sd_bus_message_ref(m);
    p->ready = true;
    return 0;
}

/* Asks to be told when there is something to read. */
static int arm(Pump *p)
{
    _cleanup_message_ sd_bus_message *m = NULL;
    int r;

    if (!p->path)
        return sd_event_source_set_enabled(p->source, SD_EVENT_ONESHOT);
    p->slot = sd_bus_slot_unref(p->slot);
    r = sd_bus_message_new_method_call(p->cli->bus, &m, p->name, p->path,
                                       TRANSFER_TRANSFER_INTERFACE, "Read");
    if (r >= 0)
        r = sd_bus_message_append(m, "u", PIECE);
    if (r >= 0)
        r = sd_bus_call_async(p->cli->bus, &p->slot, m, on_piece, p, UINT64_MAX);
    return r;
}

static Pump *pump_alloc(Cli *cli, int fd, Sink *to)
{
    Pump *p = calloc(1, sizeof(*p));

    if (!p) {
        closep(&fd);
        return NULL;
    }
    p->cli = cli;
    p->fd = fd;
    p->to = to;
    p->next = cli->pumps;
    cli->pumps = p;
    return p;
}

int cli_pump_new(Cli *cli, int fd, Sink *to, Pump **ret)
{
    Pump *p = pump_alloc(cli, fd, to);
    int r;

    if (!p)
        return -ENOMEM;
    r = sd_event_add_io(cli->event, &p->source, fd, EPOLLIN, on_readable, p);
    if (r >= 0)
        r = arm(p);
    if (r < 0)
        cli_pump_free(p);
    else
        *ret = p;
    return r < 0 ? r : 0;
}

int cli_pump_transfer(Cli *cli, const char *name, const char *path, Sink *to, Pump **ret)
{
    Pump *p = pump_alloc(cli, -EBADF, to);
    int r = -ENOMEM;

    if (!p)
        return -ENOMEM;
    p->name = strdup(name);
    p->path = strdup(path);
    if (p->name && p->path)
        r = arm(p);
    if (r < 0)
        cli_pump_free(p);
    else
        *ret = p;
    return r < 0 ? r : 0;
}

int cli_pump_state(const Pump *p)
{
    return p->state;
}

static int write_on(Pump *p, const void *data, size_t size)
{
    int r = sink_write(p->to, data, size);

    if (r < 0)
        return r;
    return p->to->enough ? -ECANCELED : 0;
}

static int pump_piece(Pump *p)
{
    _cleanup_message_ sd_bus_message *m = TAKE_PTR(p->piece);
    const void *data;
    size_t size;
    int r = -sd_bus_message_get_errno(m);

    if (r == 0)
        r = sd_bus_message_read_array(m, 'y', &data, &size);
    if (r < 0)
        return r;
    return size == 0 ? 1 : write_on(p, data, size);
}

static int pump_once(Pump *p)
{
    ssize_t n;

    p->ready = false;
    if (p->path)
        return pump_piece(p);
    n = read(p->fd, p->buffer, sizeof(p->buffer));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return n == 0 ? 1 : write_on(p, p->buffer, (size_t)n);
}

/* Whoever writes to the other end learns that nobody reads. */
static void stop(Pump *p)
{
    p->source = sd_event_source_disable_unref(p->source);
    closep(&p->fd);
    p->fd = -EBADF;
    p->slot = sd_bus_slot_unref(p->slot);
    if (p->path && p->state < 0)
        (void)sd_bus_call_method_async(p->cli->bus, NULL, p->name, p->path,
                                       TRANSFER_TRANSFER_INTERFACE, "Close", NULL, NULL, NULL);
}

int cli_pumps_run(Cli *cli)
{
    int r = 0;

    for (Pump *p = cli->pumps; p; p = p->next) {
        if (!p->ready || p->state != 0)
            continue;
        p->state = pump_once(p);
        if (p->state == 0)
            r = arm(p);
        if (r < 0)
            p->state = r;
        if (p->state != 0)
            stop(p);
    }
    return 0;
}

Pump *cli_pump_free(Pump *p)
{
    if (!p)
        return NULL;
    for (Pump **at = &p->cli->pumps; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    sd_event_source_disable_unref(p->source);
    closep(&p->fd);
    sd_bus_slot_unref(p->slot);
    sd_bus_message_unref(p->piece);
    free(p->name);
    free(p->path);
    free(p);
    return NULL;
}
