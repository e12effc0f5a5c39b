/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a worker makes over a connection of its own. They end when the job is cancelled, which
 * is also how a daemon ends: the answer may take as long as somebody's network. */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

/* The moment that lies so far ahead, for the others. */
uint64_t bus_call_end(uint64_t usec);
/* Until there is something to do on the connection. -ECANCELED, -ETIMEDOUT. */
int bus_call_wait(sd_bus *bus, int cancel_fd, uint64_t end);
/* -ECANCELED, -ETIMEDOUT; -EREMOTEIO with the error that was the answer. */
int bus_call(sd_bus *bus, sd_bus_message *call, int cancel_fd, uint64_t end, sd_bus_error *error,
             sd_bus_message **ret);
