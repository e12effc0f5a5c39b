/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "payload-scan.h"

static PayloadInfo scan(const char *text)
{
    _cleanup_free_ char *exact = malloc(strlen(text) + 1);
    PayloadInfo info;

    memcpy(exact, text, strlen(text));
    assert_int_equal(payload_scan(exact, strlen(text), &info), 0);
    return info;
}

static void test_not_json(void **state)
{
    static const char *const bad[] = {
        "",        " ",        "{",          "}",     "[",   "[1,]",       "[,1]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01",  "1.",         "1e",
        "-",       "+1",       "tru",        "truee", "\"a", "\"\\x\"",    "\"\\u12g4\"",
        "\"\n\"",  "\"\xff\"", "1 1",        "{} {}", "[1}", "{\"a\":[}]", "{\"a\":{\"b\":1]}",
        "'a'",     "nul",      "[[[]]",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_false(scan(bad[i]).is_json);
}

static void test_json(void **state)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " [ ] ",
        "0",
        "-0.5e+10",
        "\"\\u00e9\\n\xc3\xa9\"",
        "true",
        "[1,[2,[3,{\"a\":[]}]],{}]",
        "{\"a\":{\"b\":{}},\"c\":null}\n",
        "[{},{}]",
        "[[],[]]",
    };

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        assert_true(scan(good[i]).is_json);
        assert_false(scan(good[i]).is_dossier);
    }
}

/* F20: depth is limited and costs no stack. */
static void test_depth(void **state)
{
    static char deep[200001];

    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    assert_false(scan(deep).is_json);
    memset(deep, '[', 32);
    memset(deep + 32, ']', 32);
    deep[64] = 0;
    assert_true(scan(deep).is_json);
}

#define MODEL "\"model-name\":\"urn:chancery:dossier\""

static void test_doubtful(void **state)
{
    static const char *const doubtful[] = {
        "{" MODEL ",\"nonce\":\"1\",\"nonce\":\"2\"}",
        "{" MODEL "," MODEL "}",
        "{\"model-name\":\"x\"," MODEL "}",
        "{" MODEL ",\"nonce\":\"1\"",
        "{" MODEL ",\"nonce\":1}",
        "{" MODEL ",\"nonce\":\"\\u0031\"}",
        "{" MODEL ",\"n\\u006fnce\":\"1\"}",
        "{\"model\\u002dname\":\"urn:chancery:dossier\"}",
        "{\"model-name\":\"urn\\u003achancery:dossier\"}",
        "{" MODEL "} trailing",
        "{" MODEL "}{" MODEL "}",
        "{" MODEL ",\"a\":1,\"a\":1}",
        "{" MODEL ",\"a\":{\"b\":1,\"c\":[],\"b\":2}}",
        "{" MODEL ",\"a\":[0,{\"b\":{\"\":{},\"\":{}}}]}",
        "{\"a\":{\"b\":1,\"b\":1}," MODEL "}",
        "{" MODEL ",\"a\":{\"b\\\\c\":1}}",
        "{" MODEL ",\"nodes\":[],\"nodes\":[]}",
    };

    for (size_t i = 0; i < ELEMENTSOF(doubtful); i++) {
        PayloadInfo info = scan(doubtful[i]);

        assert_true(info.is_dossier && info.is_doubtful);
    }
}

static void test_dossier(void **state)
{
    PayloadInfo info = scan("{\"collection-start-time\":1.5," MODEL
                            ",\"a\":{\"nonce\":\"inner\"},\"nonce\":\"1580\"}");

    assert_true(info.is_dossier && info.is_json && !info.is_doubtful);
    assert_string_equal(info.nonce, "1580");
    info = scan("{" MODEL "}");
    assert_true(info.is_dossier && !info.is_doubtful);
    assert_string_equal(info.nonce, "");
    info = scan("{\"a\":{" MODEL "}}");
    assert_false(info.is_dossier);
}

/* In large objects as in small ones, and in no time that grows faster than they do. */
static void test_names(void **state)
{
    _cleanup_free_ char *text = malloc(1 << 20);
    const size_t sizes[] = {1, 23, 24, 25, 1000, 4095, 4096, 4097};

    for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
        for (size_t twice = 0; twice < 3; twice++) {
            char *p = stpcpy(text, "{" MODEL ",\"a\":[{");

            for (size_t k = 0; k < sizes[i]; k++)
                p += sprintf(p, "%s\"%zu\":{\"%zu\":0}", k > 0 ? "," : "", k, k);
            /* Once more the first one, or the last one. */
            if (twice > 0)
                p += sprintf(p, ",\"%zu\":0", twice == 1 ? 0 : sizes[i] - 1);
            (void)strcpy(p, "}]}");
            assert_true(scan(text).is_dossier && scan(text).is_json);
            assert_int_equal(scan(text).is_doubtful, twice > 0 || sizes[i] > 4096);
        }
    /* The same name in one object and in another, within it or beside it, is no name twice. */
    assert_false(scan("{" MODEL ",\"a\":{\"a\":{\"a\":0},\"b\":{\"a\":[{\"b\":0},{\"b\":0}]}}}")
                     .is_doubtful);
    /* What another node sent is judged as that node's. */
    assert_false(scan("{" MODEL ",\"nodes\":[{\"a\":0,\"a\":0}]}").is_doubtful);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_json), cmocka_unit_test(test_json),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_doubtful),
        cmocka_unit_test(test_dossier),  cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
