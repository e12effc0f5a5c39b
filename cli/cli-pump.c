/* SPDX-License-Identifier: Apache-2.0 */
/* The event only notes that there is something to read; reading and writing on happen outside of
 * its dispatch, because the sink may itself have to wait, which is another turn of the loop. */
#include <sys/epoll.h>

#include "cli.h"

#define CHUNK 65536U

struct Pump {
    Cli *cli;
    Pump *next;
    int fd;
    Sink *to;
    sd_event_source *source;
    bool ready;
    int state;
    char buffer[CHUNK];
};

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    ((Pump *)userdata)->ready = true;
    return 0;
}

int cli_pump_new(Cli *cli, int fd, Sink *to, Pump **ret)
{
    Pump *p = calloc(1, sizeof(*p));
    int r;

    if (!p) {
        closep(&fd);
        return -ENOMEM;
    }
    p->cli = cli;
    p->fd = fd;
    p->to = to;
    r = sd_event_add_io(cli->event, &p->source, fd, EPOLLIN, on_readable, p);
    if (r >= 0)
        r = sd_event_source_set_enabled(p->source, SD_EVENT_ONESHOT);
    p->next = cli->pumps;
    cli->pumps = p;
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

static int pump_once(Pump *p)
{
    ssize_t n;
    int r;

    p->ready = false;
    n = read(p->fd, p->buffer, sizeof(p->buffer));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return 1;
    r = sink_write(p->to, p->buffer, (size_t)n);
    if (r < 0)
        return r;
    return p->to->enough ? -ECANCELED : 0;
}

int cli_pumps_run(Cli *cli)
{
    int r = 0;

    for (Pump *p = cli->pumps; p; p = p->next) {
        if (!p->ready || p->state != 0)
            continue;
        p->state = pump_once(p);
        if (p->state == 0)
            r = sd_event_source_set_enabled(p->source, SD_EVENT_ONESHOT);
        if (r < 0)
            p->state = r;
        if (p->state != 0) {
            /* Whoever writes to the other end learns that nobody reads. */
            p->source = sd_event_source_disable_unref(p->source);
            closep(&p->fd);
            p->fd = -EBADF;
        }
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
    free(p);
    return NULL;
}
