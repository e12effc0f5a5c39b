/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a request: which event is possible where, retries, and clocks that jump (F35). */
#include "test-common.h"

#include <limits.h>

#include "lifecycle.h"

static const RequestRetry retry = {.count = 3, .period = 60};

static Lifecycle after(RequestEvent event, int64_t now)
{
    Lifecycle l = {0};

    assert_int_equal(lifecycle_apply(&l, event, &retry, now), 0);
    return l;
}

static void test_names(void **state)
{
    RequestState found;

    for (unsigned i = 0; i < _REQUEST_STATE_MAX; i++) {
        assert_int_equal(request_state_from_name(request_state_name((RequestState)i), &found), 0);
        assert_int_equal(found, i);
    }
    assert_int_equal(request_state_from_name("sending", &found), -EINVAL);
    assert_int_equal(request_state_from_name("", &found), -EINVAL);
}

/* Answers that come without having been asked for change nothing. */
static void test_impossible(void **state)
{
    static const RequestEvent answers[] = {REQUEST_EVENT_WAIT, REQUEST_EVENT_NO_ANSWER,
                                           REQUEST_EVENT_REFUSED, _REQUEST_EVENT_MAX};
    static const RequestState states[] = {REQUEST_NONE, REQUEST_READY, REQUEST_REJECTED,
                                          REQUEST_TIMED_OUT};

    for (size_t i = 0; i < ELEMENTSOF(states); i++)
        for (size_t j = 0; j < ELEMENTSOF(answers); j++) {
            Lifecycle l = {.state = states[i], .polls = 2};

            assert_int_equal(lifecycle_apply(&l, answers[j], &retry, 100), -EINVAL);
            assert_int_equal(l.state, states[i]);
            assert_int_equal(l.polls, 2);
            assert_false(lifecycle_is_polling(&l));
        }
}

/* What the CA wishes is kept to, within reason, until it is asked again. */
static void test_postponed(void **state)
{
    Lifecycle l = after(REQUEST_EVENT_SENDING, 100);

    lifecycle_postpone(&l, 600, 100);
    assert_int_equal(l.pause, 0);
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &retry, 100), 0);
    lifecycle_postpone(&l, 0, 100);
    assert_int_equal(lifecycle_wait(&l, &retry, 100), 60);
    lifecycle_postpone(&l, 600, 100);
    assert_int_equal(lifecycle_wait(&l, &retry, 100), 600);
    assert_int_equal(lifecycle_wait(&l, &retry, 650), 50);
    assert_int_equal(lifecycle_wait(&l, &retry, -1000000), 600);
    lifecycle_postpone(&l, UINT32_MAX, 100);
    assert_int_equal(lifecycle_wait(&l, &retry, 100), LIFECYCLE_PAUSE_MAX);
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &retry, 1000), 0);
    assert_int_equal(lifecycle_wait(&l, &retry, 1000), 60);
}

static void test_by_hand(void **state)
{
    Lifecycle l = after(REQUEST_EVENT_MADE, 100);

    assert_int_equal(l.state, REQUEST_READY);
    assert_true(lifecycle_is_open(&l));
    assert_false(lifecycle_is_polling(&l));
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_OVER, &retry, 200), 0);
    assert_int_equal(l.state, REQUEST_NONE);
}

static void test_retries(void **state)
{
    Lifecycle l = after(REQUEST_EVENT_SENDING, 1000);

    assert_int_equal(l.next, 1060);
    for (uint32_t i = 1; i <= retry.count; i++) {
        assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &retry, 1000 + 60 * i), 0);
        assert_int_equal(l.state, REQUEST_PENDING);
        assert_int_equal(l.polls, i);
        assert_int_equal(l.next, 1000 + 60 * (i + 1));
    }
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &retry, 2000), 0);
    assert_int_equal(l.state, REQUEST_TIMED_OUT);
    assert_int_equal(l.next, 0);
    assert_false(lifecycle_is_open(&l));
    /* Asked for again by the operator, all begins anew. */
    l = after(REQUEST_EVENT_SENDING, 3000);
    assert_int_equal(l.polls, 0);
}

/* PEERS F9: as often as is configured, however often that is. */
static void test_many_polls(void **state)
{
    const RequestRetry often = {.count = 1000, .period = 60};
    Lifecycle l = {.state = REQUEST_NONE};

    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_SENDING, &often, 1000), 0);
    for (uint32_t i = 1; i <= often.count; i++) {
        assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &often, 1000 + 60 * i), 0);
        assert_int_equal(l.state, REQUEST_PENDING);
        assert_int_equal(l.polls, i);
        assert_int_equal(lifecycle_wait(&l, &often, 1000 + 60 * i), 60);
    }
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &often, 99999), 0);
    assert_int_equal(l.state, REQUEST_TIMED_OUT);
}

/* Whoever could not be asked may have the request or not. */
static void test_no_answer(void **state)
{
    Lifecycle l = after(REQUEST_EVENT_SENDING, 1000);

    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_NO_ANSWER, &retry, 1001), 0);
    assert_int_equal(l.state, REQUEST_SENT);
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &retry, 1002), 0);
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_NO_ANSWER, &retry, 1003), 0);
    assert_int_equal(l.state, REQUEST_PENDING);
    assert_int_equal(l.polls, 3);
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_REFUSED, &retry, 1004), 0);
    assert_int_equal(l.state, REQUEST_REJECTED);
    assert_int_equal(l.next, 0);
}

/* To 1970, to 2038, and by a little: neither for ever nor at once and again. */
static void test_clock_jumps(void **state)
{
    static const int64_t nows[] = {0, 1, 1000, 1059, 1060, 1061, 2000, INT64_C(2145916800)};
    Lifecycle l = after(REQUEST_EVENT_SENDING, 1000);

    for (size_t i = 0; i < ELEMENTSOF(nows); i++) {
        int64_t wait = lifecycle_wait(&l, &retry, nows[i]);

        assert_true(wait >= 0 && wait <= retry.period);
        assert_true(nows[i] < 1060 ? wait > 0 : wait == 0);
    }
    /* After a poll the time is the new clock's. */
    assert_int_equal(lifecycle_apply(&l, REQUEST_EVENT_WAIT, &retry, nows[7]), 0);
    assert_int_equal(lifecycle_wait(&l, &retry, nows[7]), retry.period);
    assert_int_equal(lifecycle_wait(&l, &retry, 5), retry.period);
}

/* What cannot be started is tried again all the same, and not every second. */
static void test_failed_starts(void **state)
{
    static const unsigned pauses[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};

    for (unsigned i = 0; i < ELEMENTSOF(pauses); i++)
        assert_int_equal(lifecycle_start_pause(i), pauses[i]);
    assert_int_equal(lifecycle_start_pause(UINT_MAX), START_PAUSE_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_postponed),     cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_retries),       cmocka_unit_test(test_many_polls),
        cmocka_unit_test(test_no_answer),     cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_failed_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
