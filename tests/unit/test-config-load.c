/* SPDX-License-Identifier: Apache-2.0 */
/* Whole texts of configuration: which lines are taken, which are told, and where one stands. And
 * what is left of a candidate when something in it is refused. */
#include "config-parser-fixture.h"

#include "config-leave-out.h"
#include "config-load.h"
#include "json-util.h"

static int apply(const ConfigParsed *parsed, void *userdata)
{
    return config_apply(userdata, &parsed->line);
}

static int load_bytes(const char *text, size_t size, json_object *root, ConfigLoad *ret)
{
    return config_load(parser, text, size, apply, root, ret);
}

static void assert_rendered(json_object *root, const char *expected)
{
    _cleanup_free_ char *text = config_render(NULL, root, CONFIG_OPEN);

    assert_string_equal(text, expected);
}

static void assert_loads(const char *text, unsigned lines, const char *expected)
{
    _cleanup_json_ json_object *root = json_object_new_object();
    ConfigLoad load;

    assert_int_equal(load_bytes(text, strlen(text), root, &load), 0);
    assert_int_equal(load.n_errors, 0);
    assert_int_equal(load.n_lines, lines);
    assert_rendered(root, expected);
}

/* Errors as "line:column message", one after the other. */
static void assert_errors(const char *text, size_t size, const char *expected)
{
    _cleanup_json_ json_object *root = json_object_new_object();
    _cleanup_free_ char *told = NULL;
    size_t told_size;
    FILE *f = open_memstream(&told, &told_size);
    ConfigLoad load;

    assert_non_null(f);
    assert_int_equal(load_bytes(text, size, root, &load), 0);
    for (size_t i = 0; i < load.n_errors; i++)
        fprintf(f, "%u:%zu %s\n", load.errors[i].line, load.errors[i].column,
                load.errors[i].message);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(told, expected);
}

static void test_what_is_no_line(void **state)
{
    assert_loads("", 0, "");
    assert_loads("!\n\n!! Building configuration...\n   \n! hostname no\nend", 0, "");
    assert_loads("Sun Nov 22 01:09:19.123 UTC\nhostname a\nend\nnonsense\n", 1, "hostname a\n");
    assert_loads("hostname a\r\ndomain name b \t\r\n", 2, "hostname a\ndomain name b\n");
    /* Only where a command prints it. */
    assert_errors("hostname a\nWed Nov 18 01:09:19.123 UTC\n", 39,
                  "2:0 Invalid input detected at '^' marker.\n");
}

static void test_modes(void **state)
{
    assert_loads("crypto ca trustpoint a\n description x\n!\nhostname b\n", 3,
                 "hostname b\ncrypto ca trustpoint a\n description x\n!\n");
    /* In the mode of a user group "taskgroup" is one of its lines: the mark says that it is not. */
    assert_loads("usergroup u\n taskgroup one\n!\ntaskgroup two\n", 3,
                 "taskgroup two\n!\nusergroup u\n taskgroup one\n!\n");
    assert_loads("usergroup u\n taskgroup one\n!! no mark\n taskgroup two\n", 3,
                 "usergroup u\n taskgroup one\n taskgroup two\n!\n");
    assert_loads("hostname a\nno hostname\ncrypto ca trustpoint t description d\n", 3,
                 "crypto ca trustpoint t\n description d\n!\n");
}

static void test_errors_are_told_with_their_line(void **state)
{
    static const char text[] = "hostname a\nnonsense\ncrypto ca trustpoint t\n keypair\n "
                               "descriptoin x\nhostname -\n",
                      bytes[] = "hostname a\0b\n\xff\nhostname \x1b[31m\n";

    assert_errors(text, STRLEN(text),
                  "2:2 Invalid input detected at '^' marker.\n4:8 Incomplete command.\n"
                  "5:9 Invalid input detected at '^' marker.\n"
                  "6:9 Invalid input detected at '^' marker.\n");
    assert_errors(bytes, STRLEN(bytes),
                  "1:0 The line is not text in UTF-8\n2:0 The line is not text in UTF-8\n"
                  "3:9 Invalid input detected at '^' marker.\n");
}

static void test_limits(void **state)
{
    _cleanup_free_ char *text = malloc(CONFIG_LOAD_SIZE_MAX + 1);
    _cleanup_json_ json_object *root = json_object_new_object();
    ConfigLoad load;

    assert_non_null(text);
    memset(text, 'a', CONFIG_LOAD_SIZE_MAX + 1);
    assert_int_equal(load_bytes(text, CONFIG_LOAD_SIZE_MAX + 1, root, &load), -EFBIG);
    /* One line of a megabyte, and what comes after it. */
    text[1 << 20] = '\n';
    memcpy(text + (1 << 20) + 1, "hostname -\nend\n", STRLEN("hostname -\nend\n"));
    assert_errors(text, (1 << 20) + 64,
                  "1:0 The line is too long\n2:9 Invalid input detected at '^' marker.\n");
    memset(text, '\n', CONFIG_LOAD_SIZE_MAX);
    assert_errors(text, CONFIG_LOAD_SIZE_MAX, "50001:0 There are too many lines\n");
    /* Not more of them than anybody wants to read. */
    for (size_t i = 0; i < CONFIG_LOAD_SIZE_MAX; i += 2)
        text[i] = 'x';
    assert_int_equal(load_bytes(text, CONFIG_LOAD_SIZE_MAX, root, &load), 0);
    assert_int_equal(load.n_errors, CONFIG_LOAD_ERRORS_MAX);
    assert_int_equal(load.errors[CONFIG_LOAD_ERRORS_MAX - 1].line, CONFIG_LOAD_ERRORS_MAX);
}

