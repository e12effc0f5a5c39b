/* SPDX-License-Identifier: Apache-2.0 */
#include "worker-bus.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "cleanup.h"
#include "clock.h"

#define WAIT_NSEC UINT64_C(50000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
/* What follows is behind the lock. */
static sd_bus *spare[WORKER_BUSES_MAX];
static size_t n_spare, n_open;

/* What has come since it was used, for whom nobody waits any more; an error when it is of no use.
 */
static int drain(sd_bus *bus)
{
    int r;

    do
        r = sd_bus_process(bus, NULL);
    while (r > 0);
    return r < 0 ? r : sd_bus_is_ready(bus) > 0 ? 0 : -ENOTCONN;
}

static bool is_moment_over(const struct timespec *end)
{
    return pthread_cond_clockwait(&given, &lock, CLOCK_MONOTONIC, end) != 0;
}

/* A connection that is there, or NULL when there is room for another one. */
static sd_bus *take_spare(void)
{
    uint64_t nsec = clock_nsec(CLOCK_MONOTONIC) + WAIT_NSEC;
    struct timespec end = {(time_t)(nsec / NSEC_PER_SEC), (long)(nsec % NSEC_PER_SEC)};

    while (n_spare == 0 && n_open >= WORKER_BUSES_MAX)
        if (is_moment_over(&end))
            break;
    if (n_spare == 0) {
        n_open++;
        return NULL;
    }
    n_spare--;
    return TAKE_PTR(spare[n_spare]);
}

static void forget_one(void)
{
    (void)pthread_mutex_lock(&lock);
    n_open--;
    (void)pthread_cond_signal(&given);
    (void)pthread_mutex_unlock(&lock);
}

int worker_bus_take(sd_bus **ret)
{
    sd_bus *bus;
    int r;

    for (;;) {
        (void)pthread_mutex_lock(&lock);
        bus = take_spare();
        (void)pthread_mutex_unlock(&lock);
        if (!bus)
            break;
        if (drain(bus) >= 0) {
            *ret = bus;
            return 0;
        }
        sd_bus_close_unref(bus);
        forget_one();
    }
    r = sd_bus_open_system_with_description(ret, "worker");
    if (r < 0)
        forget_one();
    return r < 0 ? r : 0;
}

void worker_bus_give(sd_bus *bus)
{
    bool kept;

    if (!bus)
        return;
    (void)pthread_mutex_lock(&lock);
    kept = n_open <= WORKER_BUSES_MAX && sd_bus_is_open(bus) > 0;
    if (kept)
        spare[n_spare++] = bus;
    else
        n_open--;
    (void)pthread_cond_signal(&given);
    (void)pthread_mutex_unlock(&lock);
    if (!kept)
        (void)sd_bus_flush_close_unref(bus);
}
