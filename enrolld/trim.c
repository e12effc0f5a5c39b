/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "enrolld.h"
#include "log.h"

#define TRIM_USEC (UINT64_C(3) * 1000000)

static int on_trim(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)malloc_trim(0);
    return 0;
}

void manager_trim_soon(Manager *m)
{
    int r;

    if (!m->trim)
        r = sd_event_add_time_relative(server_event(m->server), &m->trim, CLOCK_BOOTTIME, TRIM_USEC,
                                       0, on_trim, m);
    else {
        r = sd_event_source_set_time_relative(m->trim, TRIM_USEC);
        if (r >= 0)
            r = sd_event_source_set_enabled(m->trim, SD_EVENT_ONESHOT);
    }
    if (r < 0)
        log_warning_errno(r, "Failed to arm a timer, ignoring: %m");
}
