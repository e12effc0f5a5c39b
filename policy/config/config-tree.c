/* SPDX-License-Identifier: Apache-2.0 */
#include "config-tree.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>

#include "json-util.h"

/* --- Members by path -------------------------------------------------------------------------- */

#define PATH_MEMBER_SIZE 64U

/* Takes the first member off the path. Paths are the table's, so that they fit (a unit test
 * looks). */
static bool next_member(const char **path, char member[PATH_MEMBER_SIZE])
{
    size_t length = strcspn(*path, "/");

    if (length == 0 || length >= PATH_MEMBER_SIZE)
        return false;
    memcpy(member, *path, length);
    member[length] = '\0';
    *path += length + ((*path)[length] == '/');
    return true;
}

static json_object *find(json_object *o, const char *path)
{
    char member[PATH_MEMBER_SIZE];

    while (o && next_member(&path, member))
        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, member, &o))
            return NULL;
    return o;
}

/* The object called name in o, made when it is missing. */
static json_object *obtain_member(json_object *o, const char *name)
{
    json_object *member;

    if (json_object_object_get_ex(o, name, &member) &&
        json_object_is_type(member, json_type_object))
        return member;
    member = json_object_new_object();
    if (!member || json_object_object_add(o, name, member) < 0) {
        json_object_put(member);
        return NULL;
    }
    return member;
}

static json_object *obtain(json_object *o, const char *path)
{
    char member[PATH_MEMBER_SIZE];

    while (o && next_member(&path, member))
        o = obtain_member(o, member);
    return o;
}

/* Puts value (taken over) at the path. */
static int set(json_object *o, const char *path, json_object *value)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    _cleanup_json_ json_object *owned = value;

    if (!parent || !value)
        return -ENOMEM;
    o = obtain(o, parent);
    if (!o || json_object_object_add(o, slash ? slash + 1 : path, value) < 0)
        return -ENOMEM;
    TAKE_PTR(owned);
    return 0;
}

static bool is_empty(json_object *o)
{
    return (json_object_is_type(o, json_type_object) && json_object_object_length(o) == 0) ||
           (json_object_is_type(o, json_type_array) && json_object_array_length(o) == 0);
}

/* Removes what is at the path, and the objects on the way to it that are then empty. */
static void unset(json_object *o, const char *path)
{
    char member[PATH_MEMBER_SIZE];
    json_object *child;

    if (!next_member(&path, member) || !json_object_object_get_ex(o, member, &child))
        return;
    if (*path)
        unset(child, path);
    if (!*path || is_empty(child))
        json_object_object_del(o, member);
}

/* --- Changes ---------------------------------------------------------------------------------- */

static bool same_string(json_object *a, json_object *b)
{
    return streq(json_object_get_string(a), json_object_get_string(b));
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(json_object_get_string(*(json_object *const *)a),
                  json_object_get_string(*(json_object *const *)b));
}

