/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "der.h"

#define SPAN(...)                                                                                  \
    ((DerSpan){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static void test_lengths_refused(void **state)
{
    const DerSpan bad[] = {
        {NULL, 0},
        SPAN(0x04),
        SPAN(0x04, 0x80, 0x00, 0x00),                         /* indefinite */
        SPAN(0x04, 0x81, 0x01, 0x00),                         /* not minimal */
        SPAN(0x04, 0x82, 0x00, 0x80, 0x00),                   /* leading zero */
        SPAN(0x04, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00), /* too many length bytes */
        SPAN(0x04, 0x84, 0xff, 0xff, 0xff, 0xff),             /* longer than the input */
        SPAN(0x04, 0x82, 0x01),
        SPAN(0x04, 0x02, 0x00),
        SPAN(0x1f, 0x81, 0x01, 0x00), /* long tag number */
        SPAN(0x00, 0x00),             /* end of contents */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        DerSpan input = bad[i], content;

        assert_int_equal(der_read_any(&input, NULL, NULL, &content), -EBADMSG);
        assert_ptr_equal(input.data, bad[i].data);
        assert_int_equal(input.size, bad[i].size);
    }
}

static void test_read(void **state)
{
    DerSpan input = SPAN(0x30, 0x03, 0x02, 0x01, 0x05, 0x05, 0x00), content, element;
    uint64_t value;
    uint8_t tag;

    assert_int_equal(der_read(&input, DER_SET, &content), -EBADMSG);
    assert_int_equal(input.size, 7);
    assert_int_equal(der_read_only(input, DER_SEQUENCE, &content), -EBADMSG);
    assert_int_equal(der_read(&input, DER_SEQUENCE, &content), 0);
    assert_int_equal(der_read_uint64(&content, &value), 0);
    assert_int_equal(value, 5);
    assert_int_equal(der_end(&content), 0);
    assert_int_equal(der_end(&input), -EBADMSG);
    assert_int_equal(der_read_optional(&input, DER_BOOLEAN, &content), 0);
    assert_int_equal(der_read_any(&input, &tag, &element, &content), 0);
    assert_int_equal(tag, DER_NULL);
    assert_true(der_equal(element, "\x05\x00", 2));
    assert_true(der_equal(content, NULL, 0));
    assert_int_equal(der_read_optional(&input, DER_NULL, &content), 0);
    assert_int_equal(der_end(&input), 0);
}

static void test_optional_malformed(void **state)
{
    DerSpan input = SPAN(0xa0, 0x05, 0x00), content;

    assert_int_equal(der_read_optional(&input, DER_CONTEXT_CONSTRUCTED(0), &content), -EBADMSG);
}

static void test_long_form(void **state)
{
    uint8_t data[3 + 200] = {DER_OCTET_STRING, 0x81, 200};
    DerSpan content;

    assert_int_equal(der_read_only((DerSpan){data, sizeof data}, DER_OCTET_STRING, &content), 0);
    assert_int_equal(content.size, 200);
    assert_int_equal(der_read_only((DerSpan){data, sizeof data - 1}, DER_OCTET_STRING, &content),
                     -EBADMSG);
}

static void test_uint64(void **state)
{
    const DerSpan bad[] = {
        SPAN(0x02, 0x00),
        SPAN(0x02, 0x01, 0x80),       /* negative */
        SPAN(0x02, 0x02, 0x00, 0x01), /* not minimal */
        SPAN(0x02, 0x09, 0x01, 0, 0, 0, 0, 0, 0, 0, 0),
        SPAN(0x0a, 0x01, 0x01),
    };
    DerSpan good = SPAN(0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
            zero = SPAN(0x02, 0x01, 0x00);
    uint64_t value;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        DerSpan input = bad[i];

        assert_int_equal(der_read_uint64(&input, &value), -EBADMSG);
        assert_ptr_equal(input.data, bad[i].data);
    }
    assert_int_equal(der_read_uint64(&good, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(der_read_uint64(&zero, &value), 0);
    assert_true(value == 0);
}

static void test_check(void **state)
{
    assert_int_equal(der_check(SPAN(0x30, 0x04, 0x31, 0x02, 0x05, 0x00), 3), 0);
    assert_int_equal(der_check(SPAN(0x30, 0x04, 0x31, 0x02, 0x05, 0x00), 2), -EBADMSG);
    assert_int_equal(der_check(SPAN(0x30, 0x04, 0x31, 0x03, 0x05, 0x00), 9), -EBADMSG);
    assert_int_equal(der_check(SPAN(0x24, 0x02, 0x04, 0x00), 9),
                     -EBADMSG);                                 /* constructed OCTET STRING */
    assert_int_equal(der_check(SPAN(0x10, 0x00), 9), -EBADMSG); /* primitive SEQUENCE */
    assert_int_equal(der_check(SPAN(0x80, 0x02, 0xff, 0xff), 1), 0);
}

/* F20: nesting as deep as the input allows must end with an error, not with the stack. */
static void test_check_deep(void **state)
{
    enum { DEPTH = 10000 };
    uint8_t *data = calloc(DEPTH, 6), *p = data + DEPTH * 6;
    size_t size = 0;

    assert_non_null(data);
    for (unsigned i = 0; i < DEPTH; i++) {
        if (size < 0x80)
            *--p = (uint8_t)size;
        else {
            size_t bytes = 0;

            for (size_t rest = size; rest > 0; rest >>= 8, bytes++)
                *--p = (uint8_t)rest;
            *--p = (uint8_t)(0x80 | bytes);
        }
        *--p = DER_SEQUENCE;
        size = (size_t)(data + DEPTH * 6 - p);
    }
    assert_int_equal(der_check((DerSpan){p, size}, 32), -EBADMSG);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_refused),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_optional_malformed),
        cmocka_unit_test(test_long_form),
        cmocka_unit_test(test_uint64),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
