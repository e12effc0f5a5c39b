/* SPDX-License-Identifier: Apache-2.0 */
/* Notices of expiry over years of simulated time: each once, none lost, whatever the clock does. */
#include "test-common.h"

#include "expiry-notices.h"

#define DAY INT64_C(86400)
#define END INT64_C(2000000000)
#define NEVER INT64_C(200000000000)

typedef struct Told {
    unsigned n, steps[64], n_taken_back;
    CertificateRole roles[64];
    const Trustpoint *trustpoints[64];
} Told;

static void take(void *userdata, const Trustpoint *t, CertificateRole role, unsigned step)
{
    Told *told = userdata;

    if (step == 0) {
        told->n_taken_back++;
        return;
    }
    assert_true(told->n < ELEMENTSOF(told->steps));
    told->steps[told->n] = step;
    told->trustpoints[told->n] = t;
    told->roles[told->n++] = role;
}

/* A trustpoint with a CA's and a router's certificate, as far as notices look at them. */
typedef struct Fake {
    CertificateBrief ca_brief, router_brief;
    StoredCertificate ca, router;
    Trustpoint trustpoint;
    Trustpoints all;
} Fake;

static void fake_init(Fake *f, int64_t ca_end, int64_t router_end)
{
    *f = (Fake){};
    f->ca.brief = &f->ca_brief;
    f->router.brief = &f->router_brief;
    f->ca_brief.not_after = ca_end;
    f->router_brief.not_after = router_end;
    memset(f->ca_brief.sha256_fingerprint, 'A', 64);
    memset(f->router_brief.sha256_fingerprint, 'B', 64);
    f->trustpoint.name = (char *)(uintptr_t) "check";
    f->trustpoint.record.name = f->trustpoint.name;
    f->trustpoint.record.certificates[ROLE_CA] = &f->ca;
    f->trustpoint.record.certificates[ROLE_ROUTER] = &f->router;
    f->all.first = &f->trustpoint;
}

static void test_moments(void **state)
{
    static const int64_t days[] = {60, 53, 46, 39, 32, 25, 18, 11, 7, 6, 5, 4, 3, 2, 1, 0};

    assert_int_equal(expiry_step(END, 0), 0);
    assert_int_equal(expiry_mode(0), EXPIRY_QUIET);
    for (unsigned i = 0; i < EXPIRY_STEPS; i++) {
        int64_t at = END + 1 - days[i] * DAY;

        assert_int_equal(expiry_step(END, at - 1), i);
        assert_int_equal(expiry_seconds_to_next(END, at - 1), 1);
        assert_int_equal(expiry_step(END, at), i + 1);
        assert_int_equal(expiry_mode(i + 1), days[i] > 7   ? EXPIRY_WARNING
                                             : days[i] > 0 ? EXPIRY_ALERT
                                                           : EXPIRY_OVER);
    }
    assert_int_equal(expiry_seconds_to_next(END, END + 1), INT64_MAX);
    assert_int_equal(expiry_step(END, INT64_MAX / 2), EXPIRY_STEPS);
}

/* Ten years of looking at the clock, at every rhythm: each moment is told once, in order. */
static void test_years(void **state)
{
    static const int64_t rhythms[] = {600, 3600, 7000, DAY / 2};

    for (size_t i = 0; i < ELEMENTSOF(rhythms); i++) {
        ExpiryNotices notices = {};
        Told told = {};
        Fake f;

        fake_init(&f, NEVER, END);
        for (int64_t now = END - 3650 * DAY; now < END + 30 * DAY; now += rhythms[i])
            assert_true(expiry_notices_run(&notices, &f.all, now, take, &told) >= 0);
        assert_int_equal(told.n, EXPIRY_STEPS);
        for (unsigned step = 0; step < told.n; step++)
            assert_int_equal(told.steps[step], step + 1);
        expiry_notices_done(&notices);
    }
}

static void test_clock_jumps(void **state)
{
    ExpiryNotices notices = {};
    Told told = {};
    Fake f;

    fake_init(&f, NEVER, END);
    /* Ahead over five moments: one notice. */
    (void)expiry_notices_run(&notices, &f.all, END - 61 * DAY, take, &told);
    assert_int_equal(told.n, 0);
    (void)expiry_notices_run(&notices, &f.all, END - 30 * DAY, take, &told);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.steps[0], 5);
    /* Back a little, over a moment and forth again: none. */
    (void)expiry_notices_run(&notices, &f.all, END + 1 - 25 * DAY, take, &told);
    assert_int_equal(told.n, 2);
    (void)expiry_notices_run(&notices, &f.all, END - 25 * DAY, take, &told);
    (void)expiry_notices_run(&notices, &f.all, END + 1 - 25 * DAY, take, &told);
    assert_int_equal(told.n, 2);
    /* For a moment in another century: said, and said again when it is true. */
    (void)expiry_notices_run(&notices, &f.all, END + 36500 * DAY, take, &told);
    assert_int_equal(told.n, 3);
    assert_int_equal(told.steps[2], EXPIRY_STEPS);
    assert_int_equal(expiry_notices_given(&notices, &f.trustpoint, ROLE_ROUTER), EXPIRY_STEPS);
    assert_int_equal(expiry_notices_given(&notices, &f.trustpoint, ROLE_CA), 0);
    assert_int_equal(told.n_taken_back, 0);
    (void)expiry_notices_run(&notices, &f.all, END - 24 * DAY, take, &told);
    assert_int_equal(told.n_taken_back, 1);
    assert_int_equal(expiry_notices_given(&notices, &f.trustpoint, ROLE_ROUTER), 6);
    for (int64_t now = END - 24 * DAY; now < END + 2 * DAY; now += 600)
        (void)expiry_notices_run(&notices, &f.all, now, take, &told);
    assert_int_equal(told.n, 3 + EXPIRY_STEPS - 6);
    assert_int_equal(told.steps[3], 7);
    expiry_notices_done(&notices);
}

