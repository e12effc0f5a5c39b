/* SPDX-License-Identifier: Apache-2.0 */
/* When a cached CRL is fetched again. A function of times and nothing else, so that years of it can
 * be tested in a moment. All in seconds since the epoch. */
#pragma once

#include <stdint.h>

typedef struct CrlTimes {
    int64_t next_update; /* as the CRL says */
    int64_t fetched;     /* when it came; lies before the last attempt */
    int64_t attempt;     /* the last one since then that failed; 0: none has */
    unsigned failures;   /* how many in a row */
} CrlTimes;

/* The next try: when nine tenths of the time that the CRL had left when it came are over; after a
 * failure one minute later, then two, four, and so on to an hour. A result that is not later than
 * now is due. */
int64_t crl_schedule_next(const CrlTimes *times);
/* Times in the future are from before the clock was set back: they become now, and stay that, so
 * that the next try comes nearer. */
void crl_schedule_settle(CrlTimes *times, int64_t now);
/* How long a server that has failed is left alone. */
int64_t crl_schedule_pause(unsigned failures);
