/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include "cleanup.h"

static const int64_t days_left[] = {20, 15, 10, 5, 4, 3, 2, 1};

int64_t schedule_next(int64_t expiry, int64_t last, int64_t now, int64_t pace)
{
    if (last > now)
        last = now;
    for (size_t i = 0; i < ELEMENTSOF(days_left); i++)
        if (expiry - days_left[i] * SCHEDULE_DAY > last)
            return expiry - days_left[i] * SCHEDULE_DAY;
    return last + pace;
}

static bool settle(int64_t *moment, int64_t now, int64_t tolerance)
{
    if (*moment <= now + tolerance)
        return false;
    *moment = now;
    return true;
}

bool schedule_settle(ScheduleMemory *memory, int64_t now)
{
    bool attempt = settle(&memory->attempt, now, 0), success = settle(&memory->success, now, 0),
         warning = settle(&memory->warning, now, 0),
         alert = settle(&memory->alert, now, SCHEDULE_DAY);

    return attempt || success || warning || alert;
}

int64_t schedule_alert_next(int64_t expiry, int64_t last)
{
    for (size_t i = 0; i < ELEMENTSOF(days_left); i++)
        if (expiry - days_left[i] * SCHEDULE_DAY > last)
            return expiry - days_left[i] * SCHEDULE_DAY;
    /* The last second of a certificate's life is its notAfter. */
    return expiry >= last ? expiry + 1 : INT64_MAX;
}

int64_t schedule_alert_first(int64_t expiry)
{
    return expiry - days_left[0] * SCHEDULE_DAY;
}

bool schedule_alert_due(int64_t expiry, int64_t last, int64_t now)
{
    if (last == 0)
        return now <= expiry && now >= schedule_alert_first(expiry);
    return schedule_alert_next(expiry, last) <= now;
}
