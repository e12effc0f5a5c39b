/* SPDX-License-Identifier: Apache-2.0 */
/* When the trustpool tries to renew itself. A function of four times and nothing else, so that
 * years of it can be tested in a moment. */
#pragma once

#include <stdint.h>

#define SCHEDULE_HOUR INT64_C(3600)
#define SCHEDULE_DAY (24 * SCHEDULE_HOUR)

/* The next try for a certificate that expires at expiry: 20, 15, 10, 5, 4, 3, 2 and 1 days before
 * that, and from then on pace after the last one, which was at last (0: never). A result that is
 * not later than now is due; what was missed is made up for once. A last try in the future is one
 * from before the clock was set back, and counts as made now. All in seconds since the epoch. */
int64_t schedule_next(int64_t expiry, int64_t last, int64_t now, int64_t pace);
