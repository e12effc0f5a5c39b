/* SPDX-License-Identifier: Apache-2.0 */
/* The question whether certificates are revoked goes behind enrolments, however many there are, and
 * is asked nevertheless. */
#include "test-common.h"

#include "put-off.h"

#define SECOND UINT64_C(1000000)
#define BEGIN (100 * SECOND)

static void test_nobody_waits(void **state)
{
    uint64_t until = 0;

    assert_false(put_off(&until, false, BEGIN));
    assert_false(put_off(&until, false, BEGIN + 100 * SECOND));
}

static void test_until_it_is_over(void **state)
{
    uint64_t until = 0;

    assert_true(put_off(&until, true, BEGIN));
    assert_true(put_off(&until, true, BEGIN + SECOND));
    assert_false(put_off(&until, false, BEGIN + 2 * SECOND));
    /* The next one counts from its own beginning. */
    assert_true(put_off(&until, true, BEGIN + 9 * SECOND));
    assert_true(put_off(&until, true, BEGIN + 18 * SECOND));
    assert_false(put_off(&until, true, BEGIN + 19 * SECOND));
}

/* Asked each second by a router that never stops enrolling: it is its turn again and again. */
static void test_not_for_ever(void **state)
{
    uint64_t until = 0;
    unsigned turns = 0;

    for (uint64_t s = 0; s < 110; s++)
        turns += !put_off(&until, true, BEGIN + s * SECOND);
    assert_int_equal(turns, 10);
    assert_false(put_off(&(uint64_t){BEGIN}, true, BEGIN + 1000 * SECOND));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits),
        cmocka_unit_test(test_until_it_is_over),
        cmocka_unit_test(test_not_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
