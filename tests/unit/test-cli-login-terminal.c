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
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "login-terminal.h"

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
        cmocka_unit_test(test_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
