/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "provenance.h"

static void digest_of(unsigned i, uint8_t digest[PROVENANCE_DIGEST_SIZE])
{
    memset(digest, 0, PROVENANCE_DIGEST_SIZE);
    memcpy(digest, &i, sizeof i);
}

static void test_known_and_unknown(void **state)
{
    uint8_t one[PROVENANCE_DIGEST_SIZE], other[PROVENANCE_DIGEST_SIZE],
        zero[PROVENANCE_DIGEST_SIZE] = {0};
    static Provenance p;

    provenance_init(&p);
    digest_of(1, one);
    digest_of(2, other);
    assert_false(provenance_has(&p, zero)); /* a free entry is nobody's digest */
    assert_false(provenance_has(&p, one));
    provenance_add(&p, one);
    assert_true(provenance_has(&p, one));
    assert_false(provenance_has(&p, other));
    provenance_done(&p);
}

static void test_oldest_goes_first(void **state)
{
    uint8_t digest[PROVENANCE_DIGEST_SIZE];
    static Provenance p;

    provenance_init(&p);
    for (unsigned i = 1; i <= PROVENANCE_MAX + 1; i++) {
        digest_of(i, digest);
        provenance_add(&p, digest);
    }
    digest_of(1, digest);
    assert_false(provenance_has(&p, digest));
    digest_of(2, digest);
    assert_true(provenance_has(&p, digest));
    provenance_done(&p);
}

static void test_yesterday_is_not_today(void **state)
{
    uint8_t digest[PROVENANCE_DIGEST_SIZE];
    static Provenance p;

    provenance_init(&p);
    digest_of(7, digest);
    provenance_add(&p, digest);
    /* As if it had been collected that long ago. An uptime below it would make the time negative,
     * which is as old. */
    p.entries[0].collected -= PROVENANCE_SECONDS + 1;
    assert_false(provenance_has(&p, digest));
    provenance_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_and_unknown),
                                       cmocka_unit_test(test_oldest_goes_first),
                                       cmocka_unit_test(test_yesterday_is_not_today)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
