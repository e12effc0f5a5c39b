/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "atomic-file.h"
#include "json-util.h"

static int parse(const char *text, json_object **ret)
{
    return json_parse(text, strlen(text), ret);
}

static void test_parses(void **state)
{
    static const char *const good[] = {"{}",
                                       "[]",
                                       "1",
                                       "\"a\"",
                                       "null ",
                                       " {\"a\":{\"b\":[1,2,{\"c\":true}]}}\n",
                                       "{\"a:b\":\":\\\"\"}",
                                       "-5",
                                       "{\"\":1}"};

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        json_object *o = NULL;
        int r = parse(good[i], &o);

        if (streq(good[i], "null "))
            assert_int_equal(r, -EBADMSG); /* nothing that we read may be null */
        else
            assert_int_equal(r, 0);
        json_object_put(o);
    }
}

static void test_unicode(void **state)
{
    static const char text[] = "{\"k\xc3\xa9y\":\"\x7f \xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\\n\"}";
    _cleanup_json_ json_object *o = NULL;
    const char *value;

    assert_int_equal(parse(text, &o), 0);
    assert_int_equal(json_get_string(o, "k\xc3\xa9y", &value), 0);
    assert_string_equal(value, "\x7f \xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\n");
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "[{\"x\":1,\"x\":1}]",
        "// comment\n{}",
        "/* */ {}",
        "{\"a\":\"\\u0000\"}",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\\\xc3\xa9\"",
        "nul",
        "NaN",
        "Infinity",
        "{\"a\" 1}",
        "\"a\nb",
    };
    json_object *o = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (parse(bad[i], &o) != -EBADMSG)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(json_parse("{}\0", 3, &o), -EBADMSG);
    assert_null(o);
}

static void test_depth(void **state)
{
    char deep[20001];
    json_object *o = NULL;

    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    deep[20000] = 0;
    assert_int_equal(parse(deep, &o), -EBADMSG);
    assert_int_equal(parse("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", &o), 0);
    json_object_put(o);
}

static void test_typed_access(void **state)
{
    static const char *const known[] = {"s", "n", "b", "o", "a", "neg", NULL}, *const few[] = {
                                                                                   "s", NULL};
    _cleanup_json_ json_object *o = NULL;
    json_object *member;
    const char *s;
    uint64_t n;
    bool b;

    assert_int_equal(
        parse("{\"s\":\"x\",\"n\":18446744073709551615,\"b\":true,\"o\":{},\"a\":[],\"neg\":-1}",
              &o),
        0);
    assert_int_equal(json_get_string(o, "s", &s), 0);
    assert_string_equal(s, "x");
    assert_int_equal(json_get_uint64(o, "n", &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(json_get_uint64(o, "neg", &n), -EBADMSG);
    assert_int_equal(json_get_uint64(o, "s", &n), -EBADMSG);
    assert_int_equal(json_get_bool(o, "b", &b), 0);
    assert_true(b);
    assert_int_equal(json_get_object(o, "o", &member), 0);
    assert_int_equal(json_get_array(o, "a", &member), 0);
    assert_int_equal(json_get_array(o, "o", &member), -EBADMSG);
    assert_int_equal(json_get_string(o, "none", &s), -ENOENT);
    assert_int_equal(json_only_members(o, known), 0);
    assert_int_equal(json_only_members(o, few), -EBADMSG);
}

static char *written(void (*write)(JsonWriter *w), int expected)
{
    FILE *file = tmpfile();
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fileno(file));
    char *text = calloc(1, 300000);

    assert_non_null(w);
    write(w);
    assert_int_equal(json_writer_finish(w), expected);
    rewind(file);
    assert_true(fread(text, 1, 299999, file) < 299999);
    fclose(file);
    return text;
}

static void write_everything(JsonWriter *w)
{
    json_begin_object(w, NULL);
    json_write_time(w, "time", 1610168028380901);
    json_write_string(w, "quote\"", "a\"b\\c\n\033[2J\x7f");
    json_write_string(w, "null", NULL);
    json_write_string(w, "broken", "x\xffy");
    json_begin_array(w, "list");
    json_write_uint64(w, NULL, UINT64_MAX);
    json_write_int64(w, NULL, INT64_MIN);
    json_write_bool(w, NULL, false);
    json_begin_object(w, NULL);
    json_end_object(w);
    json_end_array(w);
    json_write_bytes(w, "name", "plain \xc3\xa9", 8);
    json_write_bytes(w, "odd", "a\nb\xff", 4);
    json_write_hex(w, "hex", "\x00\xab", 2);
    json_write_stringf(w, "formatted", "%d-%s", 5, "x");
    json_end_object(w);
}

static void test_writer(void **state)
{
    _cleanup_free_ char *text = written(write_everything, 0);
    _cleanup_json_ json_object *o = NULL;

    assert_string_equal(text, "{\"time\":1610168028.380901,\"quote\\\"\":\"a\\\"b\\\\c\\n\\u001b["
                              "2J\\u007f\",\"null\":null,\"broken\":\"x\\ufffdy\","
                              "\"list\":[18446744073709551615,-9223372036854775808,false,{}],"
                              "\"name\":\"plain \xc3\xa9\",\"odd-base64\":\"YQpi/w==\","
                              "\"hex\":\"00ab\",\"formatted\":\"5-x\"}");
    assert_int_equal(parse(text, &o), 0);
}

static void write_unfinished(JsonWriter *w)
{
    json_begin_object(w, NULL);
}

static void write_mismatched(JsonWriter *w)
{
    json_begin_object(w, NULL);
    json_end_array(w);
}

static void write_large(JsonWriter *w)
{
    json_begin_array(w, NULL);
    for (unsigned i = 0; i < 20000; i++)
        json_write_string(w, NULL, "0123456789");
    json_end_array(w);
}

static void test_writer_mistakes_and_size(void **state)
{
    _cleanup_free_ char *a = written(write_unfinished, -EPROTO),
                        *b = written(write_mismatched, -EPROTO), *c = written(write_large, 0);

    assert_string_equal(a, "");
    assert_string_equal(b, "");
    assert_int_equal(strlen(c), 20000 * 13 + 1);
}

static void test_writer_to_nobody(void **state)
{
    JsonWriter *w = json_writer_new(-EBADF);

    json_write_string(w, NULL, "x");
    assert_int_equal(json_writer_finish(w), -EBADF);
    json_writer_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses),
        cmocka_unit_test(test_unicode),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_typed_access),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_mistakes_and_size),
        cmocka_unit_test(test_writer_to_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
