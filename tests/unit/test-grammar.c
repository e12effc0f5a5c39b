/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "grammar.h"

#define TEXT_SIZE 512U
#define HELP(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Parses a line with a single pattern, and says how it went: "ok a=1 b=2" or "invalid 3". */
static const char *outcome(const char *pattern, const char *const *help, const char *line)
{
    static const char *const names[] = {"ok",         "empty",     "invalid",
                                        "incomplete", "ambiguous", "unmatched"};
    static char text[1024];
    const GrammarCommand commands[] = {{pattern, help, 1, NULL}, {0}};
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);
    GrammarMatch m;
    size_t n;

    assert_non_null(g);
    assert_int_equal(grammar_parse(g, line, &m), 0);
    n = (size_t)snprintf(text, sizeof(text), "%s", names[m.status]);
    if (m.status == GRAMMAR_INVALID || m.status == GRAMMAR_AMBIGUOUS ||
        m.status == GRAMMAR_UNMATCHED_QUOTE)
        snprintf(text + n, sizeof(text) - n, " %zu", m.column);
    for (size_t i = 0; i < m.n_arguments && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              m.arguments[i].is_keyword ? " %s" : " %s=%s", m.arguments[i].name,
                              m.arguments[i].value);
    grammar_match_done(&m);
    return text;
}

static void test_keywords(void **state)
{
    const char *const *help = HELP("Show", "Version");

    assert_string_equal(outcome("show version", help, "show version"), "ok show version");
    assert_string_equal(outcome("show version", help, "  sh\tVER  "), "ok show version");
    assert_string_equal(outcome("show version", help, "show"), "incomplete");
    assert_string_equal(outcome("show version", help, "show version now"), "invalid 13");
    assert_string_equal(outcome("show version", help, ""), "empty");
    assert_string_equal(outcome("show version", help, " ! a comment"), "empty");
    assert_string_equal(outcome("show version", help, "   "), "empty");
}

static void test_error_column_is_the_first_bad_character(void **state)
{
    const char *const *help = HELP("Show", "Version");

    assert_string_equal(outcome("show version", help, "show vesrion"), "invalid 7");
    assert_string_equal(outcome("show version", help, "show versions"), "invalid 12");
    assert_string_equal(outcome("show version", help, "xhow"), "invalid 0");
    assert_string_equal(outcome("show version", help, "sh \033[31m"), "invalid 3");
    assert_string_equal(outcome("show version", help, "show version\n"), "invalid 12");
}

/* Some types have more to say than where it went wrong. */
static void test_rule(void **state)
{
    static const struct {
        const char *line;
        bool is_told;
    } lines[] = {{"sign nonce 0xzz", true},     {"sign nonce 0x", true},
                 {"sign nonce -1 chain", true}, {"sign chain nonce 1.5", true},
                 {"sign nonce", false},         {"sign nonce 7 nonce 8", false},
                 {"sing nonce 7", false},       {"sign nonce 7", false}};
    const GrammarCommand commands[] = {
        {"sign [{nonce <n:nonce>|chain}]", HELP("Sign", "Nonce", "Its value", "Chain"), 1, NULL},
        {0}};
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);
    GrammarMatch m;

    assert_non_null(g);
    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        assert_int_equal(grammar_parse(g, lines[i].line, &m), 0);
        assert_int_equal(m.rule != NULL, lines[i].is_told);
        if (m.rule)
            assert_int_equal(m.status, GRAMMAR_INVALID);
        grammar_match_done(&m);
    }
    assert_string_equal(outcome(commands[0].pattern, commands[0].help, "sign chain nonce 1580"),
                        "ok sign chain nonce n=1580");
    assert_string_equal(outcome(commands[0].pattern, commands[0].help, "sign chain nonce x"),
                        "invalid 17");
}

