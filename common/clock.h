/* SPDX-License-Identifier: Apache-2.0 */
/* What a clock shows, as one number. */
#pragma once

#include <stdint.h>
#include <time.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_SEC UINT64_C(1000000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* CLOCK_REALTIME since 1970, CLOCK_MONOTONIC and CLOCK_BOOTTIME since the boot, the latter with the
 * time that the machine was suspended in. 0 for a clock that isn't there. */
static inline uint64_t clock_nsec(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) < 0)
        return 0;
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_usec(clockid_t clock)
{
    return clock_nsec(clock) / NSEC_PER_USEC;
}

static inline int64_t clock_sec(clockid_t clock)
{
    return (int64_t)(clock_nsec(clock) / NSEC_PER_SEC);
}
