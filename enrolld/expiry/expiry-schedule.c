/* SPDX-License-Identifier: Apache-2.0 */
#include "expiry-schedule.h"

#include "cleanup.h"

#define DAY INT64_C(86400)

static const int64_t days_left[EXPIRY_STEPS] = {60, 53, 46, 39, 32, 25, 18, 11,
                                                7,  6,  5,  4,  3,  2,  1,  0};

/* The last second of a certificate's life is its notAfter (RFC 5280, 4.1.2.5). */
static int64_t moment(int64_t not_after, unsigned step)
{
    return not_after + 1 - days_left[step] * DAY;
}

unsigned expiry_step(int64_t not_after, int64_t now)
{
    unsigned step = 0;

    while (step < EXPIRY_STEPS && now >= moment(not_after, step))
        step++;
    return step;
}

bool expiry_given_too_early(int64_t not_after, unsigned step, int64_t now)
{
    return step > 0 && now < moment(not_after, step - 1) - DAY;
}

int64_t expiry_seconds_to_next(int64_t not_after, int64_t now)
{
    unsigned step = expiry_step(not_after, now);

    return step == EXPIRY_STEPS ? INT64_MAX : moment(not_after, step) - now;
}

ExpiryMode expiry_mode(unsigned step)
{
    if (step == 0)
        return EXPIRY_QUIET;
    if (step >= EXPIRY_STEPS)
        return EXPIRY_OVER;
    return days_left[step - 1] > 7 ? EXPIRY_WARNING : EXPIRY_ALERT;
}
