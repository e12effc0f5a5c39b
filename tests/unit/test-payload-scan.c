/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "payload-scan.h"

static PayloadInfo scan(const char *text)
{
    _cleanup_free_ char *exact = malloc(strlen(text) + 1);
    PayloadInfo info;

    memcpy(exact, text, strlen(text));
    payload_scan(exact, strlen(text), &info);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_json), cmocka_unit_test(test_json),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_doubtful),
        cmocka_unit_test(test_dossier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