static int add_item(json_object *o, const ConfigRow *row, json_object *value)
{
    json_object *array = find(o, row->path);
    int r;

    if (!array) {
        array = json_object_new_array();
        r = set(o, row->path, array);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (same_string(json_object_array_get_idx(array, i), value))
            return 0;
    if (json_object_array_length(array) >= CONFIG_ITEMS_MAX)
        return -EDQUOT;
    if (json_object_array_add(array, json_object_get(value)) < 0) {
        json_object_put(value);
        return -ENOMEM;
    }
    json_object_array_sort(array, compare_strings);
    return 0;
}

static void remove_item(json_object *o, const ConfigRow *row, json_object *value)
{
    json_object *array = find(o, row->path);

    for (size_t i = 0; array && i < json_object_array_length(array); i++)
        if (same_string(json_object_array_get_idx(array, i), value)) {
            (void)json_object_array_del_idx(array, i, 1);
            break;
        }
    if (array && is_empty(array))
        unset(o, row->path);
}

static bool has_members(const ConfigRow *row)
{
    return row->kind == CONFIG_NAMED || row->kind == CONFIG_NAMED_LIST;
}

static int add_member(json_object *o, const ConfigRow *row, json_object *named)
{
    json_object *all = obtain(o, row->path);

    if (!all)
        return -ENOMEM;
    json_object_object_foreach(named, name, value)
    {
        if (!json_object_object_get_ex(all, name, NULL) &&
            (unsigned)json_object_object_length(all) >= CONFIG_ITEMS_MAX)
            return -EDQUOT;
        if (json_object_object_add(all, name, json_object_get(value)) < 0) {
            json_object_put(value);
            return -ENOMEM;
        }
    }
    return 0;
}

static void remove_member(json_object *o, const ConfigRow *row, json_object *named)
{
    json_object *all = find(o, row->path);

    if (!all)
        return;
    json_object_object_foreach(named, name, value)
    {
        (void)value;
        json_object_object_del(all, name);
    }
    if (is_empty(all))
        unset(o, row->path);
}

static int apply_enter(json_object *o, const ConfigLine *line)
{
    json_object *all;
    const char *name;

    if (!line->value) {
        if (line->remove)
            unset(o, line->row->path);
        return line->remove || obtain(o, line->row->path) ? 0 : -ENOMEM;
    }
    name = json_object_get_string(line->value);
    if (!line->remove) {
        all = obtain(o, line->row->path);
        return all && obtain_member(all, name) ? 0 : -ENOMEM;
    }
    all = find(o, line->row->path);
    if (all)
        json_object_object_del(all, name);
    if (all && is_empty(all))
        unset(o, line->row->path);
    return 0;
}

static const char *line_section(const ConfigLine *line)
{
    const ConfigRow *enter = config_mode_row(line->row->mode);

    return (enter ? enter : line->row)->section;
}

/* The object that the line's path starts from. NULL when it is not there and not to be made,
 * too. */
static json_object *container(json_object *root, const ConfigLine *line)
{
    const ConfigRow *enter = config_mode_row(line->row->mode);
    const char *section = line_section(line);
    json_object *o = line->remove ? find(root, section) : obtain_member(root, section);

    if (!o || !enter)
        return o;
    o = line->remove ? find(o, enter->path) : obtain(o, enter->path);
    if (!o || !line->name)
        return o;
    return line->remove ? json_object_object_get(o, line->name) : obtain_member(o, line->name);
}

static void apply_removal(json_object *o, const ConfigLine *line)
{
    if (line->row->kind == CONFIG_ENTER)
        (void)apply_enter(o, line);
    else if (has_members(line->row))
        remove_member(o, line->row, line->value);
    else if (line->row->kind == CONFIG_ITEM)
        remove_item(o, line->row, line->value);
    else
        unset(o, line->row->path);
}

/* A section that has become empty is as one that was never there: equal configurations are equal
 * trees. */
static void drop_empty_section(json_object *root, const char *section)
{
    json_object *o = find(root, section);

    if (o && is_empty(o))
        json_object_object_del(root, section);
}

int config_apply(json_object *root, const ConfigLine *line)
{
    json_object *o = container(root, line);

    if (line->remove) {
        if (o)
            apply_removal(o, line);
        drop_empty_section(root, line_section(line));
        return 0;
    }
    if (!o)
        return -ENOMEM;
    if (line->row->kind == CONFIG_ENTER)
        return apply_enter(o, line);
    if (has_members(line->row))
        return add_member(o, line->row, line->value);
    if (line->row->kind == CONFIG_ITEM)
        return add_item(o, line->row, line->value);
    return set(o, line->row->path, json_object_get(line->value));
}

/* --- Canonical form --------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the members of one or two objects (either may be NULL), sorted, each once;
 * NULL-terminated and borrowed. */
static const char **member_names(json_object *a, json_object *b)
{
    size_t n = 0, unique = 0;
    const char **names = calloc((a ? (size_t)json_object_object_length(a) : 0) +
                                    (b ? (size_t)json_object_object_length(b) : 0) + 1,
                                sizeof(*names));

    if (!names)
        return NULL;
    if (a) {
        json_object_object_foreach(a, name, member)
        {
            (void)member;
            names[n++] = name;
        }
    }
    if (b) {
        json_object_object_foreach(b, name, member)
        {
            (void)member;
            names[n++] = name;
        }
    }
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 0; i < n; i++)
        if (unique == 0 || !streq(names[unique - 1], names[i]))
            names[unique++] = names[i];
    names[unique] = NULL;
    return names;
}

static json_object *canonical_array(json_object *array)
{
    _cleanup_json_ json_object *copy = json_object_new_array();

    for (size_t i = 0; copy && i < json_object_array_length(array); i++) {
        json_object *element = config_canonical(json_object_array_get_idx(array, i));

        if (!element || json_object_array_add(copy, element) < 0) {
            json_object_put(element);
            return NULL;
        }
    }
    return TAKE_PTR(copy);
}