static void test_exact_keyword_wins(void **state)
{
    const GrammarCommand commands[] = {
        {"task <x:word>", (const char *const[]){"t", "x", NULL}, 1, NULL},
        {"taskgroup <x:word>", (const char *const[]){"t", "x", NULL}, 2, NULL},
        {"tasks", (const char *const[]){"t", NULL}, 3, NULL},
        {0},
    };
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);
    GrammarMatch m;

    assert_non_null(g);
    assert_int_equal(grammar_parse(g, "task a", &m), 0);
    assert_int_equal(m.status, GRAMMAR_OK);
    assert_int_equal(m.command->id, 1);
    grammar_match_done(&m);
    assert_int_equal(grammar_parse(g, "taskg a", &m), 0);
    assert_int_equal(m.command->id, 2);
    grammar_match_done(&m);
    assert_int_equal(grammar_parse(g, "tas a", &m), 0);
    assert_int_equal(m.status, GRAMMAR_AMBIGUOUS);
    assert_int_equal(m.column, 0);
    grammar_match_done(&m);
}

static void test_keyword_before_argument_before_line(void **state)
{
    const char *const *help = HELP("s", "c", "l", "l");
    const char *pattern = "subject (ca-certificate <ca:line>|<leaf:line>)";

    assert_string_equal(outcome(pattern, help, "subject ca-certificate CN=x, O=y "),
                        "ok subject ca-certificate ca=CN=x, O=y");
    assert_string_equal(outcome(pattern, help, "subject  CN=x,  O=y"),
                        "ok subject leaf=CN=x,  O=y");
    assert_string_equal(outcome(pattern, help, "subject"), "incomplete");
    assert_string_equal(outcome(pattern, help, "subject ca "), "incomplete");
    assert_string_equal(outcome(pattern, help, "subject \"CN=x\" \"y"),
                        "ok subject leaf=\"CN=x\" \"y");
    assert_string_equal(outcome("v (<n:number(1-9)>|<rest:line>)", HELP("v", "n", "r"), "v 5"),
                        "ok v n=5");
    assert_string_equal(outcome("v (<n:number(1-9)>|<rest:line>)", HELP("v", "n", "r"), "v 5 6"),
                        "invalid 4");
    assert_string_equal(outcome("v (<n:number(1-9)>|<rest:line>)", HELP("v", "n", "r"), "v 55 6"),
                        "ok v rest=55 6");
}

static void test_alternatives_and_optionals(void **state)
{
    const char *const *help = HELP("k", "r", "g", "l", "e", "a|b|c", "l");
    const char *pattern = "key (rsa [general-keys] [<label:label>]|ecdsa "
                          "<curve:nistp256|nistp384|nistp521> [<label:label>])";

    assert_string_equal(outcome(pattern, help, "key rsa"), "ok key rsa");
    assert_string_equal(outcome(pattern, help, "key rsa general"), "ok key rsa general-keys");
    assert_string_equal(outcome(pattern, help, "key rsa general a.b"),
                        "ok key rsa general-keys label=a.b");
    assert_string_equal(outcome(pattern, help, "key rsa mine"), "ok key rsa label=mine");
    assert_string_equal(outcome(pattern, help, "key rsa mine general-keys"), "invalid 13");
    assert_string_equal(outcome(pattern, help, "key ecdsa nistp3 x"),
                        "ok key ecdsa curve=nistp384 label=x");
    assert_string_equal(outcome(pattern, help, "key ecdsa nistp"), "ambiguous 10");
    assert_string_equal(outcome(pattern, help, "key ecdsa"), "incomplete");
    assert_string_equal(outcome("a [b|c] d", HELP("a", "b", "c", "d"), "a d"), "ok a d");
    assert_string_equal(outcome("a [b|c] d", HELP("a", "b", "c", "d"), "a c d"), "ok a c d");
    assert_string_equal(outcome("a [b|c] d", HELP("a", "b", "c", "d"), "a b c d"), "invalid 4");
}

