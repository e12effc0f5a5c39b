/* SPDX-License-Identifier: Apache-2.0 */
/* Which warnings a commit tells: those about what it touches. */
#include "config-parser-fixture.h"

#include "commit-warnings.h"
#include "config-load.h"
#include "failures-text.h"
#include "json-util.h"
#include "names.h"

static int apply(const ConfigParsed *parsed, void *userdata)
{
    return config_apply(userdata, &parsed->line);
}

static json_object *tree_of(const char *text)
{
    json_object *root = json_object_new_object();
    ConfigLoad load;

    assert_int_equal(config_load(parser, text, strlen(text), apply, root, &load), 0);
    assert_int_equal(load.n_errors, 0);
    return root;
}

#define RUNNING                                                                                    \
    "hostname a\nusername ann\n!\ncrypto ca trustpoint t\n description d\n!\n"                     \
    "crypto ca trustpoint tt\n description d\n!\nsnmp-server community public RO\n"

/* What is left of all warnings, one after the other. */
static void assert_kept(const char *candidate, const char *expected)
{
    static const char *const lines[] = {"hostname",
                                        "username ann",
                                        "crypto ca trustpoint t",
                                        "crypto ca trustpoint t description",
                                        "crypto ca",
                                        "no crypto ca trustpoint tt",
                                        "snmp-server community public RO"};
    _cleanup_json_ json_object *from = tree_of(RUNNING), *to = tree_of(candidate);
    FailureList warnings = {.n = 0};
    char told[256] = "";

    for (size_t i = 0; i < ELEMENTSOF(lines); i++)
        assert_int_equal(failures_add(&warnings, lines[i], "why"), 0);
    assert_int_equal(warnings_keep_changed(&warnings, from, to), 0);
    for (size_t i = 0; i < warnings.n; i++)
        (void)snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s;",
                       warnings.items[i].line);
    assert_string_equal(told, expected);
    failures_clear(&warnings);
}

static void test_what_is_touched(void **state)
{
    assert_kept(RUNNING, "");
    assert_kept("hostname b\nusername ann\n!\ncrypto ca trustpoint t\n description d\n!\n"
                "crypto ca trustpoint tt\n description d\n!\nsnmp-server community public RO\n",
                "hostname;");
    /* All of an object, and what stands for it as a whole; not one whose name begins like it. */
    assert_kept("hostname a\nusername ann\n!\ncrypto ca trustpoint t\n!\n"
                "crypto ca trustpoint tt\n description d\n!\nsnmp-server community public RO\n",
                "crypto ca trustpoint t;crypto ca trustpoint t description;crypto ca;");
    assert_kept("hostname a\nusername ann\n group one\n!\ncrypto ca trustpoint t\n description d\n"
                "!\ncrypto ca trustpoint tt\n description d\n!\ncrypto ca trustpoint x\n!\n"
                "snmp-server community other RO\n",
                "username ann;crypto ca;snmp-server community public RO;");
    assert_kept("hostname a\nusername ann\n!\ncrypto ca trustpoint t\n description d\n!\n"
                "snmp-server community public RO\n",
                "crypto ca;no crypto ca trustpoint tt;");
}

static void test_users(void **state)
{
    _cleanup_json_ json_object *root = tree_of("username ann\n!\nusername bob\n group one\n!\n"
                                               "username eve\n no group one\n!\n"),
                               *section = config_section(root, SECTION_AAA);
    FailureList warnings = {.n = 0};

    assert_int_equal(warn_of_users(section, &warnings), 0);
    assert_int_equal(warnings.n, 2);
    assert_string_equal(warnings.items[0].line, "username ann");
    assert_string_equal(warnings.items[1].line, "username eve");
    failures_clear(&warnings);
}

static void assert_text(const char *const (*failed)[2], const char *expected)
{
    _cleanup_free_ char *text = NULL;
    FailureList list = {.n = 0};

    for (; (*failed)[0]; failed++)
        assert_int_equal(failures_add(&list, (*failed)[0], (*failed)[1]), 0);
    text = failures_text(&list);
    assert_string_equal(text, expected);
    failures_clear(&list);
}

#define FAILED(...) ((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

/* What failed, in the layout of the configuration: an object once, with all its lines. */
static void test_failures_as_text(void **state)
{
    ConfigLoad load;
    _cleanup_json_ json_object *root = json_object_new_object();
    static const char both[] = "crypto ca trustpoint t\n!!% whole\n keypair rsa x\n!!% one\n no "
                               "vrf\n!!% two\n!\nhostname a\n!!% bad name\n!\n";

    assert_text(FAILED({NULL, NULL}), "");
    assert_text(FAILED({"hostname a", "bad\nname\x1b[1m"}), "hostname a\n!!% bad name [1m\n!\n");
    assert_text(FAILED({"crypto ca trustpoint t keypair rsa x", "one"}, {"hostname a", "bad name"},
                       {"no crypto ca trustpoint t vrf", "two"},
                       {"crypto ca trustpoint t", "whole"}),
                both);
    assert_text(FAILED({"crypto ca trustpoint t", "whole"},
                       {"crypto ca trustpoint t keypair rsa x", "one"},
                       {"no crypto ca trustpoint t vrf", "two"}, {"hostname a", "bad name"}),
                both);
    /* One whose name begins like it is another one; modes without names; and what is no line. */
    assert_text(FAILED({"taskgroup a inherit taskgroup b", "x"}, {"taskgroup aa task read b", "y"},
                       {"line default session-timeout 1", "z"}, {"commit 1000000007", "damaged"},
                       {"no usergroup u", "used"}, {"crypto ca", "w"}),
                "taskgroup a\n inherit taskgroup b\n!!% x\n!\ntaskgroup aa\n task read b\n!!% "
                "y\n!\nline default\n session-timeout 1\n!!% z\n!\ncommit 1000000007\n!!% "
                "damaged\n!\nno usergroup u\n!!% used\n!\ncrypto ca\n!!% w\n!\n");
    /* The reasons are comments for who loads it. */
    assert_int_equal(config_load(parser, both, STRLEN(both), apply, root, &load), 0);
    assert_int_equal(load.n_errors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_touched),
        cmocka_unit_test(test_failures_as_text),
        cmocka_unit_test(test_users),
    };

    return cmocka_run_group_tests(tests, parser_setup, parser_teardown);
}