json_object *config_canonical(json_object *root)
{
    _cleanup_json_ json_object *copy = NULL;
    _cleanup_free_ const char **names = NULL;

    if (json_object_is_type(root, json_type_array))
        return canonical_array(root);
    if (!json_object_is_type(root, json_type_object))
        return json_object_deep_copy(root, &copy, NULL) < 0 ? NULL : TAKE_PTR(copy);
    copy = json_object_new_object();
    names = member_names(root, NULL);
    if (!copy || !names)
        return NULL;
    for (const char **name = names; *name; name++) {
        json_object *member = config_canonical(json_object_object_get(root, *name));

        if (!member || json_object_object_add(copy, *name, member) < 0) {
            json_object_put(member);
            return NULL;
        }
    }
    return TAKE_PTR(copy);
}

char *config_canonical_text(json_object *root)
{
    _cleanup_json_ json_object *canonical = config_canonical(root);
    const char *text = canonical
                           ? json_object_to_json_string_ext(
                                 canonical, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                           : NULL;

    return text ? strdup(text) : NULL;
}

int config_hash(json_object *root, char ret[CONFIG_HASH_SIZE])
{
    _cleanup_free_ char *text = config_canonical_text(root);
    uint8_t digest[EVP_MAX_MD_SIZE];

    if (!text || EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < (CONFIG_HASH_SIZE - 1) / 2; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

json_object *config_instances(json_object *root, const ConfigRow *row)
{
    json_object *section = root ? find(root, row->section) : NULL;
    json_object *instances = section ? find(section, row->path) : NULL;

    return json_object_is_type(instances, json_type_object) ? instances : NULL;
}

json_object *config_section(json_object *root, const char *section)
{
    json_object *o = root ? find(root, section) : NULL;

    return o ? json_object_get(o) : json_object_new_object();
}

/* --- Comparison ------------------------------------------------------------------------------- */

typedef struct Comparison {
    config_event_t callback;
    void *userdata;
} Comparison;

/* Is the value that of another row with the same path, which has it as its constant? */
static bool is_other_constant(const ConfigRow *row, json_object *value)
{
    for (size_t i = 0; i < config_n_rows; i++)
        if (&config_rows[i] != row && config_rows[i].kind == CONFIG_CONSTANT &&
            config_rows[i].mode == row->mode && streq(config_rows[i].path, row->path) &&
            streq(config_rows[i].constant, json_object_get_string(value)))
            return true;
    return false;
}

/* Is it this row that renders the value? */
bool config_row_renders(const ConfigRow *row, json_object *value)
{
    if (row->alias)
        return false;
    switch (row->kind) {
    case CONFIG_STRING:
        return json_object_is_type(value, json_type_string) && !is_other_constant(row, value);
    case CONFIG_CONSTANT:
        return json_object_is_type(value, json_type_string) &&
               streq(json_object_get_string(value), row->constant);
    case CONFIG_NUMBER:
        return json_object_is_type(value, json_type_int);
    case CONFIG_TRUE:
        return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
    case CONFIG_NUMBERS:
    case CONFIG_WORDS:
        return json_object_is_type(value, json_type_array);
    case CONFIG_PARTS:
        return json_object_is_type(value, json_type_object);
    case CONFIG_NAMED:
    case CONFIG_NAMED_LIST:
    case CONFIG_ENTER:
    case CONFIG_ITEM:
    case CONFIG_SECRET:
        break;
    }
    return false;
}

static int compare_value(const Comparison *c, const ConfigRow *row, const char *name,
                         json_object *old, json_object *new)
{
    ConfigLine line = {.row = row, .name = name, .value = new, .old = old};

    if (new &&config_row_renders(row, new) && !(old && json_object_equal(old, new)))
        return c->callback(CONFIG_EVENT_LINE, &line, c->userdata);
    if (old && !new &&config_row_renders(row, old)) {
        line.value = old;
        line.remove = true;
        return c->callback(CONFIG_EVENT_LINE, &line, c->userdata);
    }
    return 0;
}

static bool has_item(json_object *array, json_object *value)
{
    for (size_t i = 0; array && i < json_object_array_length(array); i++)
        if (same_string(json_object_array_get_idx(array, i), value))
            return true;
    return false;
}

/* The elements of a that b lacks. */
static int compare_items(const Comparison *c, const ConfigLine *template, json_object *a,
                         json_object *b)
{
    for (size_t i = 0; a && i < json_object_array_length(a); i++) {
        ConfigLine line = *template;
        int r;

        line.value = json_object_array_get_idx(a, i);
        if (has_item(b, line.value))
            continue;
        r = c->callback(CONFIG_EVENT_LINE, &line, c->userdata);
        if (r < 0)
            return r;
    }
    return 0;
}

static int compare_mode(const Comparison *c, ConfigMode mode, const char *name, json_object *old,
                        json_object *new);

static int compare_object(const Comparison *c, const ConfigRow *row, json_object *value,
                          json_object *old, json_object *new)
{
    ConfigLine line = {.row = row, .value = value, .remove = !new, .old = old};
    int r;

    if (!new)
        return old ? c->callback(CONFIG_EVENT_LINE, &line, c->userdata) : 0;
    if (old && json_object_equal(old, new))
        return 0;
    r = c->callback(old ? CONFIG_EVENT_CONTEXT : CONFIG_EVENT_NEW, &line, c->userdata);
    if (r >= 0)
        r = compare_mode(c, row->enters, value ? json_object_get_string(value) : NULL, old, new);
    return r < 0 ? r : c->callback(CONFIG_EVENT_END, &line, c->userdata);
}

static int compare_named(const Comparison *c, const ConfigRow *row, json_object *old,
                         json_object *new)
{
    _cleanup_free_ const char **names = member_names(old, new);

    if (!names)
        return -ENOMEM;
    for (const char **name = names; *name; name++) {
        _cleanup_json_ json_object *value = json_object_new_string(*name);
        int r;

        if (!value)
            return -ENOMEM;
        r = compare_object(c, row, value, old ? json_object_object_get(old, *name) : NULL,
                           new ? json_object_object_get(new, *name) : NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

/* *ret is NULL when there is no such member. */
static int only_member(json_object *all, const char *name, json_object **ret)
{
    _cleanup_json_ json_object *only = NULL;
    json_object *member;

    *ret = NULL;
    if (!all || !json_object_object_get_ex(all, name, &member))
        return 0;
    only = json_object_new_object();
    if (!only || json_object_object_add(only, name, json_object_get(member)) < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(only);
    return 0;
}

/* One line for each member. */
static int compare_members(const Comparison *c, const ConfigLine *template, json_object *old,
                           json_object *new)
{
    _cleanup_free_ const char **names = member_names(old, new);

    if (!names)
        return -ENOMEM;
    for (const char **name = names; *name; name++) {
        _cleanup_json_ json_object *before = NULL, *after = NULL;
        ConfigLine line = *template;
        int r = only_member(old, *name, &before);

        if (r >= 0)
            r = only_member(new, *name, &after);
        if (r >= 0 && !(before && after && json_object_equal(before, after))) {
            line.value = after ? after : before;
            line.old = before;
            line.remove = !after;
            r = c->callback(CONFIG_EVENT_LINE, &line, c->userdata);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int compare_row(const Comparison *c, const ConfigRow *row, const char *name,
                       json_object *old, json_object *new)
{
    ConfigLine line = {.row = row, .name = name, .remove = true};
    int r;

    old = old ? find(old, row->path) : NULL;
    new = new ? find(new, row->path) : NULL;
    if (row->kind == CONFIG_ENTER)
        return config_row_is_named(row) ? compare_named(c, row, old, new)
                                        : compare_object(c, row, NULL, old, new);
    if (has_members(row))
        return compare_members(c, &line, old, new);
    if (row->kind != CONFIG_ITEM)
        return compare_value(c, row, name, old, new);
    r = compare_items(c, &line, old, new);
    line.remove = false;
    return r < 0 ? r : compare_items(c, &line, new, old);
}

static int compare_mode(const Comparison *c, ConfigMode mode, const char *name, json_object *old,
                        json_object *new)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const ConfigRow *row = &config_rows[i];
        bool top = mode == CONFIG_MODE_TOP;
        int r;

        if (row->mode != mode)
            continue;
        r = compare_row(c, row, name, top && old ? find(old, row->section) : old,
                        top && new ? find(new, row->section) : new);
        if (r < 0)
            return r;
    }
    return 0;
}

int config_compare_mode(ConfigMode mode, const char *name, json_object *old, json_object *new,
                        config_event_t callback, void *userdata)
{
    const Comparison c = {callback, userdata};

    return compare_mode(&c, mode, name, old, new);
}

int config_compare(json_object *old, json_object *new, config_event_t callback, void *userdata)
{
    return config_compare_mode(CONFIG_MODE_TOP, NULL, old, new, callback, userdata);
}
