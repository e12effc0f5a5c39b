/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pem.h"

static DerSpan span(const char *text)
{
    return (DerSpan){(const uint8_t *)text, strlen(text)};
}

static void test_base64_refused(void **state)
{
    static const char *const texts[] = {
        "A",    "AA", "AAA",  "AA=",  "A===", "AAAA=",   "AA==A", "AA==AAAA",
        "====", "=",  "AB==", "AAB=", "AA-_", "AA\001A", "AA=A"};
    void *data;
    size_t size;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (pem_decode(span(texts[i]), &data, &size) != -EBADMSG)
            fail_msg("%s is taken", texts[i]);
}

static void test_base64(void **state)
{
    static const struct {
        const char *text, *data;
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm 9v\r\n Y\tmE=\n", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
    };
    void *data;
    size_t size;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pem_decode(span(cases[i].text), &data, &size), 0);
        assert_int_equal(size, strlen(cases[i].data));
        assert_memory_equal(data, cases[i].data, size);
        free(data);
    }
}

static void test_blocks_refused(void **state)
{
    static const char *const texts[] = {
        "-----BEGIN A-----\n",
        "-----BEGIN A-----\nAAAA\n-----END B-----\n",
        "-----BEGIN A-----\nAAAA\n-----BEGIN A-----\n-----END A-----\n",
        "-----END A-----\n",
        "-----BEGIN A-----\nAAAA\n-----END A----\n",
        "-----BEGIN A-----\nAAAA -----END A-----\n",
    };
    PemBlock block;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        DerSpan input = span(texts[i]);

        if (pem_next(&input, &block) != -EBADMSG)
            fail_msg("%s is taken", texts[i]);
    }
}

static void test_blocks(void **state)
{
    DerSpan input = span("text\n-----BEGIN A B-----\r\nAAAA\r\n-----END A B-----\r\n# "
                         "more\n-----BEGIN C-----\n-----END C-----");
    PemBlock block;

    assert_int_equal(pem_next(&input, &block), 1);
    assert_true(pem_has_label(&block, "A B"));
    assert_false(pem_has_label(&block, "A"));
    assert_true(der_equal(block.text, "AAAA\r\n", 6));
    assert_int_equal(pem_next(&input, &block), 1);
    assert_true(pem_has_label(&block, "C"));
    assert_int_equal(block.text.size, 0);
    assert_int_equal(pem_next(&input, &block), 0);
    input = span("no PEM\n-----BEGIN -----\n");
    assert_int_equal(pem_next(&input, &block), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_refused),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_blocks_refused),
        cmocka_unit_test(test_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
