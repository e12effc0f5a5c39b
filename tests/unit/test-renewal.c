/* SPDX-License-Identifier: Apache-2.0 */
/* When certificates are renewed: over their whole life, for many routers, with failures, with
 * clocks that jump; and which clocks are believed. */
#include "test-common.h"

#include "atomic-file.h"
#include "clock-floor.h"
#include "json-util.h"
#include "renewal.h"

#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)

static RenewalTimes times = {
    .not_before = 1000 * DAY, .not_after = 1100 * DAY, .fingerprint = "0000AA", .percent = 80};

static void test_not_before_its_time(void **state)
{
    const Renewal none = {0};

    for (int64_t now = 990 * DAY; now < 1080 * DAY; now += HOUR)
        assert_int_equal(renewal_wait(&times, &none, now), 1080 * DAY - now);
    assert_int_equal(renewal_wait(&times, &none, 1080 * DAY), 0);
    assert_int_equal(renewal_wait(&times, &none, 5000 * DAY), 0);
}

static void test_jitter(void **state)
{
    const Renewal none = {0};
    int64_t last = -1;

    for (unsigned i = 0; i <= 0xffff; i += 0x1111) {
        char fingerprint[8];
        RenewalTimes one = times;
        int64_t wait;

        (void)snprintf(fingerprint, sizeof(fingerprint), "%04X", i);
        one.fingerprint = fingerprint;
        wait = renewal_wait(&one, &none, 1080 * DAY);
        assert_true(wait > last && wait < 6 * HOUR);
        last = wait;
        /* Of a short life, a short time. */
        one.not_after = one.not_before + HOUR;
        assert_true(renewal_wait(&one, &none, one.not_before) <= HOUR * 82 / 100);
    }
}

/* However late it is configured to be. */
static void test_before_the_end(void **state)
{
    const Renewal none = {0};

    for (int64_t days = 1; days < 100; days++) {
        const RenewalTimes last = {0, days * DAY, "FFFFAA", 99};

        assert_in_range(renewal_wait(&last, &none, 0), days * DAY / 100 * 99, days * DAY - 60);
    }
}

static void test_back_off(void **state)
{
    Renewal r = {0};
    int64_t now = 1081 * DAY, last = 0;

    for (unsigned i = 1; i <= 40; i++) {
        int64_t wait;

        renewal_failed(&times, &r, now);
        wait = renewal_wait(&times, &r, now);
        assert_int_equal(r.failures, i);
        assert_true(wait >= last && wait >= 60 && wait <= DAY);
        last = wait;
    }
    assert_int_equal(last, DAY);
    /* Near the end there is no day to lose. */
    now = times.not_after - HOUR;
    renewal_failed(&times, &r, now);
    assert_int_equal(renewal_wait(&times, &r, now), HOUR / 4);
    for (now = times.not_after - HOUR; now < times.not_after; now++) {
        renewal_failed(&times, &r, now);
        assert_true(renewal_wait(&times, &r, now) <= HOUR / 4);
    }
    /* After the end it still tries. */
    now = times.not_after + DAY;
    renewal_failed(&times, &r, now);
    assert_true(renewal_wait(&times, &r, now) <= DAY);
}

static void test_clock_jumps(void **state)
{
    Renewal r = {0};

    renewal_failed(&times, &r, 1090 * DAY);
    assert_int_equal(renewal_wait(&times, &r, 1090 * DAY), 60);
    assert_int_equal(renewal_wait(&times, &r, 1090 * DAY + 61), 0);
    assert_int_equal(renewal_wait(&times, &r, 9000 * DAY), 0);
}

/* What has failed while the clock stood years ahead says nothing about when it is tried: what is
 * waited for comes, and not before it would have come without that. */
static void test_clock_set_back(void **state)
{
    Renewal r = {0};

    for (unsigned i = 0; i < 20; i++)
        renewal_failed(&times, &r, 9000 * DAY);
    for (int64_t now = 1000 * DAY; now < 1080 * DAY; now += HOUR)
        assert_int_equal(renewal_wait(&times, &r, now), 1080 * DAY - now);
    assert_int_equal(renewal_wait(&times, &r, 1080 * DAY), 0);
    /* From here on it is a failure like others. */
    renewal_failed(&times, &r, 1080 * DAY);
    for (int64_t now = 1080 * DAY; now < 1081 * DAY; now += HOUR)
        assert_int_equal(renewal_wait(&times, &r, now), 1081 * DAY - now);
    assert_int_equal(renewal_wait(&times, &r, 1081 * DAY), 0);
}

