/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "cleanup.h"
#include "schedule.h"

#define HOUR SCHEDULE_HOUR
#define DAY SCHEDULE_DAY
#define EXPIRY (INT64_C(1900000000))

/* What the documentation promises, try by try, when each of them fails. */
static void test_ladder(void **state)
{
    static const int64_t days[] = {20, 15, 10, 5, 4, 3, 2, 1};
    int64_t now = EXPIRY - 400 * DAY, last = 0;

    for (size_t i = 0; i < ELEMENTSOF(days); i++) {
        int64_t next = schedule_next(EXPIRY, last, now, HOUR);

        assert_int_equal(next, EXPIRY - days[i] * DAY);
        now = last = next;
    }
    for (int hours = 1; hours < 100; hours++) {
        assert_int_equal(schedule_next(EXPIRY, last, now, HOUR), EXPIRY - DAY + hours * HOUR);
        now = last = EXPIRY - DAY + hours * HOUR;
    }
}

static void test_warnings_are_daily_in_the_end(void **state)
{
    assert_int_equal(schedule_next(EXPIRY, EXPIRY - 2 * DAY, EXPIRY - 2 * DAY, DAY), EXPIRY - DAY);
    assert_int_equal(schedule_next(EXPIRY, EXPIRY - DAY, EXPIRY - DAY, DAY), EXPIRY);
    assert_int_equal(schedule_next(EXPIRY, EXPIRY, EXPIRY, DAY), EXPIRY + DAY);
}

/* A router that was switched off makes up for what it missed with one try, and goes on with the
 * ladder. */
static void test_missed(void **state)
{
    int64_t now = EXPIRY - 7 * DAY, last = EXPIRY - 60 * DAY;

    assert_true(schedule_next(EXPIRY, last, now, HOUR) <= now);
    assert_int_equal(schedule_next(EXPIRY, now, now, HOUR), EXPIRY - 5 * DAY);
    now = EXPIRY + 300 * DAY;
    assert_true(schedule_next(EXPIRY, last, now, HOUR) <= now);
    assert_int_equal(schedule_next(EXPIRY, now, now, HOUR), now + HOUR);
}

/* The clock of a router without a battery stands at 1970, jumps to somewhere, and is corrected. */
static void test_clock_jumps(void **state)
{
    int64_t far = INT64_C(4000000000);

    assert_int_equal(schedule_next(EXPIRY, 0, 5, HOUR), EXPIRY - 20 * DAY);
    assert_true(schedule_next(EXPIRY, 5, far, HOUR) <= far);
    assert_int_equal(schedule_next(EXPIRY, far, far, HOUR), far + HOUR);
    /* Back again: the try in the future holds nothing up. */
    assert_int_equal(schedule_next(EXPIRY, far, EXPIRY - 100 * DAY, HOUR), EXPIRY - 20 * DAY);
    assert_int_equal(schedule_next(EXPIRY, far, EXPIRY - 4 * DAY, HOUR), EXPIRY - 3 * DAY);
    assert_int_equal(schedule_next(EXPIRY, far, EXPIRY, HOUR), EXPIRY + HOUR);
}

/* Thirty years of a pool in which something expires every 90 days; the server is away for a while
 * now and then. Looked at every 20 minutes, as a busy machine would. */
static void test_years(void **state)
{
    const int64_t begin = INT64_C(1800000000), step = 1200;
    int64_t last = 0, success = begin, tries = 0;

    for (int64_t now = begin; now < begin + 30 * 365 * DAY; now += step) {
        int64_t expiry = begin + ((success - begin) / (90 * DAY) + 1) * 90 *
                                     DAY; /* the first after the last success */
        int64_t next = schedule_next(expiry, last, now, HOUR);

        assert_true(next > last);
        if (next > now) {
            /* When something has expired, it is tried every hour. */
            assert_true(now < expiry || now - last < HOUR + step);
            continue;
        }
        assert_true(last == 0 || now - last >= HOUR - step);
        last = now;
        tries++;
        if ((now / DAY) % 7 != 3)
            success = now;
    }
    /* 8 on the way, 24 on the last day, and some for the server's absence. */
    assert_in_range(tries, 30 * 4 * 8, 30 * 4 * 70);
}

/* Each moment once, in order, and then never again. */
static void test_alerts(void **state)
{
    static const int64_t days[] = {20, 15, 10, 5, 4, 3, 2, 1};
    int64_t last = EXPIRY - 400 * DAY;

    for (size_t i = 0; i < ELEMENTSOF(days); i++) {
        int64_t next = schedule_alert_next(EXPIRY, last);

        assert_int_equal(next, EXPIRY - days[i] * DAY);
        assert_false(schedule_alert_due(EXPIRY, last, next - 1));
        assert_true(schedule_alert_due(EXPIRY, last, next));
        last = next;
    }
    /* It is good until the last second of its notAfter. */
    assert_false(schedule_alert_due(EXPIRY, last, EXPIRY));
    assert_true(schedule_alert_due(EXPIRY, last, EXPIRY + 1));
    assert_int_equal(schedule_alert_next(EXPIRY, EXPIRY), EXPIRY + 1);
    assert_int_equal(schedule_alert_next(EXPIRY, EXPIRY + 1), INT64_MAX);
    assert_false(schedule_alert_due(EXPIRY, EXPIRY + 1, EXPIRY + 1000 * DAY));
}

