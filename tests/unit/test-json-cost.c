/* SPDX-License-Identifier: Apache-2.0 */
/* What a tree is said to take is not less than what it takes, and not much more than that of the
 * texts that there are. */
#include "test-common.h"

#include <malloc.h>

#include "json-cost.h"
#include "json-util.h"
#include "memory.h"

#define PARTS 20000U

static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

/* A sanitizer's allocator counts for itself. */
static bool can_count(void)
{
    size_t before = in_use();
    char *volatile probe = malloc(1 << 20);
    bool counts = in_use() > before;

    free(probe);
    return counts;
}

static char *many(const char *part, const char *begin, const char *end)
{
    size_t n = strlen(part);
    char *text = malloc(strlen(begin) + PARTS * (n + 1) + strlen(end) + 1),
         *p = stpcpy(text, begin);

    assert_non_null(text);
    for (unsigned i = 0; i < PARTS; i++)
        p = stpcpy(stpcpy(p, i > 0 ? "," : ""), part);
    (void)strcpy(p, end);
    return text;
}

static void assert_enough(const char *text)
{
    json_object *o = NULL;
    size_t before = in_use(), used;
    uint64_t cost = json_cost(text, strlen(text));

    assert_int_equal(json_parse(text, strlen(text), &o), 0);
    used = in_use() - before;
    if (cost < used || cost > used * 20 + 10000)
        fail_msg("%.60s...: %zu bytes are said to be %llu", text, used, (unsigned long long)cost);
    json_object_put(o);
}

static void test_cost(void **state)
{
    static const char *const parts[] = {
        "0",
        "{}",
        "[]",
        "\"\"",
        "\"a text of some length, as there are many\"",
        "null",
        "[0]",
        "{\"a\":0}",
        "{\"path\":\"/usr/bin/x\",\"size\":123456,\"digest\":\"0123456789abcdef\"}",
        "{\"a\":{\"b\":{\"c\":[[[1,2,3]]]}}}",
        "\"{[:,:,:,[[[{{{\"",
        "\"\\\\[[[[\\\"{\"",
        "-1.5e3"};
    char *text, member[32];

    if (!can_count())
        return;
    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        text = many(parts[i], "[", "]");
        assert_enough(text);
        free(text);
    }
    text = malloc(PARTS * 16 + 3);
    (void)strcpy(text, "{");
    for (unsigned i = 0, at = 1; i < PARTS; i++) {
        int n = snprintf(member, sizeof member, "%s\"%u\":%u", i > 0 ? "," : "", i, i);

        (void)strcpy(text + at, member);
        at += (unsigned)n;
    }
    (void)strcat(text, "}");
    assert_enough(text);
    free(text);
}

/* What does not end is as long as it is. */
static void test_broken(void **state)
{
    static const char *const texts[] = {"", "\"", "\"\\", "\"\\\"", "{\"a\":\"", "]]]"};

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        assert_true(json_cost(texts[i], strlen(texts[i])) < 4096);
}

static void test_use(void **state)
{
    Memory m;
    MemoryUse small = {.memory = &m}, large = {.memory = &m}, none = {.memory = NULL};

    memory_init(&m, 3200);
    assert_int_equal(memory_take(&small, 3201, false), -E2BIG);
    assert_int_equal(memory_take(&small, UINT64_MAX, false), -E2BIG);
    assert_int_equal(memory_take(&small, 100, false), 0);
    assert_false(small.is_large);
    assert_int_equal(memory_take(&large, 100, false), 0);
    assert_int_equal(memory_take(&large, 5000, true), 0); /* which is there already */
    assert_true(large.is_large);
    assert_int_equal(memory_take(&large, 1, false), -E2BIG);
    memory_give(&large, 5000);
    assert_int_equal(memory_take(&large, 3100, false), 0);
    assert_int_equal(memory_take(&large, 1, false), -E2BIG);
    memory_use_done(&large);
    assert_int_equal(memory_take(&small, 1, false), 0);
    assert_true(small.is_large);
    memory_use_done(&small);
    assert_int_equal(memory_take(&none, UINT64_MAX, false), 0);
    memory_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
