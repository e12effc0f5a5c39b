/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown can be loaded, whatever it is: configurations by chance, from the grammar's table.
 * CHANCERY_SEED=N goes through the same ones again. */
#include "test-common.h"

#include "config-generator.h"
#include "config-load.h"
#include "json-util.h"

#define ROUNDS 160U
#define LINES 60U
#define SEED 1000000001U
#define ROWS_MAX 512U

static ConfigParser *parser;
static Chance by_chance;
/* How often each row was taken, set and removed, and was rendered. */
static unsigned set_rows[ROWS_MAX], removed_rows[ROWS_MAX], rendered_rows[ROWS_MAX];

static int set_up(void **state)
{
    const char *seed = getenv("CHANCERY_SEED");

    parser = config_parser_new();
    by_chance.state = seed ? strtoull(seed, NULL, 10) : SEED;
    print_message("# CHANCERY_SEED=%llu\n", (unsigned long long)by_chance.state);
    return parser && by_chance.state != 0 && config_n_rows <= ROWS_MAX ? 0 : -1;
}

static int tear_down(void **state)
{
    parser = config_parser_free(parser);
    return 0;
}

static int take(const ConfigParsed *parsed, void *userdata)
{
    size_t row = (size_t)(parsed->line.row - config_rows);

    (parsed->line.remove ? removed_rows : set_rows)[row]++;
    return config_apply(userdata, &parsed->line);
}

/* Returns how many lines were taken. */
static unsigned load(json_object *root, const char *text, bool all)
{
    ConfigLoad result;

    assert_int_equal(config_load(parser, text, strlen(text), take, root, &result), 0);
    if (all && result.n_errors > 0)
        fail_msg("line %u, column %zu: %s, in:\n%s", result.errors[0].line, result.errors[0].column,
                 result.errors[0].message, text);
    return result.n_errors > 0 ? 0 : result.n_lines;
}

/* On top of what is there. */
static void add_by_chance(json_object *root)
{
    for (unsigned i = 0; i < LINES; i++) {
        unsigned row = chance_below(&by_chance, (unsigned)config_n_rows);
        _cleanup_free_ char *line = NULL;
        size_t size;
        FILE *f = open_memstream(&line, &size);

        assert_non_null(f);
        chance_line(&by_chance, f, &config_rows[row], chance_below(&by_chance, 5) == 0);
        assert_int_equal(fclose(f), 0);
        (void)load(root, line, false);
    }
}

static void assert_same(json_object *a, json_object *b, const char *text)
{
    _cleanup_free_ char *one = config_canonical_text(a), *two = config_canonical_text(b);

    assert_non_null(one);
    assert_non_null(two);
    if (!streq(one, two))
        fail_msg("not the same again:\n%s\n%s\nafter loading:\n%s", one, two, text);
}

/* Typed, line by line: there no mark leads out of a mode. */
static void enter(json_object *root, const char *text)
{
    ConfigPlace place = {CONFIG_MODE_TOP, NULL};
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy;

    assert_non_null(copy);
    for (char *line; (line = strsep(&rest, "\n"));) {
        ConfigParsed parsed;

        assert_int_equal(config_parse(parser, &place, line, &parsed), 0);
        if (parsed.status == GRAMMAR_OK) {
            assert_int_equal(config_apply(root, &parsed.line), 0);
            config_place_done(&place);
            place = parsed.next;
            parsed.next.name = NULL;
        } else if (parsed.status != GRAMMAR_EMPTY) {
            fail_msg("'%s' was shown, and cannot be entered", line);
        }
        config_parsed_done(&parsed);
    }
    config_place_done(&place);
}

static int count_row(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    if (event == CONFIG_EVENT_LINE || event == CONFIG_EVENT_NEW)
        rendered_rows[line->row - config_rows]++;
    return 0;
}

static void check_whole(json_object *root)
{
    _cleanup_free_ char *text = config_render(NULL, root, CONFIG_OPEN);
    _cleanup_json_ json_object *loaded = json_object_new_object(),
                               *entered = json_object_new_object();

    assert_non_null(text);
    assert_int_equal(config_compare(NULL, root, count_row, NULL), 0);
    (void)load(loaded, text, true);
    assert_same(root, loaded, text);
    enter(entered, text);
    assert_same(root, entered, text);
}

/* The text of a change makes it; so does replaying it; and a diff has no line that is in neither.
 */
static void check_change(json_object *from, json_object *to)
{
    _cleanup_free_ char *text = config_render(from, to, CONFIG_OPEN),
                        *diff = config_render_diff(from, to, CONFIG_OPEN);
    _cleanup_json_ json_object *loaded = config_canonical(from), *replayed = NULL;

    assert_non_null(text);
    assert_non_null(diff);
    (void)load(loaded, text, true);
    assert_same(to, loaded, text);
    assert_int_equal(config_replay(from, to, from, &replayed), 0);
    assert_same(to, replayed, text);
    assert_int_equal(json_object_equal(from, to), *diff == '\0');
}

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* The parts by their first words are, in all, the whole; and each can be loaded. */
static void check_parts(json_object *root)
{
    _cleanup_free_ char *text = config_render(NULL, root, CONFIG_OPEN);
    _cleanup_json_ json_object *together = json_object_new_object();
    size_t n = 0;

    assert_non_null(text);
    for (size_t i = 0; i < config_n_rows; i++) {
        size_t length = strcspn(config_rows[i].head, " ");
        _cleanup_free_ char *word = strndup(config_rows[i].head, length), *shown = NULL;
        _cleanup_json_ json_object *part = NULL;
        bool known = config_rows[i].mode != CONFIG_MODE_TOP;

        for (size_t j = 0; j < i && !known; j++)
            known = config_rows[j].mode == CONFIG_MODE_TOP &&
                    strncmp(config_rows[j].head, config_rows[i].head, length + 1) == 0;
        if (known || config_filter(root, (char *[]){word, NULL}, &part) == -ENOENT)
            continue;
        shown = config_render(NULL, part, CONFIG_OPEN);
        assert_non_null(shown);
        (void)load(together, shown, true);
        n += count_lines(shown);
    }
    assert_same(root, together, text);
    assert_int_equal(n, count_lines(text));
}

static void test_what_is_shown_can_be_loaded(void **state)
{
    _cleanup_json_ json_object *nothing = json_object_new_object();

    for (unsigned i = 0; i < ROUNDS; i++) {
        _cleanup_json_ json_object *one = json_object_new_object(), *two = NULL;

        add_by_chance(one);
        two = config_canonical(one);
        add_by_chance(two);
        check_whole(one);
        check_parts(two);
        check_change(one, two);
        check_change(two, one);
        check_change(two, nothing);
    }
}

/* A test by chance that leaves out half of the table says nothing about it. */
static void test_every_row_was_tried(void **state)
{
    for (size_t i = 0; i < config_n_rows; i++)
        /* A secret in clear is neither loaded nor shown. */
        if (config_rows[i].alias)
            assert_true(set_rows[i] > 0 && rendered_rows[i] == 0);
        else if (config_rows[i].kind == CONFIG_SECRET
                     ? set_rows[i] + rendered_rows[i] > 0
                     : set_rows[i] == 0 || removed_rows[i] == 0 || rendered_rows[i] == 0)
            fail_msg("'%s' was set %u times, removed %u times, rendered %u times",
                     config_rows[i].head, set_rows[i], removed_rows[i], rendered_rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_shown_can_be_loaded),
        cmocka_unit_test(test_every_row_was_tried),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