/* One that nobody has looked at, and what a first start finds. */
static void test_alerts_at_first(void **state)
{
    assert_false(schedule_alert_due(EXPIRY, 0, EXPIRY - 20 * DAY - 1));
    assert_true(schedule_alert_due(EXPIRY, 0, EXPIRY - 20 * DAY));
    assert_true(schedule_alert_due(EXPIRY, 0, EXPIRY));
    assert_false(schedule_alert_due(EXPIRY, 0, EXPIRY + 1));
}

static void test_settle(void **state)
{
    ScheduleMemory memory = {.attempt = 10, .success = 20, .warning = 30, .alert = 40};

    assert_false(schedule_settle(&memory, 30));
    assert_int_equal(memory.alert, 40);
    /* A clock that goes a little wrong says nothing twice. */
    assert_true(schedule_settle(&memory, 15));
    assert_int_equal(memory.attempt, 10);
    assert_int_equal(memory.success, 15);
    assert_int_equal(memory.warning, 15);
    assert_int_equal(memory.alert, 40);
    memory.alert = 15 + DAY + 1;
    assert_true(schedule_settle(&memory, 15));
    assert_int_equal(memory.alert, 15);
    assert_false(schedule_settle(&memory, 15));
}

/* A renewal that a wrong clock had far in the future hides nothing that expires after it was
 * corrected, and is failing. */
static void test_success_in_the_future(void **state)
{
    ScheduleMemory memory = {.attempt = EXPIRY + 9000 * DAY, .success = EXPIRY + 9000 * DAY};

    (void)schedule_settle(&memory, EXPIRY - 100 * DAY);
    assert_true(memory.success < EXPIRY);
    assert_int_equal(schedule_next(EXPIRY, memory.attempt, EXPIRY - 100 * DAY, HOUR),
                     EXPIRY - 20 * DAY);
}

#define CERTIFICATES 40

/* What the daemon does whenever it wakes up. Returns how many alerts it gives. */
static unsigned look(ScheduleMemory *memory, int64_t begin, int64_t now, unsigned *given)
{
    unsigned n = 0;

    (void)schedule_settle(memory, now);
    for (unsigned i = 0; i < CERTIFICATES; i++)
        if (schedule_alert_due(begin + (i + 1) * 200 * DAY, memory->alert, now)) {
            given[i]++;
            n++;
        }
    if (n > 0 || memory->alert == 0)
        memory->alert = now;
    return n;
}

/* Twenty-two years in which a certificate expires every 200 days; woken up at odd times, as
 * restarts and imports do. */
static void test_alerts_over_years(void **state)
{
    const int64_t begin = INT64_C(1800000000);
    ScheduleMemory memory = {0};
    unsigned given[CERTIFICATES] = {0};

    for (int64_t now = begin, step = 1; now < begin + 8100 * DAY; now += step) {
        step = step * 7 % 40009 + 1;
        (void)look(&memory, begin, now, given);
    }
    for (unsigned i = 0; i < CERTIFICATES; i++)
        assert_int_equal(given[i], 9);
}

/* The same with a clock that jumps: forward over everything, which says each once at most, and
 * back, after which all that is still to come is said in time. */
static void test_alerts_and_jumps(void **state)
{
    const int64_t begin = INT64_C(1800000000), far = begin + 20000 * DAY;
    ScheduleMemory memory = {0};
    unsigned given[CERTIFICATES] = {0};

    (void)look(&memory, begin, begin, given);
    assert_int_equal(look(&memory, begin, far, given), CERTIFICATES);
    assert_int_equal(look(&memory, begin, far + DAY, given), 0);
    assert_int_equal(look(&memory, begin, begin + DAY, given), 0);
    for (int64_t now = begin + DAY; now < begin + 8100 * DAY; now += 5 * HOUR)
        (void)look(&memory, begin, now, given);
    for (unsigned i = 0; i < CERTIFICATES; i++)
        assert_int_equal(given[i], 10);
    /* An hour back, and on: nothing for a second time. */
    (void)look(&memory, begin, begin + 8100 * DAY - HOUR, given);
    assert_int_equal(look(&memory, begin, begin + 8100 * DAY, given), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder), cmocka_unit_test(test_warnings_are_daily_in_the_end),
        cmocka_unit_test(test_missed), cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_years), cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_alerts_at_first), cmocka_unit_test(test_settle),
        cmocka_unit_test(test_success_in_the_future), cmocka_unit_test(test_alerts_over_years),
        cmocka_unit_test(test_alerts_and_jumps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