static void test_repeats(void **state)
{
    const char *pattern =
        "show [include {packages|reboot-history|rollback-history}] [nonce <n:number(0-65535)>]";
    const char *const *help = HELP("s", "i", "p", "r", "r", "n", "n");

    assert_string_equal(outcome(pattern, help, "show"), "ok show");
    assert_string_equal(outcome(pattern, help, "show include"), "incomplete");
    assert_string_equal(outcome(pattern, help, "show include rollback packages"),
                        "ok show include rollback-history packages");
    assert_string_equal(outcome(pattern, help, "show include packages packages"), "invalid 22");
    assert_string_equal(outcome(pattern, help, "show include packages nonce 7"),
                        "ok show include packages nonce n=7");
    assert_string_equal(outcome(pattern, help, "show nonce 7 include packages"), "invalid 13");
    assert_string_equal(outcome(pattern, help, "show include re"),
                        "ok show include reboot-history");
    assert_string_equal(outcome(pattern, help, "show include r"), "ambiguous 13");

    assert_string_equal(outcome("u {<u:sign|wrap>}", HELP("u", "u"), "u wrap sign"),
                        "ok u u=wrap u=sign");
    assert_string_equal(outcome("u {<u:sign|wrap>}", HELP("u", "u"), "u wrap wrap"), "invalid 7");
    assert_string_equal(outcome("u {<u:word>}", HELP("u", "u"), "u a a b"), "ok u u=a u=a u=b");
    assert_string_equal(outcome("commit {label <l:label>|comment <c:line>}",
                                HELP("c", "l", "l", "c", "c"), "commit comment label x"),
                        "ok commit comment c=label x");
    assert_string_equal(outcome("commit {label <l:label>|comment <c:line>}",
                                HELP("c", "l", "l", "c", "c"), "commit lab x com a b"),
                        "ok commit label l=x comment c=a b");
}

static void test_types(void **state)
{
    const char *const *help = HELP("a", "x");

    assert_string_equal(outcome("a <x:number(1-100)>", help, "a 100"), "ok a x=100");
    assert_string_equal(outcome("a <x:number(1-100)>", help, "a 101"), "invalid 2");
    assert_string_equal(outcome("a <x:number(1-100)>", help, "a 0"), "invalid 2");
    assert_string_equal(outcome("a <x:number(1-100)>", help, "a +5"), "invalid 2");
    assert_string_equal(outcome("a <x:number(1-100)>", help, "a 18446744073709551617"),
                        "invalid 2");
    assert_string_equal(outcome("a <x:label>", help, "a ../x"), "invalid 2");
    assert_string_equal(outcome("a <x:label>", help, "a x.y"), "ok a x=x.y");
    assert_string_equal(outcome("a <x:hostname>", help, "a r1.example.com"),
                        "ok a x=r1.example.com");
    assert_string_equal(outcome("a <x:hostname>", help, "a r1..com"), "invalid 2");
    assert_string_equal(outcome("a <x:ipv4>", help, "a 10.1.1.1"), "ok a x=10.1.1.1");
    assert_string_equal(outcome("a <x:ipv4>", help, "a 10.1.1.256"), "invalid 2");
    assert_string_equal(outcome("a <x:ipv6>", help, "a 2001:db8::1"), "ok a x=2001:db8::1");
    assert_string_equal(outcome("a <x:url(1-18)>", help, "a http://ca.example/x"), "invalid 2");
    assert_string_equal(outcome("a <x:url(1-30)>", help, "a http://ca.example/x"),
                        "ok a x=http://ca.example/x");
    assert_string_equal(outcome("a <x:url>", help, "a ca.example"), "invalid 2");
    assert_string_equal(outcome("a <x:word(2-4)>", help, "a x"), "invalid 2");
    assert_string_equal(outcome("a <x:word(2-4)>", help, "a xyzw"), "ok a x=xyzw");
    assert_string_equal(outcome("a <x:line(1-5)>", help, "a 1 3 5"), "ok a x=1 3 5");
    assert_string_equal(outcome("a <x:line(1-5)>", help, "a 1 3 5 7"), "invalid 2");
}

static void test_quotes(void **state)
{
    const char *const *help = HELP("a", "x", "b");
    const char *pattern = "a <x:quoted> [b]";

    assert_string_equal(outcome(pattern, help, "a '{\"n\": 1}' b"), "ok a x={\"n\": 1} b");
    assert_string_equal(outcome(pattern, help, "a \"x \\\" \\\\ y\""), "ok a x=x \" \\ y");
    assert_string_equal(outcome(pattern, help, "a ''"), "ok a x=");
    assert_string_equal(outcome(pattern, help, "a bare"), "ok a x=bare");
    assert_string_equal(outcome(pattern, help, "a \"open b"), "unmatched 2");
    assert_string_equal(outcome(pattern, help, "a 'x'b"), "invalid 5");
    assert_string_equal(outcome("a <x:label>", HELP("a", "x"), "a \"x\""), "invalid 2");
}

