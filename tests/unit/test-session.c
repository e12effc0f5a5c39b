/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: private changes, what others commit meanwhile, and limits. */
#include "config-parser-fixture.h"

#include "json-util.h"
#include "session.h"

static int enter(Session *session, const char *line)
{
    ConfigParsed parsed;
    int r;

    assert_int_equal(config_parse(parser, &session->place, line, &parsed), 0);
    assert_int_equal(parsed.status, GRAMMAR_OK);
    r = session_accept(session, &parsed);
    config_parsed_done(&parsed);
    return r;
}

static json_object *tree_of(const char *line)
{
    _cleanup_json_ json_object *nothing = json_object_new_object();
    _cleanup_(session_freep) Session *session = session_new(1, nothing, 0);

    assert_int_equal(enter(session, line), 0);
    return json_object_get(session_view(session));
}

static void assert_text(json_object *old, json_object *new, const char *expected)
{
    _cleanup_free_ char *text = config_render(old, new, CONFIG_OPEN);

    assert_string_equal(text, expected);
}

static void test_changes_are_private(void **state)
{
    _cleanup_json_ json_object *base = tree_of("hostname a");
    _cleanup_(session_freep) Session *session = session_new(1, base, 7);

    assert_false(session_is_changed(session));
    assert_int_equal(enter(session, "domain name d"), 0);
    assert_true(session_is_changed(session));
    assert_text(NULL, base, "hostname a\n");
    assert_text(base, session_view(session), "domain name d\n");
    /* What is taken back is no change, nor is what was there already. */
    assert_int_equal(enter(session, "no domain name"), 0);
    assert_int_equal(enter(session, "hostname a"), 0);
    assert_false(session_is_changed(session));
    assert_int_equal(enter(session, "no hostname"), 0);
    assert_true(session_is_changed(session));
    session_reset(session, base, 8);
    assert_false(session_is_changed(session));
    assert_int_equal(session->base_id, 8);
}

static void test_modes(void **state)
{
    _cleanup_json_ json_object *base = json_object_new_object();
    _cleanup_(session_freep) Session *session = session_new(1, base, 0);

    assert_false(session_up(session));
    assert_int_equal(enter(session, "crypto ca trustpoint t"), 0);
    assert_int_equal(enter(session, "description x y"), 0);
    assert_int_equal(session->place.mode, CONFIG_MODE_TRUSTPOINT);
    assert_true(session_up(session));
    assert_int_equal(session->place.mode, CONFIG_MODE_TOP);
    assert_text(NULL, session_view(session), "crypto ca trustpoint t\n description x y\n!\n");
}

/* Only what this session changed is put upon what others have committed. */
static void test_rebase(void **state)
{
    _cleanup_json_ json_object *base = tree_of("hostname a"), *running = tree_of("domain name d"),
                               *rebased = NULL;
    _cleanup_(session_freep) Session *session = session_new(1, base, 1);

    assert_int_equal(enter(session, "username ann group operator"), 0);
    assert_int_equal(session_rebase(session, running, &rebased), 0);
    assert_text(NULL, rebased, "domain name d\nusername ann\n group operator\n!\n");
    assert_text(NULL, running, "domain name d\n");
}

/* What a commit that replaces everything takes: what was entered, be it there already. */
static void test_entered(void **state)
{
    _cleanup_json_ json_object *base = tree_of("hostname a"), *nothing = NULL, *entered = NULL;
    _cleanup_(session_freep) Session *session = session_new(1, base, 0);

    nothing = session_entered(session);
    assert_text(NULL, nothing, "");
    assert_int_equal(enter(session, "hostname a"), 0);
    assert_int_equal(enter(session, "domain name d"), 0);
    assert_int_equal(enter(session, "crypto ca trustpoint t description d"), 0);
    assert_int_equal(enter(session, "no domain name"), 0);
    entered = session_entered(session);
    assert_text(NULL, entered, "hostname a\ncrypto ca trustpoint t\n description d\n!\n");
    session_reset(session, base, 1);
    json_object_put(nothing);
    nothing = session_entered(session);
    assert_text(NULL, nothing, "");
}

static void test_copies_are_tried_out(void **state)
{
    _cleanup_json_ json_object *base = tree_of("hostname a");
    _cleanup_(session_freep) Session *session = session_new(1, base, 0), *copy = NULL;
    ConfigParsed parsed;

    assert_int_equal(enter(session, "domain name d"), 0);
    copy = session_copy_changes(session);
    assert_non_null(copy);
    assert_int_equal(enter(copy, "hostname b"), 0);
    assert_text(base, session_view(session), "domain name d\n");
    assert_int_equal(enter(session, "crypto ca trustpoint t"), 0);
    session_take_changes(session, copy);
    assert_text(base, session_view(session), "hostname b\ndomain name d\n");
    assert_int_equal(session->place.mode, CONFIG_MODE_TOP);
    assert_int_equal(config_parse(parser, &session->place, "no hostname", &parsed), 0);
    assert_int_equal(session_enter(session, &parsed.line), 0);
    config_parsed_done(&parsed);
    assert_text(base, session_view(session), "no hostname\ndomain name d\n");
}

static void test_place(void **state)
{
    _cleanup_json_ json_object *base = json_object_new_object();
    _cleanup_(session_freep) Session *session = session_new(1, base, 0);
    static const char *const lines[] = {"crypto ca trustpoint t", "crypto ca trustpool policy"};
    char *text = session_place_text(session);

    assert_string_equal(text, "");
    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        free(text);
        assert_int_equal(enter(session, lines[i]), 0);
        text = session_place_text(session);
        assert_string_equal(text, lines[i]);
    }
    free(text);
}

static void test_size_is_bounded(void **state)
{
    _cleanup_json_ json_object *base = json_object_new_object();
    _cleanup_(session_freep) Session *session = session_new(1, base, 0);
    _cleanup_free_ char *text = NULL;
    char line[1024];
    int r = 0;

    for (unsigned i = 0; i < 4000 && r == 0; i++) {
        (void)snprintf(line, sizeof(line), "crypto ca trustpoint t%u subject-name CN=%0700u", i, i);
        r = enter(session, line);
    }
    assert_int_equal(r, -EDQUOT);
    text = config_canonical_text(session_view(session));
    assert_in_range(strlen(text), CANDIDATE_SIZE_MAX / 2, CANDIDATE_SIZE_MAX);
    /* Removing is always possible, and makes room. */
    assert_int_equal(enter(session, "no crypto ca trustpoint t1"), 0);
    assert_int_equal(enter(session, "no crypto ca trustpoint t2"), 0);
    assert_int_equal(enter(session, "no crypto ca trustpoint t3"), 0);
    assert_int_equal(enter(session, "hostname x"), 0);
}

static void test_failures(void **state)
{
    _cleanup_json_ json_object *base = json_object_new_object();
    _cleanup_(session_freep) Session *session = session_new(1, base, 0);

    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(failures_add(&session->failures, "line", "reason"), 0);
    assert_in_range(session->failures.n, 1, 999);
    failures_clear(&session->failures);
    assert_int_equal(session->failures.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_are_private),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_rebase),
        cmocka_unit_test(test_entered),
        cmocka_unit_test(test_copies_are_tried_out),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_failures),
    };

    return cmocka_run_group_tests(tests, parser_setup, parser_teardown);
}
