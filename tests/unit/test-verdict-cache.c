/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts that are kept: for the same question only, for as long as they are good, and not more of
 * them than there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <malloc.h>

#include "verdict-cache.h"

static void key_of(const char *data, const char *purpose, const char *name, const char *revocation,
                   const char *staple, uint8_t ret[VERDICT_KEY_SIZE])
{
    const VerifyRequest request = {.data = data,
                                   .size = strlen(data),
                                   .purpose = purpose,
                                   .name = name,
                                   .staple = {(const uint8_t *)staple, strlen(staple)}};

    assert_int_equal(verdict_cache_key(&request, revocation, NULL, ret), 0);
}

/* Whatever is another question has another key, also when the same bytes stand elsewhere. */
static void test_keys(void **state)
{
    uint8_t keys[9][VERDICT_KEY_SIZE], again[VERDICT_KEY_SIZE];

    key_of("data", "any", "name", "required", "", keys[0]);
    key_of("datb", "any", "name", "required", "", keys[1]);
    key_of("data", "tls-server", "name", "required", "", keys[2]);
    key_of("data", "any", "nam", "erequired", "", keys[3]);
    key_of("data", "any", NULL, "required", "", keys[4]);
    key_of("data", "any", "name", "none", "", keys[5]);
    key_of("data", "any", "name", "required", "x", keys[6]);
    assert_int_equal(
        verdict_cache_key(
            &(VerifyRequest){
                .data = "data", .size = 4, .purpose = "any", .name = "name", .lenient = true},
            "required", NULL, keys[7]),
        0);
    assert_int_equal(
        verdict_cache_key(
            &(VerifyRequest){.data = "data", .size = 4, .purpose = "any", .name = "name"},
            "required", "lab", keys[8]),
        0);
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], VERDICT_KEY_SIZE);
    key_of("data", "any", "name", "required", "", again);
    assert_memory_equal(keys[0], again, VERDICT_KEY_SIZE);
}

static void test_time(void **state)
{
    _cleanup_(verdict_cache_freep) VerdictCache *cache = verdict_cache_new();
    uint8_t key[VERDICT_KEY_SIZE];
    const KeptVerdict *kept;

    assert_non_null(cache);
    key_of("data", "any", NULL, "required", "", key);
    assert_null(verdict_cache_get(cache, key, 100));
    assert_int_equal(verdict_cache_put(cache, key, 100, 200, "AA BB", "lab"), 0);
    assert_null(verdict_cache_get(cache, key, 99)); /* the clock was set back */
    assert_null(verdict_cache_get(cache, key, 200));
    kept = verdict_cache_get(cache, key, 199);
    assert_non_null(kept);
    assert_string_equal(kept->path, "AA BB");
    assert_string_equal(kept->trustpoint, "lab");
    assert_int_equal(verdict_cache_put(cache, key, 150, 300, "CC", NULL), 0);
    kept = verdict_cache_get(cache, key, 299);
    assert_non_null(kept);
    assert_string_equal(kept->path, "CC");
    assert_null(kept->trustpoint);
    verdict_cache_clear(cache);
    assert_null(verdict_cache_get(cache, key, 299));
}

/* Of many more than there is room for, as many are there as may be, and the newest is. */
static void test_bounds(void **state)
{
    _cleanup_(verdict_cache_freep) VerdictCache *cache = verdict_cache_new();
    uint8_t key[VERDICT_KEY_SIZE];
    unsigned found = 0;

    assert_non_null(cache);
    for (unsigned i = 0; i < 4 * VERDICT_CACHE_MAX; i++) {
        char text[32];

        (void)snprintf(text, sizeof text, "%u", i);
        key_of(text, "any", NULL, "required", "", key);
        assert_int_equal(verdict_cache_put(cache, key, 100, 200, text, NULL), 0);
        assert_string_equal(verdict_cache_get(cache, key, 150)->path, text);
    }
    for (unsigned i = 0; i < 4 * VERDICT_CACHE_MAX; i++) {
        char text[32];

        (void)snprintf(text, sizeof text, "%u", i);
        key_of(text, "any", NULL, "required", "", key);
        found += verdict_cache_get(cache, key, 150) != NULL;
    }
    assert_in_range(found, VERDICT_CACHE_MAX / 2, VERDICT_CACHE_MAX);
}

/* PEERS F22: a hundred thousand variants of one certificate, each of them good, take no more room
 * than there is. */
static void test_variants(void **state)
{
    _cleanup_(verdict_cache_freep) VerdictCache *cache = verdict_cache_new();
    uint8_t key[VERDICT_KEY_SIZE];
    size_t full = 0;

    assert_non_null(cache);
    for (unsigned i = 0; i < 100000; i++) {
        char text[65];

        (void)snprintf(text, sizeof text, "%064u", i);
        key_of(text, "any", NULL, "required", "", key);
        assert_int_equal(verdict_cache_put(cache, key, 100, 200, text, "t"), 0);
        if (i == 4 * VERDICT_CACHE_MAX)
            full = mallinfo2().uordblks;
    }
    /* Who counts otherwise (a sanitizer) counts nothing here. */
    assert_true(mallinfo2().uordblks <= full + (64U << 10));
}

/* Of those that share a place, the one goes that nobody asked for. */
static void test_use_counts(void **state)
{
    _cleanup_(verdict_cache_freep) VerdictCache *cache = verdict_cache_new();
    uint8_t keys[6][VERDICT_KEY_SIZE] = {{0}};

    assert_non_null(cache);
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        keys[i][VERDICT_KEY_SIZE - 1] = (uint8_t)i; /* all of one set */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(verdict_cache_put(cache, keys[i], 100, 200, "A", NULL), 0);
    assert_non_null(verdict_cache_get(cache, keys[0], 150));
    assert_int_equal(verdict_cache_put(cache, keys[4], 100, 200, "A", NULL), 0);
    assert_int_equal(verdict_cache_put(cache, keys[5], 100, 200, "A", NULL), 0);
    assert_non_null(verdict_cache_get(cache, keys[0], 150));
    assert_null(verdict_cache_get(cache, keys[1], 150));
    assert_null(verdict_cache_get(cache, keys[2], 150));
    assert_non_null(verdict_cache_get(cache, keys[3], 150));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),       cmocka_unit_test(test_time),
        cmocka_unit_test(test_bounds),     cmocka_unit_test(test_variants),
        cmocka_unit_test(test_use_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
