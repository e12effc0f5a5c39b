/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include "cleanup.h"

int64_t schedule_next(int64_t expiry, int64_t last, int64_t now, int64_t pace)
{
    static const int64_t days_left[] = {20, 15, 10, 5, 4, 3, 2, 1};

    if (last > now)
        last = now;
    for (size_t i = 0; i < ELEMENTSOF(days_left); i++)
        if (expiry - days_left[i] * SCHEDULE_DAY > last)
            return expiry - days_left[i] * SCHEDULE_DAY;
    return last + pace;
}
