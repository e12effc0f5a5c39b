/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that nobody answers: they end when they are given up, and not before the end otherwise. */
#include "test-common.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "bus-call.h"

#define LONG UINT64_C(3600000000)

typedef struct Silence {
    sd_bus *bus;
    int other, cancel_fd;
} Silence;

/* Somebody who has been connected to, and says nothing. */
static int setup(void **state)
{
    static Silence s;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    s.other = fds[1];
    s.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(s.cancel_fd >= 0);
    assert_true(sd_bus_new(&s.bus) >= 0);
    assert_true(sd_bus_set_fd(s.bus, fds[0], fds[0]) >= 0);
    assert_true(sd_bus_start(s.bus) >= 0);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    Silence *s = *state;

    sd_bus_close_unref(s->bus);
    (void)close(s->other);
    (void)close(s->cancel_fd);
    return 0;
}

static int call(const Silence *s, uint64_t end)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r;

    assert_true(sd_bus_message_new_method_call(s->bus, &m, "a.b", "/", "a.b", "C") >= 0);
    r = bus_call(s->bus, m, s->cancel_fd, end, &error, &reply);
    assert_null(reply);
    return r;
}

static void test_over(void **state)
{
    assert_int_equal(call(*state, bus_call_end(0)), -ETIMEDOUT);
    assert_int_equal(call(*state, bus_call_end(1000)), -ETIMEDOUT);
}

static void test_cancelled(void **state)
{
    const Silence *s = *state;

    assert_int_equal(eventfd_write(s->cancel_fd, 1), 0);
    assert_int_equal(call(s, bus_call_end(LONG)), -ECANCELED);
    assert_int_equal(call(s, bus_call_end(LONG)), -ECANCELED);
}

static void test_gone(void **state)
{
    Silence *s = *state;

    assert_int_equal(shutdown(s->other, SHUT_RDWR), 0);
    assert_true(call(s, bus_call_end(LONG)) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
    };

    return cmocka_run_group_tests_name("bus-call", tests, NULL, NULL);
}
