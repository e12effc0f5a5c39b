/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the system bus for worker threads, which take one for a call and give it back: to
 * open one takes longer than most calls, and everybody who watches names hears of each that comes
 * and goes. */
#pragma once

#include <systemd/sd-bus.h>

/* So many are kept. Whoever finds all of them in use waits a moment before he opens another. */
#define WORKER_BUSES_MAX 8U

/* Blocks. The connection is the caller's alone until he gives it back, and whatever he holds of it,
 * messages above all, is gone by then. */
int worker_bus_take(sd_bus **ret);
/* One that is closed, or broken, is not kept. NULL is fine. */
void worker_bus_give(sd_bus *bus);

static inline void worker_bus_givep(sd_bus **bus)
{
    worker_bus_give(*bus);
}
