/* SPDX-License-Identifier: Apache-2.0 */
/* When a session is over, and when it is not. Standard input is a pipe here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli-timeout.h"

#include "clock.h"

static int writing_end;

static int set_up(void **state)
{
    int fds[2];

    if (pipe(fds) < 0 || dup2(fds[0], STDIN_FILENO) < 0)
        return -1;
    (void)close(fds[0]);
    writing_end = fds[1];
    return 0;
}

static int tear_down(void **state)
{
    return close(writing_end);
}

static void test_without_limits(void **state)
{
    Cli cli = {.interactive = true, .last_input = 1};

    assert_true(cli_timeout_left(&cli) == UINT64_MAX);
    assert_int_equal(cli_timeout_check(&cli), 0);
    assert_int_equal(write(writing_end, "x", 1), 1);
    assert_int_equal(cli_wait_input(&cli), 0);
    assert_true(cli.last_input > 1);
    assert_false(cli.leave);
}

static void test_session_that_is_over(void **state)
{
    Cli cli = {.interactive = true,
               .session_timeout = 60,
               .last_input = clock_usec(CLOCK_MONOTONIC) - 61 * UINT64_C(1000000)};

    assert_true(cli_timeout_left(&cli) == 0);
    assert_int_equal(cli_timeout_check(&cli), -ETIMEDOUT);
    assert_true(cli.leave);
    /* It ends once. */
    assert_int_equal(cli_timeout_check(&cli), 0);
    cli.leave = false;
    assert_int_equal(cli_wait_input(&cli), -ETIMEDOUT);
    assert_true(cli.leave);
}

static void test_session_that_is_not_over(void **state)
{
    Cli cli = {.interactive = true,
               .session_timeout = 3600,
               .exec_timeout = 3600,
               .last_input = clock_usec(CLOCK_MONOTONIC)};

    assert_in_range(cli_timeout_left(&cli), 1, UINT64_C(3600000000));
    assert_int_equal(cli_timeout_check(&cli), 0);
    assert_int_equal(write(writing_end, "x", 1), 1);
    assert_int_equal(cli_wait_input(&cli), 0);
}

/* Input that is there counts, however late it is read. */
static void test_input_in_time(void **state)
{
    Cli cli = {.interactive = true, .exec_timeout = 1, .last_input = 1};

    assert_int_equal(write(writing_end, "x", 1), 1);
    assert_int_equal(cli_wait_input(&cli), 0);
    assert_int_equal(read(STDIN_FILENO, &(char){0}, 1), 1);
    assert_int_equal(cli_wait_input(&cli), -ETIMEDOUT);
}

static void test_without_a_terminal(void **state)
{
    Cli cli = {.session_timeout = 1, .exec_timeout = 1, .last_input = 1};

    assert_true(cli_timeout_left(&cli) == UINT64_MAX);
    assert_int_equal(cli_timeout_check(&cli), 0);
    assert_int_equal(write(writing_end, "x", 1), 1);
    assert_int_equal(cli_wait_input(&cli), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_session_that_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_session_that_is_not_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_input_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_terminal, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
