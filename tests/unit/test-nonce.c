/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "nonce.h"

/* 2^512 - 1 */
#define LARGEST                                                                                    \
    "13407807929942597099574024998205846127479365820592393377723561443721764030073546976801874298" \
    "1"                                                                                            \
    "66903427690031858186486050853753882811946569946433649006084095"

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "-1",
        "+1",
        "1 ",
        "1580\n",
        "0x",
        "0xg",
        "x1",
        "0X1",
        "1e5",
        "abc",
        "\x1b[2J",
        "１",
        "134078079299425970995740249982058461274793658205923933777235614437217640300735469768018742"
        "981"
        "66903427690031858186486050853753882811946569946433649006084096",
    };
    char hex[3 + 129 + 1] = "0x";

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(nonce_is_valid(bad[i]));
    memset(hex + 2, 'a', 129);
    assert_false(nonce_is_valid(hex));
}

static void test_accepted(void **state)
{
    char hex[2 + 128 + 1] = "0x";

    assert_true(nonce_is_valid("1580"));
    assert_true(nonce_is_valid("0"));
    assert_true(nonce_is_valid("0xDEADbeef"));
    assert_true(nonce_is_valid(LARGEST));
    memset(hex + 2, 'f', 128);
    assert_true(nonce_is_valid(hex));
}

static void test_length(void **state)
{
    assert_int_equal(nonce_length("0"), 0);
    assert_int_equal(nonce_length("99"), 0);
    assert_int_equal(nonce_length("256"), 1);
    assert_int_equal(nonce_length("0xf"), 0);
    assert_int_equal(nonce_length("0x00"), 1);
    assert_int_equal(nonce_length("0x00112233445566"), 7);
    assert_int_equal(nonce_length("0x0011223344556677"), 8);
    assert_int_equal(nonce_length("1234567890123456789"), 7);
    assert_int_equal(nonce_length("12345678901234567890"), 8);
    assert_int_equal(nonce_length(LARGEST), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_accepted),
                                       cmocka_unit_test(test_length)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