/* In pieces it is the same text, and nothing behind its end is looked at. */
static void test_in_pieces(void **state)
{
    static const char text[] =
        "crypto ca trustpoint t\n description d\nhostname -\nend\nnonsense\n";

    for (unsigned lines = 1; lines <= 5; lines++) {
        _cleanup_json_ json_object *root = json_object_new_object();
        ConfigLoader *loader = NULL;
        unsigned turns = 1;
        ConfigLoad load;

        assert_int_equal(config_loader_new(parser, text, STRLEN(text), apply, root, &load, &loader),
                         0);
        for (int r; (r = config_loader_step(loader, lines)) != 0; turns++)
            assert_int_equal(r, 1);
        assert_int_equal(turns, (4 + lines - 1) / lines);
        assert_int_equal(config_loader_step(loader, lines), 0);
        config_loader_free(loader);
        assert_int_equal(load.n_errors, 1);
        assert_int_equal(load.errors[0].line, 3);
        assert_rendered(root, "crypto ca trustpoint t\n description d\n!\n");
    }
}

static int refuse(const ConfigParsed *parsed, void *userdata)
{
    unsigned *left = userdata;

    return (*left)-- > 0 ? 0 : -EDQUOT;
}

static void test_no_room(void **state)
{
    static const char text[] = "hostname a\nhostname b\nhostname c\nhostname d\n";
    unsigned left = 2;
    ConfigLoad load;

    assert_int_equal(config_load(parser, text, STRLEN(text), refuse, &left, &load), 0);
    assert_int_equal(load.n_errors, 1);
    assert_int_equal(load.errors[0].line, 3);
    assert_string_equal(load.errors[0].message, "The configuration would become too large");
}

/* --- What is left ----------------------------------------------------------------------------- */

static json_object *tree_of(const char *text)
{
    json_object *root = json_object_new_object();
    ConfigLoad load;

    assert_int_equal(load_bytes(text, strlen(text), root, &load), 0);
    assert_int_equal(load.n_errors, 0);
    return root;
}

#define RUNNING                                                                                    \
    "hostname a\nusername ann\n group one\n!\ncrypto ca trustpoint t\n description d\n!\n"
#define CANDIDATE                                                                                  \
    "hostname b\ntaskgroup one\n!\nusername ann\n group two\n!\nusername bob\n group one\n!\n"     \
    "crypto ca trustpoint t\n message-digest sha256\n!\ncrypto ca trustpoint tt\n!\n"

static void assert_left(const char *refused[], size_t n, int result, const char *expected)
{
    _cleanup_json_ json_object *running = tree_of(RUNNING), *candidate = tree_of(CANDIDATE),
                               *left = NULL;

    assert_int_equal(config_leave_out(running, candidate, refused, n, &left), result);
    if (expected)
        assert_rendered(left, expected);
    else
        assert_null(left);
}

static void test_refused_lines_are_left_out(void **state)
{
    assert_left((const char *[]){"hostname"}, 1, 0,
                "hostname a\ntaskgroup one\n!\nusername ann\n group two\n!\nusername bob\n group "
                "one\n!\ncrypto ca trustpoint t\n message-digest sha256\n!\n"
                "crypto ca trustpoint tt\n!\n");
    /* A whole object; no other one whose name begins like that, no line that was there before. */
    assert_left((const char *[]){"crypto ca trustpoint t", "username bob"}, 2, 0,
                "hostname b\ntaskgroup one\n!\nusername ann\n group two\n!\n"
                "crypto ca trustpoint t\n description d\n!\ncrypto ca trustpoint tt\n!\n");
    assert_left((const char *[]){"no username ann group one"}, 1, 0,
                "hostname b\ntaskgroup one\n!\nusername ann\n group one\n group two\n!\n"
                "username bob\n group one\n!\ncrypto ca trustpoint t\n message-digest sha256\n!\n"
                "crypto ca trustpoint tt\n!\n");
}

/* What is named may be there already, and the fault of some change; or be a section. */
static void test_refused_sections_are_left_out(void **state)
{
    static const char expected[] =
        "hostname b\nusername ann\n group one\n!\n"
        "crypto ca trustpoint t\n message-digest sha256\n!\ncrypto ca trustpoint tt\n!\n";

    assert_left((const char *[]){"usergroup x taskgroup one"}, 1, 0, expected);
    assert_left((const char *[]){"aaa"}, 1, 0, expected);
}

static void test_nothing_is_left(void **state)
{
    assert_left((const char *[]){"something"}, 1, -ENODATA, NULL);
    assert_left((const char *[]){"hostname", "aaa", "crypto ca trustpoint x"}, 3, -ENODATA, NULL);
    assert_left(NULL, 0, -ENODATA, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_line),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_errors_are_told_with_their_line),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_refused_lines_are_left_out),
        cmocka_unit_test(test_refused_sections_are_left_out),
        cmocka_unit_test(test_nothing_is_left),
    };

    return cmocka_run_group_tests(tests, parser_setup, parser_teardown);
}
