/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "output.h"
#include "pipe.h"

#define TEXT_SIZE 256U

static void test_where_the_command_ends(void **state)
{
    assert_int_equal(pipe_command_length("show version"), 12);
    assert_int_equal(pipe_command_length("show version | count"), 13);
    assert_int_equal(pipe_command_length("show version|count"), 12);
    assert_int_equal(pipe_command_length("show x \"a | b\" | count"), 15);
    assert_int_equal(pipe_command_length("show x '{\"a|b\": 1}' | count"), 20);
    assert_int_equal(pipe_command_length("show it's|count"), 9); /* no quote: it is inside a word */
    assert_int_equal(pipe_command_length("show \"open | count"), 11); /* never closed */
    assert_int_equal(pipe_command_length(""), 0);
}

static void test_no_stages(void **state)
{
    Pipe p;

    assert_int_equal(pipe_parse("show version", &p), 0);
    assert_int_equal(p.n_stages, 0);
    pipe_done(&p);
}

static void test_stages(void **state)
{
    Pipe p;

    assert_int_equal(pipe_parse("show x | include a|b  c | utility head count 3 | file /tmp/x", &p),
                     0);
    assert_int_equal(p.n_stages, 3);
    assert_int_equal(p.stages[0].kind, PIPE_INCLUDE);
    assert_string_equal(p.stages[0].text, "a|b  c");
    assert_int_equal(p.stages[1].kind, PIPE_HEAD);
    assert_int_equal(p.stages[1].count, 3);
    assert_int_equal(p.stages[2].kind, PIPE_FILE);
    assert_string_equal(p.stages[2].text, "/tmp/x");
    pipe_done(&p);

    assert_int_equal(pipe_parse("show x | begin \" | \" | count", &p), 0);
    assert_int_equal(p.n_stages, 2);
    assert_string_equal(p.stages[0].text, " | ");
    pipe_done(&p);

    assert_int_equal(pipe_parse("show x | ut tail", &p), 0);
    assert_int_equal(p.stages[0].kind, PIPE_TAIL);
    assert_int_equal(p.stages[0].count, 10);
    pipe_done(&p);
}

static void test_sign(void **state)
{
    Pipe p;

    assert_int_equal(pipe_parse("show x | utility sign nonce 1580 include-certificate", &p), 0);
    assert_int_equal(p.n_stages, 1);
    assert_int_equal(p.stages[0].kind, PIPE_SIGN);
    assert_string_equal(p.stages[0].text, "1580");
    assert_true(p.stages[0].include_certificate);
    pipe_done(&p);

    assert_int_equal(pipe_parse("show x | utility sign", &p), 0);
    assert_null(p.stages[0].text);
    assert_false(p.stages[0].include_certificate);
    assert_null(p.stages[0].format);
    pipe_done(&p);

    assert_int_equal(pipe_parse("show x | utility sign eat-jwt eat-cwt", &p), -EINVAL);
    assert_int_equal(pipe_parse("show x | utility sign eat", &p), -EINVAL);
    assert_int_equal(pipe_parse("show x | utility sign eat-cwt nonce 7", &p), 0);
    assert_string_equal(p.stages[0].format, "eat-cwt");
    assert_string_equal(p.stages[0].text, "7");
    pipe_done(&p);
    assert_int_equal(pipe_parse("show x | utility sign include-certificate eat-jwt", &p), 0);
    assert_string_equal(p.stages[0].format, "eat-jwt");
    pipe_done(&p);

    assert_int_equal(
        pipe_parse("show x | json | utility sign include-certificate nonce 0x01 | file f", &p), 0);
    assert_int_equal(p.n_stages, 3);
    pipe_done(&p);
}

static void test_flags(void **state)
{
    Pipe p;

    assert_int_equal(pipe_parse("show x | utility sort reverse -n | utility wc -l words", &p), 0);
    assert_int_equal(p.stages[0].kind, PIPE_SORT);
    assert_int_equal(p.stages[0].flags, SORT_REVERSE | SORT_NUMERIC);
    assert_int_equal(p.stages[1].kind, PIPE_WC);
    assert_int_equal(p.stages[1].flags, WC_LINES | WC_WORDS);
    pipe_done(&p);

    assert_int_equal(pipe_parse("show x | section ^a | count b | utility head -n 20", &p), 0);
    assert_int_equal(p.stages[0].kind, PIPE_SECTION);
    assert_string_equal(p.stages[0].text, "^a");
    assert_int_equal(p.stages[1].kind, PIPE_COUNT);
    assert_string_equal(p.stages[1].text, "b");
    assert_int_equal(p.stages[2].count, 20);
    pipe_done(&p);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "show x |",
        "show x | ",
        "show x | nonsense",
        "show x | include",
        "show x | section",
        "show x | utility sort backwards",
        "show x | utility wc lines lines",
        "show x | utility",
        "show x | utility head count 0",
        "show x | utility sign nonce",
        "show x | utility sign nonce x1",
        "show x | utility sign nonce 1 nonce 2",
        "show x | file f | count",
        "show x | count | json",
        "show x | utility sign | utility sign",
    };
    Pipe p;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        if (pipe_parse(bad[i], &p) != -EINVAL)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(p.rule != NULL, strstr(bad[i], "x1") != NULL);
        if (p.rule)
            assert_string_equal(bad[i] + p.column, "x1");
    }
    assert_int_equal(
        pipe_parse("x | count | count | count | count | count | count | count | count | count", &p),
        -E2BIG);
}

static int collect(const char *word, const char *help, void *userdata)
{
    char *text = userdata;
    size_t n = strlen(text);

    (void)snprintf(text + n, TEXT_SIZE - n, "%s;", word);
    return 0;
}

static void test_completion(void **state)
{
    char text[TEXT_SIZE] = "";

    assert_int_equal(pipe_complete("show x | ", collect, text), 0);
    assert_string_equal(text, "begin;count;exclude;file;include;json;section;utility;");
    text[0] = '\0';
    assert_int_equal(pipe_complete("show x | include a | utility s", collect, text), 0);
    assert_string_equal(text, "sign;sort;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_the_command_ends),
        cmocka_unit_test(test_no_stages),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_completion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
