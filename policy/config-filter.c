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

static int copy_instance(json_object *source, const ConfigRow *row, const char *name,
                         json_object *to)
{
    _cleanup_json_ json_object *value = json_object_new_string(name);
    json_object *instance = json_object_object_get(source, name), *all = to;
    const ConfigLine line = {.row = row, .value = value};
    int r;

    if (!instance)
        return -ENOENT;
    r = value ? config_apply(to, &line) : -ENOMEM;
    if (r < 0)
        return r;
    (void)(json_object_object_get_ex(all, row->section, &all) &&
           json_object_object_get_ex(all, row->path, &all));
    return json_object_object_add(all, name, json_object_get(instance)) < 0 ? -ENOMEM : 0;
}

typedef struct Copy {
    const ConfigRow *row;
    json_object *to;
    bool found;
} Copy;

static int copy_line(ConfigEvent event, const ConfigLine *line, void *userdata)
{
    Copy *copy = userdata;
    const ConfigRow *top =
        line->row->mode == CONFIG_MODE_TOP ? line->row : config_mode_row(line->row->mode);

    if (event == CONFIG_EVENT_END || top != copy->row)
        return 0;
    copy->found = true;
    return config_apply(copy->to, line);
}

/* Everything that the row stands for. */
static int copy_row(json_object *root, const ConfigRow *row, json_object *to)
{
    Copy copy = {.row = row, .to = to};
    int r = config_compare(NULL, root, copy_line, &copy);

    return r < 0 ? r : copy.found ? 0 : -ENOENT;
}

static int copy_section(json_object *root, const ConfigRow *row, const char *name, json_object *to)
{
    json_object *all = NULL;

    if (!name)
        return copy_row(root, row, to);
    if (!json_object_object_get_ex(root, row->section, &all) ||
        !json_object_object_get_ex(all, row->path, &all))
        return -ENOENT;
    return copy_instance(all, row, name, to);
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
        const ConfigRow *row = &config_rows[i];
        size_t keywords = count_keywords(row);
        bool named = n == keywords + 1 && config_row_is_named(row);

        if (!alive[i] || (n > keywords && !named))
            continue;
        known = true;
        r = copy_section(root, row, named ? words[keywords] : NULL, part);
        if (r < 0 && r != -ENOENT)
            return r;
        found = found || r >= 0;
    }
    if (!known)
        return -EINVAL;
    if (!found)
        return -ENOENT;
    *ret = TAKE_PTR(part);
    return 0;
}
