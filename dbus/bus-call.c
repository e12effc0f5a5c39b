/* SPDX-License-Identifier: Apache-2.0 */
#include "bus-call.h"

#include <errno.h>
#include <poll.h>

#include "cleanup.h"
#include "clock.h"

uint64_t bus_call_end(uint64_t usec)
{
    return clock_usec(CLOCK_MONOTONIC) + usec;
}

int bus_call_wait(sd_bus *bus, int cancel_fd, uint64_t end)
{
    uint64_t now = clock_usec(CLOCK_MONOTONIC);
    struct pollfd fds[2] = {{.fd = sd_bus_get_fd(bus)}, {.fd = cancel_fd, .events = POLLIN}};
    int events = sd_bus_get_events(bus);

    if (now >= end)
        return -ETIMEDOUT;
    if (fds[0].fd < 0 || events < 0)
        return -ENOTCONN;
    fds[0].events = (short)events;
    if (poll(fds, ELEMENTSOF(fds), (int)((end - now) / 1000) + 1) < 0 && errno != EINTR)
        return -errno;
    return fds[1].revents ? -ECANCELED : 0;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *reterr_error)
{
    sd_bus_message **taken = userdata;

    *taken = sd_bus_message_ref(reply);
    return 0;
}

int bus_call(sd_bus *bus, sd_bus_message *call, int cancel_fd, uint64_t end, sd_bus_error *error,
             sd_bus_message **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
    int r = sd_bus_call_async(bus, &slot, call, on_reply, &reply, UINT64_MAX);

    while (r >= 0 && !reply) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = bus_call_wait(bus, cancel_fd, end);
    }
    if (r < 0)
        return r;
    if (sd_bus_message_is_method_error(reply, NULL)) {
        (void)sd_bus_error_copy(error, sd_bus_message_get_error(reply));
        return -EREMOTEIO;
    }
    *ret = TAKE_PTR(reply);
    return 0;
}
