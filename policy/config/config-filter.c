/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the configuration by the words of its section. */
#include <strings.h>

#include "config-tree.h"
#include "json-util.h"

/* Word number i of the row's keywords; its length in *ret_length, 0 behind the last. */
static const char *keyword(const ConfigRow *row, size_t i, size_t *ret_length)
{
    const char *at = row->head;

    for (; i > 0 && *at; i--) {
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    *ret_length = strcspn(at, " ");
    return at;
}

/* Drops the rows whose keyword number i is not what the word means. */
static int narrow(bool *alive, size_t i, const char *word)
{
    const char *first = NULL;
    size_t first_length = 0, n = strlen(word);
    bool exact = false, ambiguous = false;

    for (size_t r = 0; r < config_n_rows; r++) {
        size_t length;
        const char *k = keyword(&config_rows[r], i, &length);

        if (!alive[r] || length < n || n == 0 || strncasecmp(k, word, n) != 0)
            continue;
        if (first && (length != first_length || strncmp(k, first, length) != 0))
            ambiguous = true;
        if (!exact && (!first || length == n)) {
            first = k;
            first_length = length;
        }
        exact = exact || length == n;
    }
    if (ambiguous && !exact)
        return -ENOTUNIQ;
    for (size_t r = 0; r < config_n_rows; r++) {
        size_t length;
        const char *k = keyword(&config_rows[r], i, &length);

        /* Behind its keywords a row stays: the word may be the name of its instance. */
        if (alive[r] && length > 0)
            alive[r] = first && length == first_length && strncmp(k, first, length) == 0;
    }
    return 0;
}

static size_t count_keywords(const ConfigRow *row)
{
    size_t n = 0, length;

    for (;; n++) {
        (void)keyword(row, n, &length);
        if (length == 0)
            return n;
    }
}

/* What is to be copied of a kind of line: all of it, an instance, or what in there has these words.
 */
typedef struct Copy {
    const ConfigRow *row;
    const char *name;   /* of the instance; NULL: all of them */
    char *const *words; /* behind that; NULL or empty: everything */
    json_object *to;
    bool found;
} Copy;

static bool same_word(const char *word, const char *at, size_t length, bool is_keyword)
{
    size_t n = strlen(word);

    return is_keyword ? n > 0 && n <= length && strncasecmp(word, at, n) == 0
                      : n == length && strncmp(word, at, n) == 0;
}

/* Does the text begin with these words? Keywords may be abbreviated, values not. */
static bool has_words(const char *text, size_t n_keywords, char *const *words)
{
    for (size_t i = 0; words && words[i]; i++) {
        size_t length;

        text += strspn(text, " ");
        length = strcspn(text, " ");
        if (!same_word(words[i], text, length, i < n_keywords))
            return false;
        text += length;
    }
    return true;
}

/* Of a line of the mode that the row enters, all of its words; of the row itself, its values. */
static int matches(const Copy *copy, const ConfigLine *line, bool *ret)
{
    const ConfigLine set = {.row = line->row, .name = line->name, .value = line->value};
    _cleanup_free_ char *text = config_line_text(&set);
    bool inside = line->row != copy->row;

    if (!text)
        return -ENOMEM;
    *ret = has_words(inside ? text : text + strlen(line->row->head),
                     inside ? count_keywords(line->row) : 0, copy->words);
    return 0;
}

static bool is_instance(const Copy *copy, const ConfigLine *line)
{
    const char *name = line->row != copy->row ? line->name
                       : line->value          ? json_object_get_string(line->value)
                                              : NULL;

    return !copy->name || (name && streq(name, copy->name));
}

static int copy_line(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    const ConfigRow *enter = config_mode_row(line->row->mode);
    bool begins = event == CONFIG_EVENT_NEW, wanted = true;
    Copy *copy = userdata;
    int r = 0;

    if (event == CONFIG_EVENT_END || (enter ? enter : line->row) != copy->row ||
        (copy->row->kind == CONFIG_ENTER && !is_instance(copy, line)))
        return 0;
    if (begins)
        wanted = !copy->words || !copy->words[0];
    else
        r = matches(copy, line, &wanted);
    if (r < 0 || !wanted)
        return r;
    copy->found = true;
    return config_apply(copy->to, line);
}

/* Can a line of the mode begin with these words? */
static bool mode_knows(ConfigMode mode, char *const *words)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const ConfigRow *row = &config_rows[i];
        size_t n = 0, keywords = count_keywords(row);
        bool fits = row->mode == mode;

        for (; fits && words[n] && n < keywords; n++) {
            size_t length;
            const char *k = keyword(row, n, &length);

            fits = same_word(words[n], k, length, true);
        }
        if (fits && (!words[n] || row->tail[0]))
            return true;
    }
    return false;
}

/* words: behind the row's keywords. Returns 1 when something was copied, 0 when nothing is there,
 * -EINVAL when nothing can be there. */
static int copy_row(json_object *root, const ConfigRow *row, char *const *words, json_object *to)
{
    Copy copy = {.row = row, .words = words, .to = to};
    int r;

    if (words && words[0] && config_row_is_named(row)) {
        copy.name = words[0];
        copy.words = words + 1;
    }
    if (copy.words && copy.words[0] &&
        (row->kind == CONFIG_ENTER ? !mode_knows(row->enters, copy.words) : !row->tail[0]))
        return -EINVAL;
    r = config_compare(NULL, root, copy_line, &copy);
    return r < 0 ? r : copy.found;
}

int config_filter(json_object *root, char *const *words, json_object **ret)
{
    _cleanup_json_ json_object *part = json_object_new_object();
    _cleanup_free_ bool *alive = calloc(config_n_rows, sizeof(*alive));
    bool known = false, found = false;
    size_t n = 0;
    int r;

    if (!part || !alive)
        return -ENOMEM;
    for (size_t i = 0; i < config_n_rows; i++)
        alive[i] = config_rows[i].mode == CONFIG_MODE_TOP;
    for (; words[n]; n++) {
        r = narrow(alive, n, words[n]);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < config_n_rows; i++) {
        size_t keywords = count_keywords(&config_rows[i]);

        if (!alive[i])
            continue;
        r = copy_row(root, &config_rows[i], n > keywords ? words + keywords : NULL, part);
        if (r < 0 && r != -EINVAL)
            return r;
        known = known || r >= 0;
        found = found || r > 0;
    }
    if (!known)
        return -EINVAL;
    if (!found)
        return -ENOENT;
    *ret = TAKE_PTR(part);
    return 0;
}
