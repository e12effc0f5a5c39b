/* SPDX-License-Identifier: Apache-2.0 */
/* F15: nothing but the grammar of labels reaches a file, a log or a prompt. */
#include "test-common.h"

#include "label.h"

static void test_labels(void **state)
{
    static const char *const good[] = {"a", "0", "system-root-key", "the_default", "a.b-c_d", "A1"};
    static const char *const bad[] = {"",    ".",        "..",        "../x", "a/b",      "-a",
                                      "_a",  ".a",       "a b",       "a\n",  "a\033[2J", "%n",
                                      "a%n", "\xc3\xa9", "a\xc0\xaf", "a:b",  "a\\b"};
    char longest[LABEL_MAX + 2];

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        assert_true(label_is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(label_is_valid(bad[i]));
    assert_false(label_is_valid(NULL));
    memset(longest, 'a', sizeof longest);
    longest[LABEL_MAX] = 0;
    assert_true(label_is_valid(longest));
    longest[LABEL_MAX] = 'a';
    longest[LABEL_MAX + 1] = 0;
    assert_false(label_is_valid(longest));
}

static void test_host_names(void **state)
{
    static const char *const good[] = {"router", "r1.example.com", "a-b", "xr_1", "1"};
    static const char *const bad[] = {"",     ".",    "a.",  ".a",  "a..b", "-a",      "a-",
                                      "a-.b", "a.-b", "a b", "a/b", "r\n",  "\xc3\xa9"};
    char label[66];

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        assert_true(hostname_is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(hostname_is_valid(bad[i]));
    memset(label, 'a', sizeof label);
    label[64] = 0;
    assert_false(hostname_is_valid(label));
    label[63] = 0;
    assert_true(hostname_is_valid(label));
}

static void test_file_names(void **state)
{
    char a[LABEL_FILE_NAME_SIZE], b[LABEL_FILE_NAME_SIZE], c[LABEL_FILE_NAME_SIZE];

    assert_int_equal(label_file_name("rsa", "x", a), 0);
    assert_int_equal(label_file_name("rsa", "y", b), 0);
    assert_int_equal(label_file_name("dsa", "x", c), 0);
    assert_int_equal(strlen(a), LABEL_FILE_NAME_SIZE - 1);
    assert_int_equal(strspn(a, "0123456789abcdef"), LABEL_FILE_NAME_SIZE - 1);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels),
                                       cmocka_unit_test(test_host_names),
                                       cmocka_unit_test(test_file_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
