/* SPDX-License-Identifier: Apache-2.0 */
/* Earlier configurations by name, and differences: shown, and done to a third configuration. */
#include "test-common.h"

#include "config-parse.h"
#include "history.h"
#include "json-util.h"

typedef struct Scratch {
    char path[32];
    int fd;
    ConfigParser *parser;
    CommitStore *store;
} Scratch;

static void enter(const ConfigParser *parser, json_object *root, const char *text)
{
    ConfigPlace place = {CONFIG_MODE_TOP, NULL};
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy;

    for (char *line; (line = strsep(&rest, "\n"));) {
        ConfigParsed parsed;

        assert_int_equal(config_parse(parser, &place, line, &parsed), 0);
        if (parsed.status == GRAMMAR_OK) {
            assert_int_equal(config_apply(root, &parsed.line), 0);
            config_place_done(&place);
            place = parsed.next;
            parsed.next.name = NULL;
        } else {
            assert_int_equal(parsed.status, GRAMMAR_EMPTY);
        }
        config_parsed_done(&parsed);
    }
    config_place_done(&place);
}

static void commit(const Scratch *s, const char *text, const char *label)
{
    _cleanup_json_ json_object *root = config_canonical(commit_store_running(s->store));
    Commit info = {.user = (char[]){"ann"},
                   .line = (char[]){""},
                   .client = (char[]){"CLI"},
                   .label = (char *)(uintptr_t)label};

    enter(s->parser, root, text);
    assert_int_equal(commit_store_append(s->store, &info, root), 0);
}

static int set_up(void **state)
{
    Scratch *s = calloc(1, sizeof(*s));

    s->fd = scratch_open(s->path);
    s->parser = config_parser_new();
    assert_int_equal(commit_store_open(s->fd, NULL, NULL, &s->store), 0);
    commit(s, "hostname one\ncrypto ca trustpoint core\ndescription a", NULL);
    commit(s, "crypto ca trustpoint core\ndescription b\nlifetime certificate 300", "Middle");
    commit(s, "hostname three\ndomain name d", NULL);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    Scratch *s = *state;
    char path[64];

    commit_store_free(s->store);
    config_parser_free(s->parser);
    (void)snprintf(path, sizeof(path), "%s/commits", s->path);
    scratch_remove(openat(s->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
    scratch_remove(s->fd, s->path);
    free(s);
    return 0;
}

static void assert_changes(const Scratch *s, const char *kind, const char *which,
                           const char *expected)
{
    _cleanup_json_ json_object *old = NULL, *new = NULL;
    _cleanup_free_ char *text = NULL;

    assert_int_equal(history_changes(s->store, kind, which, &old, &new, NULL), 0);
    text = config_render(old, new, CONFIG_OPEN);
    assert_string_equal(text, expected);
}

static void assert_rollback(const Scratch *s, const char *kind, const char *which,
                            const char *expected)
{
    _cleanup_json_ json_object *new = NULL;
    _cleanup_free_ char *text = NULL;

    assert_int_equal(history_rollback(s->store, kind, which, &new, NULL), 0);
    text = config_render(NULL, new, CONFIG_OPEN);
    assert_string_equal(text, expected);
}

static void assert_refused(const Scratch *s, const char *kind, const char *which)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    json_object *old, *new;

    assert_true(history_changes(s->store, kind, which, &old, &new, &error) < 0);
    assert_true(sd_bus_error_is_set(&error));
    sd_bus_error_free(&error);
    assert_true(history_rollback(s->store, kind, which, &new, &error) < 0);
    assert_true(sd_bus_error_is_set(&error));
}

static void test_refused(void **state)
{
    const char *const counts[] = {"", "0", "-1", "1x", "4", "99999999999999999999"};

    for (size_t i = 0; i < ELEMENTSOF(counts); i++)
        assert_refused(*state, "last", counts[i]);
    assert_refused(*state, "commit", "1000000004");
    assert_refused(*state, "commit", "middle");
    assert_refused(*state, "commit", "");
    assert_refused(*state, "nothing", "1");
}

#define MIDDLE "crypto ca trustpoint core\n description b\n lifetime certificate 300\n!\n"
#define LAST "hostname three\ndomain name d\n"

static void test_changes(void **state)
{
    assert_changes(*state, "commit", "1000000001",
                   "hostname one\ncrypto ca trustpoint core\n description a\n!\n");
    assert_changes(*state, "commit", "Middle", MIDDLE);
    assert_changes(*state, "last", "1", LAST);
    assert_changes(*state, "since", "1000000002", LAST MIDDLE);
    assert_changes(*state, "last", "3", LAST MIDDLE);
    assert_changes(*state, "all", "", LAST MIDDLE);
}

static void test_rollback(void **state)
{
    assert_rollback(*state, "last", "1", "hostname one\n" MIDDLE);
    assert_rollback(*state, "to", "Middle",
                    "hostname one\ncrypto ca trustpoint core\n description a\n!\n");
    assert_rollback(*state, "to-exclude", "1000000002", "hostname one\n" MIDDLE);
    assert_rollback(*state, "to", "1000000001", "");
    /* What came later stays. */
    assert_rollback(*state, "commit", "Middle",
                    LAST "crypto ca trustpoint core\n description a\n!\n");
}

static void assert_diff(const Scratch *s, const char *old, const char *new, const char *expected)
{
    _cleanup_json_ json_object *a = json_object_new_object(), *b = json_object_new_object();
    _cleanup_free_ char *text = NULL;

    enter(s->parser, a, old);
    enter(s->parser, b, new);
    text = config_render_diff(a, b, CONFIG_OPEN);
    assert_string_equal(text, expected);
}

static void test_diff(void **state)
{
    assert_diff(*state, "hostname a", "hostname a", "");
    assert_diff(*state, "", "hostname a", "+  hostname a\n");
    assert_diff(*state, "hostname a", "", "-  hostname a\n");
    assert_diff(*state, "hostname a", "hostname b", "-  hostname a\n+  hostname b\n");
    assert_diff(*state, "taskgroup g\ntask read aaa\ntask read bgp",
                "taskgroup g\ntask read aaa\ntask read ospf",
                "   taskgroup g\n-   task read bgp\n+   task read ospf\n   !\n");
    assert_diff(*state, "", "taskgroup g\ntask read aaa\n!\nhostname a",
                "+  hostname a\n+  taskgroup g\n+   task read aaa\n+  !\n");
    assert_diff(*state, "taskgroup g\ntask read aaa\n!\nhostname a", "",
                "-  hostname a\n-  taskgroup g\n-   task read aaa\n-  !\n");
    /* Two rows that share a place in the tree. */
    assert_diff(*state, "crypto ca trustpoint c\nip-address none",
                "crypto ca trustpoint c\nip-address 10.1.1.1",
                "   crypto ca trustpoint c\n-   ip-address none\n+   ip-address 10.1.1.1\n   !\n");
}

static void test_base_of_pruned_history_is_unknown(void **state)
{
    const Scratch *s = *state;
    json_object *tree;

    for (unsigned i = 0; i < COMMITS_MAX; i++)
        commit(s, i % 2 ? "hostname odd" : "hostname even", NULL);
    assert_int_equal(commit_store_read(s->store, COMMITS_MAX, &tree), -ENOENT);
    assert_refused(s, "last", "100");
    assert_refused(s, "commit", "1000000001");
    /* All that are kept: relative to the oldest. */
    assert_changes(s, "all", "", "hostname odd\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rollback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_diff, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_of_pruned_history_is_unknown, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
