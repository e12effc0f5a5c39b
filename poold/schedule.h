/* SPDX-License-Identifier: Apache-2.0 */
/* When the trustpool tries to renew itself, and when it says that something expires. Functions of
 * times and nothing else, so that years of it can be tested in a moment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_HOUR INT64_C(3600)
#define SCHEDULE_DAY (24 * SCHEDULE_HOUR)

/* The next try for a certificate that expires at expiry: 20, 15, 10, 5, 4, 3, 2 and 1 days before
 * that, and from then on pace after the last one, which was at last (0: never). A result that is
 * not later than now is due; what was missed is made up for once. A last try in the future is one
 * from before the clock was set back, and counts as made now. All in seconds since the epoch. */
int64_t schedule_next(int64_t expiry, int64_t last, int64_t now, int64_t pace);

/* What is remembered of the past, 0: never. */
typedef struct ScheduleMemory {
    int64_t attempt, success, warning;
    int64_t alert; /* when it was last looked whether there is something to say */
} ScheduleMemory;

/* The clock was set back: what lies in the future has happened by now. Alerts only when it is more
 * than a day, because none is given twice for the sake of a clock that goes a little wrong. Returns
 * whether anything is another. */
bool schedule_settle(ScheduleMemory *memory, int64_t now);

/* The first moment after last at which it is to be said that a certificate expires: 20, 15, 10, 5,
 * 4, 3, 2 and 1 days before, and when it has; INT64_MAX when there is none. */
int64_t schedule_alert_next(int64_t expiry, int64_t last);

/* The first of those moments. */
int64_t schedule_alert_first(int64_t expiry);

/* Is it to be said now? Of several moments that have passed it is said once. A certificate that
 * nobody has looked at (last is 0) is told while it has at most 20 days left: what has expired
 * before is nobody's concern. */
bool schedule_alert_due(int64_t expiry, int64_t last, int64_t now);
