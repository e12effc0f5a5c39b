/* SPDX-License-Identifier: Apache-2.0 */
/* When a router certificate is renewed: a pure function of its times, of what is configured, and of
 * how often it has failed. No clock is read here. */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

/* What is written down of attempts that came to nothing; all zero: none did. */
typedef struct Renewal {
    uint32_t failures;
    int64_t next; /* seconds since the epoch */
} Renewal;

typedef struct RenewalTimes {
    int64_t not_before, not_after;
    const char *fingerprint; /* of the certificate; each router's is another */
    unsigned percent;        /* of the lifetime after which it is renewed */
} RenewalTimes;

/* Seconds until the next attempt, 0: now. The first is at the percentage of the lifetime, and up to
 * 6 hours, or 2 percent, later: not all routers at once. After failures the pause doubles from a
 * minute to a day, and is never longer than a quarter of what is left, nor shorter than a minute.
 * Failures at a time that is further away than that say nothing: the clock was set back. */
int64_t renewal_wait(const RenewalTimes *times, const Renewal *renewal, int64_t now);

/* One more has come to nothing. */
void renewal_failed(const RenewalTimes *times, Renewal *renewal, int64_t now);

int renewal_to_json(const Renewal *renewal, json_object **ret);
int renewal_from_json(json_object *o, Renewal *ret);