static void test_json(void **state)
{
    static const char *const bad[] = {"{}", "{\"failures\":1}", "{\"failures\":-1,\"next\":1}",
                                      "{\"failures\":1,\"next\":1,\"x\":1}",
                                      "{\"failures\":4294967296,\"next\":1}"};
    Renewal r = {3, 77}, back = {0};
    json_object *o;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &o), 0);
        assert_int_equal(renewal_from_json(o, &back), -EBADMSG);
        json_object_put(o);
    }
    assert_int_equal(renewal_to_json(&r, &o), 0);
    assert_int_equal(renewal_from_json(o, &back), 0);
    assert_memory_equal(&r, &back, sizeof(r));
    json_object_put(o);
}

/* --- Which clocks are believed ---------------------------------------------------------------- */

static void test_clock_floor(void **state)
{
    ClockFloor floor, again;
    char path[32];
    int fd = scratch_open(path);

    clock_floor_init(&floor, 1000, 0, 0);
    assert_int_equal(clock_floor_apply(&floor, 0), 1000); /* 1970 at boot */
    assert_int_equal(clock_floor_apply(&floor, 5000000), 5000000);
    floor.certificate = 2000;
    assert_int_equal(clock_floor_apply(&floor, 1500), 2000);

    /* Only a clock that runs steadily moves the floor: not after a jump to 2038, and not by it. */
    clock_floor_init(&floor, 1000, 5000000, 100);
    assert_false(clock_floor_tick(&floor, 2147483647, 700));
    assert_false(clock_floor_tick(&floor, 5000900, 1000));
    assert_int_equal(floor.stored, 0);
    assert_false(clock_floor_tick(&floor, 5000900 + 3599, 1000 + 3599));
    assert_true(clock_floor_tick(&floor, 5000900 + 3600, 1000 + 3600));
    assert_int_equal(floor.stored, 5004500);
    assert_false(clock_floor_tick(&floor, 5000900 + 4200, 1000 + 4200)); /* not at every tick */
    assert_true(clock_floor_tick(&floor, 5000900 + 7200, 1000 + 7200));

    clock_floor_init(&again, 1000, 0, 0);
    assert_int_equal(clock_floor_load_at(&again, fd), 0);
    assert_int_equal(again.stored, 0);
    assert_int_equal(clock_floor_save_at(&floor, fd), 0);
    assert_int_equal(clock_floor_load_at(&again, fd), 0);
    assert_int_equal(again.stored, floor.stored);
    assert_int_equal(clock_floor_apply(&again, 0), 5008100);
    assert_int_equal(atomic_write_at(fd, "clock", "{\"floor\":-5}", 12, 0600), 0);
    assert_int_equal(clock_floor_load_at(&again, fd), -EBADMSG);
    assert_int_equal(clock_floor_load_at(&again, fd), 0);
    scratch_remove(fd, path);
}

/* Two hours in 2038, and back again: the right time is believed when it has run as steadily. One
 * that stood there from the start, as in a router whose battery is empty, never is. */
static void test_clock_floor_comes_down(void **state)
{
    const int64_t hour = 3600, right = 2000000, wrong = 2147483647;
    ClockFloor floor;

    clock_floor_init(&floor, 1000, right, 100);
    assert_false(clock_floor_tick(&floor, wrong, 200));
    assert_true(clock_floor_tick(&floor, wrong + hour, 200 + hour));
    assert_int_equal(clock_floor_apply(&floor, right), wrong + hour);

    /* The daemon starts anew, and nobody sets the clock. */
    clock_floor_init(&floor, 1000, right, 300 + hour);
    floor.stored = wrong + hour;
    for (int64_t i = 0; i < 1000 * hour; i += hour / 2)
        assert_false(clock_floor_tick(&floor, right + i, 300 + hour + i));
    assert_int_equal(clock_floor_apply(&floor, right), wrong + hour);

    clock_floor_init(&floor, 1000, wrong + hour, 300 + hour);
    floor.stored = wrong + hour;
    assert_false(clock_floor_tick(&floor, right, 400 + hour));
    assert_false(clock_floor_tick(&floor, right + hour - 1, 400 + 2 * hour - 1));
    assert_int_equal(clock_floor_apply(&floor, right), wrong + hour);
    assert_true(clock_floor_tick(&floor, right + hour, 400 + 2 * hour));
    assert_int_equal(clock_floor_apply(&floor, right + hour), right + hour);
    assert_int_equal(clock_floor_apply(&floor, 0), right + hour);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_before_its_time),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_before_the_end),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_clock_floor),
        cmocka_unit_test(test_clock_floor_comes_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
