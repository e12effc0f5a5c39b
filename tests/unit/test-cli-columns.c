/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "output.h"

#define GREEN "gr\xc3\xbcn" /* one column for two bytes */
#define WIDE "\xe4\xb8\xad" /* two columns for three bytes */
#define ACCENT "e\xcc\x81"  /* one column for both */
#define BROKEN "a\xff\xc3"  /* no UTF-8: a column each */

static void test_columns(void **state)
{
    unsigned n;

    assert_int_equal(text_columns("", 0), 0);
    assert_int_equal(text_columns("clock", 5), 5);
    assert_int_equal(text_columns(GREEN, strlen(GREEN)), 4);
    assert_int_equal(text_columns(WIDE WIDE, strlen(WIDE WIDE)), 4);
    assert_int_equal(text_columns(ACCENT, strlen(ACCENT)), 1);
    assert_int_equal(text_columns(BROKEN, strlen(BROKEN)), 3);
    assert_int_equal(text_next(WIDE, 3, &n), 3);
    assert_int_equal(n, 2);
}

static void assert_caret(const char *line, size_t column, size_t indent, unsigned columns,
                         const char *expected)
{
    _cleanup_free_ char *text = caret_text(line, column, indent, columns);

    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void test_below_the_line(void **state)
{
    assert_caret("show x", 5, 4, 80, "         ^\n");
    assert_caret("show x", 0, 0, 80, "^\n");
    assert_caret(GREEN " x", 6, 0, 80, "     ^\n");
    assert_caret(WIDE " x", 4, 0, 80, "   ^\n");
    /* A character that is shown as a number takes as much room as the number. */
    assert_caret("\x1b x", 2, 0, 80, "     ^\n");
    /* The last column counts as full: the cursor is in the next row then. */
    assert_caret("show x", 5, 3, 10, "        ^\n");
}

static void test_below_a_copy(void **state)
{
    assert_caret("show x", 5, 0, 0, "show x\n     ^\n");
    assert_caret("show\tx", 5, 0, 0, "show x\n     ^\n");
    assert_caret("\x1b[2J x", 5, 0, 0, "\\x1b[2J x\n        ^\n");
    /* What is missing stands behind the end. */
    assert_caret("show", 5, 0, 0, "show\n     ^\n");
    assert_caret("", 0, 0, 0, "\n^\n");
}

/* As much as fits into a row, and the caret in it, wherever the error is. */
static void test_part_of_a_long_line(void **state)
{
    assert_caret("show x", 5, 4, 10, "show x\n     ^\n");
    assert_caret("0123456789abcdef", 3, 0, 10, "012345678\n   ^\n");
    assert_caret("0123456789abcdef", 12, 0, 10, "89abcdef\n    ^\n");
    assert_caret(WIDE WIDE WIDE WIDE WIDE WIDE, 15, 0, 10, WIDE WIDE WIDE "\n    ^\n");
    for (unsigned columns = 1; columns < 20; columns++)
        for (size_t column = 0; column < 18; column++) {
            _cleanup_free_ char *text = caret_text("0123456789abcdef", column, 3, columns);

            assert_non_null(text);
            assert_non_null(strchr(text, '^'));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_below_the_line),
        cmocka_unit_test(test_below_a_copy),
        cmocka_unit_test(test_part_of_a_long_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
