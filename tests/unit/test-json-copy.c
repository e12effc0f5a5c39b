/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON object from elsewhere inside of a document of ours: what is good arrives as it was, in
 * pieces of any size; whatever is bad, the document stays one that strict readers take. */
#include "test-common.h"

#include <sys/mman.h>
#include <unistd.h>

#include "json-copy.h"

/* Returns the error of the copy; *ret is the document, which has to parse. */
static int copy(const char *text, size_t size, size_t piece, bool *ret_complete, json_object **ret)
{
    _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    _cleanup_(json_copy_freep) JsonCopy *c = json_copy_new(w, "it");
    static char written[4U << 20];
    ssize_t n;
    int r = 0;

    json_begin_object(w, NULL);
    for (size_t i = 0; i < size && r >= 0; i += piece)
        r = json_copy_feed(c, text + i, size - i < piece ? size - i : piece);
    *ret_complete = json_copy_is_complete(c);
    json_copy_end(c);
    json_write_string(w, "after", "it");
    json_end_object(w);
    assert_int_equal(json_writer_finish(w), 0);
    n = pread(fd, written, sizeof written, 0);
    assert_true(n > 0);
    if (json_parse(written, (size_t)n, ret) < 0)
        fail_msg("'%s' became '%.*s'", text, (int)n, written);
    return r;
}

static void test_good(void **state)
{
    static const char *const good[] = {
        "{}",
        " { \"a\" : 1 , \"b\" : [ ] } ",
        "{\"a\":{\"a\":{\"a\":[[],{},[1,-2,0,0.5,1610168028.380901]]}}}",
        "{\"text\":\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9 \\ud83d\\ude00 "
        "\xc3\xa9\",\"t\":true,\"f\":"
        "false,\"n\":null}",
    };

    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        for (size_t piece = 1; piece <= strlen(good[i]); piece++) {
            _cleanup_json_ json_object *o = NULL, *wanted = NULL;
            json_object *it;
            bool complete;

            assert_int_equal(copy(good[i], strlen(good[i]), piece, &complete, &o), 0);
            assert_true(complete);
            assert_int_equal(json_parse(good[i], strlen(good[i]), &wanted), 0);
            assert_int_equal(json_get_object(o, "it", &it), 0);
            assert_true(json_object_equal(it, wanted));
        }
}

static void test_cut_off(void **state)
{
    static const char text[] = "{\"a\":{\"b\":[1,\"two\",{\"c\":true}]},\"d\":\"\\u00e9\"}";

    for (size_t size = 0; size < sizeof text - 1; size++) {
        _cleanup_json_ json_object *o = NULL;
        bool complete;

        assert_int_equal(copy(text, size, 1, &complete, &o), 0);
        assert_false(complete);
    }
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "x",
        "[]",
        "\"\"",
        "1",
        "}",
        "{}}",
        "{} x",
        "{]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 2}",
        "{\"a\":[1,]}",
        "{\"a\":[}",
        "{a:1}",
        "{\"\":1}",
        "{\"a\":1,\"a\":2}",
        "{\"\\u0061\":1}",
        "{\"\xc3\xa9\":1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e9}",
        "{\"a\":NaN}",
        "{\"a\":-}",
        "{\"a\":True}",
        "{\"a\":truefalse}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":123456789012345678901234567890123}",
        "{\"a\" 1}",
        "{'a':1}",
        "{\"a\":1/**/}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_json_ json_object *o = NULL;
        bool complete;

        if (copy(bad[i], strlen(bad[i]), 3, &complete, &o) != -EBADMSG || complete)
            fail_msg("taken: %s", bad[i]);
    }
}

/* Nothing grows without an end. */
static void test_limits(void **state)
{
    static char text[3U << 20];
    _cleanup_json_ json_object *o = NULL, *p = NULL;
    bool complete;
    size_t n = 0;

    memset(text, 'x', sizeof text);
    memcpy(text, "{\"a\":\"", 6);
    assert_int_equal(copy(text, sizeof text, 4096, &complete, &o), -EBADMSG);
    text[n++] = '{';
    for (unsigned i = 0; i < 300; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "\"%u\":1,", i);
    assert_int_equal(copy(text, n, 4096, &complete, &p), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
