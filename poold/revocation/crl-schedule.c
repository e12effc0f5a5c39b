/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-schedule.h"

#define PAUSE_FIRST INT64_C(60)
#define PAUSE_MAX INT64_C(3600)
/* No server is asked more often, whatever its CRLs say. */
#define PACE_MIN INT64_C(60)

int64_t crl_schedule_pause(unsigned failures)
{
    int64_t pause = PAUSE_FIRST;

    while (failures-- > 1 && pause < PAUSE_MAX)
        pause *= 2;
    return pause > PAUSE_MAX ? PAUSE_MAX : pause;
}

int64_t crl_schedule_next(const CrlTimes *times)
{
    int64_t left = times->next_update - times->fetched, pace;

    if (times->failures > 0)
        return times->attempt + crl_schedule_pause(times->failures);
    pace = left > 0 ? left - left / 10 : 0;
    return times->fetched + (pace < PACE_MIN ? PACE_MIN : pace);
}

void crl_schedule_settle(CrlTimes *times, int64_t now)
{
    times->fetched = times->fetched > now ? now : times->fetched;
    times->attempt = times->attempt > now ? now : times->attempt;
}
