/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-schedule.h"

#define PAUSE_FIRST INT64_C(60)
#define PAUSE_MAX INT64_C(3600)
/* No server is asked more often, whatever its CRLs say. */
#define PACE_MIN INT64_C(60)

static int64_t not_after(int64_t time, int64_t now)
{
    return time > now ? now : time;
}

int64_t crl_schedule_pause(unsigned failures)
{
    int64_t pause = PAUSE_FIRST;

    while (failures-- > 1 && pause < PAUSE_MAX)
        pause *= 2;
    return pause > PAUSE_MAX ? PAUSE_MAX : pause;
}

int64_t crl_schedule_next(const CrlTimes *times, int64_t now)
{
    int64_t fetched = not_after(times->fetched, now), left = times->next_update - fetched, pace;

    if (times->failures > 0)
        return not_after(times->attempt, now) + crl_schedule_pause(times->failures);
    pace = left > 0 ? left - left / 10 : 0;
    return fetched + (pace < PACE_MIN ? PACE_MIN : pace);
}
