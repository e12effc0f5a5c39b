/* SPDX-License-Identifier: Apache-2.0 */
#include "process-stat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "cleanup.h"

#define HEAD "7 (sh) S 1 7 7 "
#define MIDDLE " 7 4194304 1 2 3 4 5 6 7 8 20 0 1 0 "

static void test_parse(void **state)
{
    ProcessStat stat;

    assert_int_equal(process_stat_parse(HEAD "34817" MIDDLE "123456 1 2\n", &stat), 0);
    assert_string_equal(stat.name, "sh");
    assert_int_equal(major(stat.terminal), 136);
    assert_int_equal(minor(stat.terminal), 1);
    assert_int_equal(stat.start, 123456);
    /* The minor number of a device is in two pieces. */
    assert_int_equal(process_stat_parse(HEAD "1083394" MIDDLE "5 ", &stat), 0);
    assert_int_equal(major(stat.terminal), 136);
    assert_int_equal(minor(stat.terminal), 256 + 2);
    /* Minor number 524288, the first that the sign is seen of. */
    assert_int_equal(process_stat_parse(HEAD "-2147448832" MIDDLE "5 ", &stat), 0);
    assert_int_equal(major(stat.terminal), 136);
    assert_int_equal(minor(stat.terminal), 524288);
    assert_int_equal(process_stat_parse(HEAD "0" MIDDLE "5 ", &stat), 0);
    assert_int_equal(stat.terminal, 0);
    assert_int_equal(
        process_stat_parse("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21\n",
                           &stat),
        0);
    assert_string_equal(stat.name, "a) b");
    assert_int_equal(stat.start, 4711);
}

static void test_names(void **state)
{
    static const char *const names[] = {"a b", ") S 1 1 1 1025", "((", "))", ""};
    char text[256];

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        ProcessStat stat;

        (void)snprintf(text, sizeof(text), "7 (%s) S 1 7 7 34820" MIDDLE "99 0", names[i]);
        assert_int_equal(process_stat_parse(text, &stat), 0);
        assert_string_equal(stat.name, names[i]);
        assert_int_equal(minor(stat.terminal), 4);
        assert_int_equal(stat.start, 99);
    }
}

static void test_longest_name(void **state)
{
    ProcessStat stat;
    char text[256];

    (void)snprintf(text, sizeof(text), "7 (%063d) S 1 7 7 0" MIDDLE "5 ", 0);
    assert_int_equal(process_stat_parse(text, &stat), 0);
    assert_int_equal(strlen(stat.name), PROCESS_NAME_SIZE - 1);
    (void)snprintf(text, sizeof(text), "7 (%064d) S 1 7 7 0" MIDDLE "5 ", 0);
    assert_int_equal(process_stat_parse(text, &stat), -EBADMSG);
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "7",
        "7 (sh)",
        "7 (sh) S 1 7 7",
        HEAD "34817",
        HEAD "x" MIDDLE "5",
        HEAD "34817" MIDDLE,
        HEAD "1" MIDDLE "x",
        HEAD "1" MIDDLE "-5",
        HEAD "1" MIDDLE "99999999999999999999",
        "7 a S",
        "7 )a( S 1 2 3",
        "7 (a) S 1 2 3",
        "7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
    };
    ProcessStat stat;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (process_stat_parse(bad[i], &stat) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