static void test_limits(void **state)
{
    char line[GRAMMAR_LINE_MAX + 16];

    memset(line, 'x', sizeof(line));
    memcpy(line, "a ", 2);
    line[GRAMMAR_LINE_MAX] = '\0';
    assert_int_equal(strncmp(outcome("a <x:line>", HELP("a", "x"), line), "ok a x=xxx", 10), 0);
    line[GRAMMAR_LINE_MAX] = 'x';
    line[GRAMMAR_LINE_MAX + 1] = '\0';
    assert_string_equal(outcome("a <x:line>", HELP("a", "x"), line), "invalid 4096");

    /* 64 words and no more */
    memset(line, 0, sizeof(line));
    for (size_t i = 0; i < GRAMMAR_ARGUMENTS_MAX; i++)
        memcpy(line + i * 2, "a ", 2);
    assert_int_equal(strncmp(outcome("{<x:word>}", HELP("x"), line), "ok", 2), 0);
    line[(size_t)GRAMMAR_ARGUMENTS_MAX * 2] = 'a';
    assert_string_equal(outcome("{<x:word>}", HELP("x"), line), "invalid 128");
}

static void test_bad_patterns(void **state)
{
    static const struct {
        const char *pattern;
        const char *help[4];
    } bad[] = {
        {"a (b|c", {"a", "b", "c"}},
        {"a b)", {"a", "b"}},
        {"a [b}", {"a", "b"}},
        {"a <x:nosuch>", {"a", "x"}},
        {"a <x:number>", {"a", "x"}},
        {"a <x:number(9-1)>", {"a", "x"}},
        {"a <x:word", {"a", "x"}},
        {"a <:word>", {"a", "x"}},
        {"a <x:b||c>", {"a", "x"}},
        {"a b", {"a"}},
        {"a", {"a", "b"}},
        {"a <x:word(1-2>", {"a", "x"}},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        GrammarCommand commands[] = {{bad[i].pattern, bad[i].help, 1, NULL}, {0}};

        assert_null(grammar_new(commands));
    }
}

static int collect(const char *word, const char *help, void *userdata)
{
    char *text = userdata;
    size_t n = strlen(text);

    (void)snprintf(text + n, TEXT_SIZE - n, "%s%s%s;", word, help[0] ? "=" : "", help);
    return 0;
}

static void test_completion(void **state)
{
    const GrammarCommand commands[] = {
        {"show version", (const char *const[]){"Show", "Version", NULL}, 1, NULL},
        {"show crypto key <type:rsa|ecdsa> [<label:label>]",
         (const char *const[]){"Other", "Crypto", "Keys", "RSA|ECDSA", "Label", NULL}, 2, NULL},
        {"show crypto ca [<name:label>]",
         (const char *const[]){"Other", "Crypto", "CA", "Name", NULL}, 3, NULL},
        {"terminal length <n:number(0-512)>",
         (const char *const[]){"Terminal", "Lines", "Number", NULL}, 4, NULL},
        {"note <text:line>", (const char *const[]){"Note", "Text", NULL}, 5, NULL},
        {0},
    };
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"", "note=Note;show=Show;terminal=Terminal;"},
        {"s", "show=Show;"},
        {"show", "show=Show;"},
        {"show ", "crypto=Crypto;version=Version;"},
        {"sh c", "crypto=Crypto;"},
        {"show x", ""},
        {"bad ", ""},
        {"show crypto key ", "ecdsa=ECDSA;rsa=RSA;"},
        {"show crypto key rsa ", "WORD=Label;<cr>;"},
        {"show crypto ca my", "WORD=Name;"},
        {"show crypto ca ../", ""},
        {"show crypto ca my ", "<cr>;"},
        {"terminal length ", "<0-512>=Number;"},
        {"terminal length 9", "<0-512>=Number;"},
        {"note ", "LINE=Text;"},
        {"note a b ", "<cr>;"},
    };
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);

    assert_non_null(g);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        char text[TEXT_SIZE] = "";

        assert_int_equal(grammar_complete(g, cases[i].line, collect, text), 0);
        assert_string_equal(text, cases[i].expected);
    }
}

