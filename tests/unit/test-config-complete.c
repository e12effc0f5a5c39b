/* SPDX-License-Identifier: Apache-2.0 */
/* What is offered to whoever types a line of configuration, and what need not be typed. */
#include "config-parser-fixture.h"

#include <stdio.h>

#include "json-util.h"

/* Enters one line as a session does. */
static GrammarStatus enter(json_object *root, ConfigPlace *place, const char *line)
{
    ConfigParsed parsed;
    GrammarStatus status;

    assert_int_equal(config_parse(parser, place, line, &parsed), 0);
    status = parsed.status;
    if (status == GRAMMAR_OK) {
        assert_int_equal(config_apply(root, &parsed.line), 0);
        config_place_done(place);
        *place = parsed.next;
        parsed.next.name = NULL;
    }
    config_parsed_done(&parsed);
    return status;
}

/* What is removed needs no word of how it was written. */
static void test_no_secret(void **state)
{
    static const char *const secrets[][2] = {{"crypto ca trustpoint a", "challenge-password"},
                                             {"crypto ca trustpoint a", "sftp-password"},
                                             {"client-authentication profile a", "password"}};
    static const char *const words[] = {"", " clear", " clear x", " 6"};

    for (size_t i = 0; i < ELEMENTSOF(secrets); i++) {
        _cleanup_json_ json_object *root = json_object_new_object();
        ConfigPlace place = {CONFIG_MODE_TOP, NULL};

        assert_int_equal(enter(root, &place, secrets[i][0]), GRAMMAR_OK);
        assert_int_equal(enter(root, &place, secrets[i][1]), GRAMMAR_INCOMPLETE);
        for (size_t j = 0; j < ELEMENTSOF(words); j++) {
            _cleanup_free_ char *add = NULL, *no = NULL, *without = config_canonical_text(root),
                                *with = NULL, *after = NULL;

            assert_true(asprintf(&add, "%s clear x", secrets[i][1]) > 0);
            assert_true(asprintf(&no, "no %s%s", secrets[i][1], words[j]) > 0);
            assert_int_equal(enter(root, &place, add), GRAMMAR_OK);
            with = config_canonical_text(root);
            assert_string_not_equal(with, without);
            assert_int_equal(enter(root, &place, no), GRAMMAR_OK);
            after = config_canonical_text(root);
            assert_string_equal(after, without);
        }
        config_place_done(&place);
    }
}

static int collect_names(const char *word, const char *help, void *userdata)
{
    char *text = userdata;
    size_t n = strlen(text);

    if (!*help && word[0] != '<')
        (void)snprintf(text + n, 100 - n, "%s;", word);
    return 0;
}

/* Where a mode is entered or removed, and of those that are there. */
static void test_names_completed(void **state)
{
    static const struct {
        const char *line, *names;
    } cases[] = {
        {"crypto ca trustpoint x", ""},
        {"crypto ca trustpool a", ""},
        {"crypto ca trustpoint core ", ""},
        {"crypto ca trustpoint core d", ""},
        {"hostname a", ""},
        {"a", ""},
        {"usergroup a", ""},
        {"crypto ca trustpoint ", "Apex;alpha;alto;core;"},
        {"cry ca trustpoi\tal", "alpha;alto;"},
        {"no crypto ca trustpoint A", "Apex;"},
        {"username ", "ann;"},
    };
    static const char *const there[] = {"crypto ca trustpoint Apex", "crypto ca trustpoint alpha",
                                        "crypto ca trustpoint alto", "crypto ca trustpoint core",
                                        "username ann group operator"};
    _cleanup_json_ json_object *root = json_object_new_object();

    for (size_t i = 0; i < ELEMENTSOF(there); i++) {
        ConfigPlace place = {CONFIG_MODE_TOP, NULL};

        assert_int_equal(enter(root, &place, there[i]), GRAMMAR_OK);
        config_place_done(&place);
    }

    for (int mode = 0; mode < 2; mode++) {
        char core[] = "core";
        ConfigPlace place = {mode ? CONFIG_MODE_TRUSTPOINT : CONFIG_MODE_TOP, mode ? core : NULL};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
            char text[100] = "";

            assert_int_equal(
                config_complete(parser, &place, root, cases[i].line, collect_names, text), 0);
            assert_string_equal(text, cases[i].names);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_secret),
        cmocka_unit_test(test_names_completed),
    };

    return cmocka_run_group_tests(tests, parser_setup, parser_teardown);
}
