/* SPDX-License-Identifier: Apache-2.0 */
/* When it is said that a certificate ends: 60 days before, then weekly until a week before, then
 * daily, then once that it has. Pure functions of time. Seconds since the epoch throughout. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define EXPIRY_STEPS 16U

typedef enum ExpiryMode {
    EXPIRY_QUIET,
    EXPIRY_WARNING, /* more than a week is left */
    EXPIRY_ALERT,
    EXPIRY_OVER,
} ExpiryMode;

/* How many of the EXPIRY_STEPS moments have come. A notice is due when that is more than when the
 * last one was given: a clock that jumps ahead makes one notice of all that it has passed. */
unsigned expiry_step(int64_t not_after, int64_t now);

/* Was the notice of a step given by a clock that had run ahead, by a day at least? It will be due
 * once more then. A clock that is set back a little makes no notice a second time. */
bool expiry_given_too_early(int64_t not_after, unsigned step, int64_t now);

/* How long until expiry_step() becomes another; INT64_MAX when it does not any more. */
int64_t expiry_seconds_to_next(int64_t not_after, int64_t now);

/* What kind of notice a step is. */
ExpiryMode expiry_mode(unsigned step);
