/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "login-terminal.h"

#define HEAD "7 (sh) S 1 7 7 "
#define MIDDLE " 7 4194304 1 2 3 4 5 6 7 8 20 0 1 0 "

static void test_parse(void **state)
{
    uint64_t began = 0;
    dev_t device = 0;

    assert_int_equal(process_stat_parse(HEAD "34817" MIDDLE "123456 1 2\n", &device, &began), 0);
    assert_int_equal(major(device), 136);
    assert_int_equal(minor(device), 1);
    assert_int_equal(began, 123456);
    /* The minor number of a device is in two pieces. */
    assert_int_equal(process_stat_parse(HEAD "1083394" MIDDLE "5 ", &device, &began), 0);
    assert_int_equal(major(device), 136);
    assert_int_equal(minor(device), 256 + 2);
    assert_int_equal(process_stat_parse(HEAD "0" MIDDLE "5 ", &device, &began), 0);
    assert_int_equal(device, 0);
}

static void test_names(void **state)
{
    static const char *const names[] = {"a b", ") S 1 1 1 1025", "((", "))", ""};
    char stat[256];

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        uint64_t began = 0;
        dev_t device = 0;

        (void)snprintf(stat, sizeof(stat), "7 (%s) S 1 7 7 34820" MIDDLE "99 0", names[i]);
        assert_int_equal(process_stat_parse(stat, &device, &began), 0);
        assert_int_equal(minor(device), 4);
        assert_int_equal(began, 99);
    }
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"",
                                      "7",
                                      "7 (sh)",
                                      "7 (sh) S 1 7 7",
                                      HEAD "34817",
                                      HEAD "x" MIDDLE "5",
                                      HEAD "34817" MIDDLE,
                                      HEAD "1" MIDDLE "x"};
    uint64_t began;
    dev_t device;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(process_stat_parse(bad[i], &device, &began), -EBADMSG);
}

/* A process that has a terminal, and one that is gone. */
static void test_process(void **state)
{
    char path[64], expected[64];
    ProcessTerminal t = {};
    int terminal, fds[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = forkpty(&terminal, path, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!write(fds[1], "", 1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(process_terminal(pid, &t), 0);
    (void)snprintf(expected, sizeof(expected), "/dev/%s", t.name);
    assert_string_equal(path, expected);
    assert_true(t.began > 0);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(process_terminal(pid, &t), -ESRCH);
    (void)close(terminal);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