static int refuse(const char *word, const char *help, void *userdata)
{
    return -E2BIG;
}

static void test_lookups(void **state)
{
    const GrammarCommand commands[] = {
        {"crypto generate <type:rsa|dsa> <label:label>", HELP("c", "g", "t", "l"), 1, NULL}, {0}};
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);
    GrammarMatch m;

    assert_int_equal(grammar_parse(g, "cry gen rsa generate", &m), 0);
    assert_int_equal(m.status, GRAMMAR_OK);
    assert_true(grammar_has(&m, "crypto"));
    assert_false(grammar_has(&m, "rsa")); /* a value, not a keyword of the pattern */
    assert_string_equal(grammar_argument(&m, "type"), "rsa");
    assert_string_equal(grammar_argument(&m, "label"), "generate");
    assert_null(grammar_argument(&m, "crypto"));
    grammar_match_done(&m);
    assert_int_equal(grammar_complete(g, "", refuse, NULL), -E2BIG);
    assert_null(grammar_free(NULL));
}

static int join(const char *word, const char *help, void *userdata)
{
    char *text = userdata;
    size_t n = strlen(text);

    (void)snprintf(text + n, TEXT_SIZE - n, "%s=%s;", word, help);
    return 0;
}

static void test_choices(void **state)
{
    static const char *const helps[] = {"Show", "What",      "Red|Green|Blue",
                                        "Size", "How large", NULL};
    const GrammarCommand commands[] = {
        {"show what {<colour:red|green|blue>} [size <n:number(1-9)>]", helps, 1, NULL}, {0}};
    static const struct {
        const char *line, *name, *choices;
    } cases[] = {
        {"show what ", "colour", "red=Red;green=Green;blue=Blue;"},
        {"sh w g ", "colour", "red=Red;blue=Blue;"},
        {"show what", "colour", "red=Red;green=Green;blue=Blue;"},
        {"show what red ", "n", ""},
        {"show ", "colour", ""},
        {"show what red size ", "colour", ""},
        {"show what red size 1 ", "colour", ""},
        {"show what nothing ", "colour", ""},
        {"", "colour", ""},
    };
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);

    assert_non_null(g);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        char text[TEXT_SIZE] = "";

        assert_int_equal(grammar_choices(g, cases[i].line, cases[i].name, join, text), 0);
        assert_string_equal(text, cases[i].choices);
    }
    assert_int_equal(grammar_choices(g, "show what ", "colour", refuse, NULL), -E2BIG);
}

static void test_typed(void **state)
{
    const GrammarCommand commands[] = {
        {"show ca [<trustpoint:label> [detail]]", HELP("s", "c", "t", "d"), 1, NULL},
        {"show all [<name:label>]", HELP("s", "a", "n"), 2, NULL},
        {0}};
    static const struct {
        const char *line, *typed;
    } cases[] = {
        {"show c", NULL},         {"show ca", NULL},    {"show all x", NULL},
        {"show bad x", NULL},     {"show ca x ", NULL}, {"show ca x d", NULL},
        {"sh ca ", ""},           {"show ca  x", "x"},  {"show ca detail", "detail"},
        {"show ca ../x", "../x"}, {"", NULL},
    };
    _cleanup_(grammar_freep) Grammar *g = grammar_new(commands);

    assert_non_null(g);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        const char *typed = grammar_typed(g, cases[i].line, "trustpoint");

        if (!streq_ptr(typed, cases[i].typed))
            fail_msg("%s: %s", cases[i].line, typed ? typed : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keywords),
        cmocka_unit_test(test_error_column_is_the_first_bad_character),
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_exact_keyword_wins),
        cmocka_unit_test(test_keyword_before_argument_before_line),
        cmocka_unit_test(test_alternatives_and_optionals),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_lookups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
