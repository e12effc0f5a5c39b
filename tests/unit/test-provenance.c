/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "provenance.h"

static void digest_of(unsigned i, uint8_t digest[CONTENT_HASH_SIZE])
{
    memset(digest, 0, CONTENT_HASH_SIZE);
    memcpy(digest, &i, sizeof i);
}

static void test_known_and_unknown(void **state)
{
    uint8_t one[CONTENT_HASH_SIZE], other[CONTENT_HASH_SIZE], zero[CONTENT_HASH_SIZE] = {0};
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
    uint8_t digest[CONTENT_HASH_SIZE];
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
    uint8_t digest[CONTENT_HASH_SIZE];
    static Provenance p;

    provenance_init(&p);
    digest_of(7, digest);
    provenance_add(&p, digest);
    /* As if it had been collected that long ago. An uptime below it would make the time negative,
     * which is as old. */
    p.whole.entries[0].collected -= PROVENANCE_SECONDS + 1;
    assert_false(provenance_has(&p, digest));
    provenance_done(&p);
}

/* A begin is none of the whole ones, nor the other way round. */
static void test_begins(void **state)
{
    uint8_t one[CONTENT_HASH_SIZE], other[CONTENT_HASH_SIZE];
    static Provenance p;

    provenance_init(&p);
    digest_of(1, one);
    digest_of(2, other);
    provenance_add(&p, one);
    provenance_add_begin(&p, other);
    assert_true(provenance_has(&p, one));
    assert_false(provenance_has(&p, other));
    assert_true(provenance_has_begin(&p, other));
    assert_false(provenance_has_begin(&p, one));
    provenance_done(&p);
}

/* Whatever the pieces are. */
static void test_hash(void **state)
{
    static uint8_t data[3 * CONTENT_BEGIN_SIZE];
    static const size_t pieces[] = {
        1,          7, 4096, CONTENT_BEGIN_SIZE - 1, CONTENT_BEGIN_SIZE, CONTENT_BEGIN_SIZE + 1,
        sizeof data};
    uint8_t begin[CONTENT_HASH_SIZE], all[CONTENT_HASH_SIZE], found[CONTENT_HASH_SIZE];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761U >> 24);
    assert_int_equal(EVP_Digest(data, CONTENT_BEGIN_SIZE, begin, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(EVP_Digest(data, sizeof data, all, NULL, EVP_sha256(), NULL), 1);
    for (size_t p = 0; p < ELEMENTSOF(pieces); p++) {
        ContentHash h = {NULL};

        assert_int_equal(content_hash_init(&h), 0);
        for (size_t at = 0, n; at < sizeof data; at += n) {
            n = sizeof data - at < pieces[p] ? sizeof data - at : pieces[p];
            assert_int_equal(content_hash_begin(&h) != NULL, at >= CONTENT_BEGIN_SIZE);
            assert_int_equal(content_hash_add(&h, data + at, n), 0);
        }
        assert_memory_equal(content_hash_begin(&h), begin, sizeof begin);
        assert_int_equal(content_hash_finish(&h, found), 0);
        assert_memory_equal(found, all, sizeof all);
        content_hash_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_and_unknown),
                                       cmocka_unit_test(test_begins), cmocka_unit_test(test_hash),
                                       cmocka_unit_test(test_oldest_goes_first),
                                       cmocka_unit_test(test_yesterday_is_not_today)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