static void test_what_is_watched(void **state)
{
    ExpiryNotices notices = {};
    Told told = {};
    Fake f, other;

    /* A CA certificate alone is none of the router's. */
    fake_init(&f, END, END);
    f.trustpoint.record.certificates[ROLE_ROUTER] = NULL;
    assert_int_equal(expiry_notices_run(&notices, &f.all, END, take, &told), 0);
    assert_int_equal(told.n, 0);
    f.trustpoint.record.certificates[ROLE_ROUTER] = &f.router;
    /* Of usage keys the CA's counts, and neither of theirs. */
    f.router.key.pair = PAIR_SIGNATURE;
    f.trustpoint.record.certificates[ROLE_ENCRYPTION] = &f.router;
    assert_true(expiry_is_watched(&f.trustpoint, ROLE_CA));
    assert_false(expiry_is_watched(&f.trustpoint, ROLE_ROUTER));
    f.router.key.pair = PAIR_ENCRYPTION;
    assert_false(expiry_is_watched(&f.trustpoint, ROLE_ENCRYPTION));
    f.router.key.pair = PAIR_GENERAL;
    f.trustpoint.record.certificates[ROLE_ENCRYPTION] = NULL;
    assert_true(expiry_notices_run(&notices, &f.all, END, take, &told) > 0);
    assert_int_equal(told.n, 2);
    /* The same certificates in another trustpoint are its own matter. */
    fake_init(&other, END, END);
    other.trustpoint.name = (char *)(uintptr_t) "second";
    f.trustpoint.next = &other.trustpoint;
    assert_true(expiry_notices_run(&notices, &f.all, END, take, &told) > 0);
    assert_int_equal(told.n, 4);
    assert_ptr_equal(told.trustpoints[3], &other.trustpoint);
    /* Another certificate begins anew, and the one that is gone is forgotten. */
    memset(f.router_brief.sha256_fingerprint, 'C', 64);
    f.router_brief.not_after = END + 90 * DAY;
    assert_true(expiry_notices_run(&notices, &f.all, END, take, &told) > 0);
    assert_int_equal(told.n, 4);
    assert_int_equal(notices.n, 3);
    assert_int_equal(expiry_notices_run(&notices, &f.all, END, take, &told), 0);
    expiry_notices_done(&notices);
}

static void test_kept(void **state)
{
    static const char *const damaged[] = {"", "[]", "{\"check/AB\":17}", "{\"check/AB\":-1}",
                                          "{\"check/AB\":\"1\"}"};
    ExpiryNotices notices = {}, again = {};
    char path[32];
    int fd = scratch_open(path);
    Told told = {};
    Fake f;

    assert_int_equal(expiry_notices_load_at(&notices, fd), 0);
    fake_init(&f, END, END);
    assert_true(expiry_notices_run(&notices, &f.all, END - DAY, take, &told) > 0);
    assert_int_equal(told.n, 2);
    assert_int_equal(expiry_notices_save_at(&notices, fd), 0);
    assert_int_equal(expiry_notices_load_at(&again, fd), 0);
    assert_int_equal(expiry_notices_run(&again, &f.all, END - DAY, take, &told), 0);
    assert_int_equal(told.n, 2);
    expiry_notices_done(&again);
    for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
        int file = openat(fd, "expiry-notices", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(file >= 0);
        assert_int_equal(write(file, damaged[i], strlen(damaged[i])), strlen(damaged[i]));
        close(file);
        assert_int_equal(expiry_notices_load_at(&again, fd), -EBADMSG);
        assert_int_equal(again.n, 0);
        assert_int_equal(expiry_notices_load_at(&again, fd), 0);
    }
    expiry_notices_done(&notices);
    scratch_remove(fd, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),     cmocka_unit_test(test_years),
        cmocka_unit_test(test_clock_jumps), cmocka_unit_test(test_what_is_watched),
        cmocka_unit_test(test_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
