/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "nonce-log.h"

static bool add(NonceLog *l, const char *nonce)
{
    bool seen;

    assert_return_code(nonce_log_add(l, nonce, &seen), 0);
    return seen;
}

/* F17 */
static void test_known_and_unknown(void **state)
{
    static NonceLog l;

    nonce_log_init(&l);
    assert_false(add(&l, "1580"));
    assert_true(add(&l, "1580"));
    assert_false(add(&l, "158"));
    assert_false(add(&l, "01580")); /* another text, which no verifier takes for the first */
    assert_true(add(&l, "158"));
    nonce_log_done(&l);
}

static void test_oldest_goes_first(void **state)
{
    static NonceLog l;
    char nonce[16];

    nonce_log_init(&l);
    for (unsigned i = 0; i <= NONCE_LOG_MAX; i++) {
        (void)snprintf(nonce, sizeof nonce, "%u", i);
        assert_false(add(&l, nonce));
    }
    assert_true(add(&l, nonce));
    assert_true(add(&l, "1"));
    assert_false(add(&l, "0"));
    assert_false(add(&l, "1")); /* it went when that one came back */
    nonce_log_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_and_unknown),
        cmocka_unit_test(test_oldest_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
