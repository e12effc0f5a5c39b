/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include "nodes-check.h"

#define KEY_SIZE 1024U
#define UNIQUE_SIZE (KEY_SIZE + 24)
#define PATH_SIZE 4096U

/* What no two dossiers share. */
static const char *const volatile_paths[] = {
    "/collection-start-time",
    "/collection-end-time",
    "/nonce",
    "/reboot-history/reboot-history/last-reboot",
    "/system-integrity-snapshot/system-integrity-snapshot/facts/up-time",
};

/* The same, wherever below that part. */
static const struct {
    const char *part, *name;
} volatile_names[] = {
    {"/reboot-history/", "no"},
    {"/reboot-history/", "last-entry"},
    {"/reboot-history/reboot-history/reboot-history/", "end"},
    {"/reboot-history/reboot-history/reboot-history/", "shutdown-begun"},
    {"/reboot-history/reboot-history/reboot-history/", "journal-stopped"},
    {"/reboot-history/reboot-history/reboot-history/", "kernel-errors"},
    {"/platform-config-registers/", "pcr-quote"},
    {"/platform-config-registers/", "pcr-quote-signature"},
};

typedef struct Compare {
    Findings differences;
    const char *node; /* whose dossiers they are; NULL: those of the router itself */
    char path[PATH_SIZE];
    size_t size;
    size_t base; /* of the path: where the dossier begins */
    int error;
} Compare;

static bool is_volatile(const char *path, const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(volatile_paths); i++)
        if (streq(path, volatile_paths[i]))
            return true;
    for (size_t i = 0; i < ELEMENTSOF(volatile_names); i++)
        if (streq(name, volatile_names[i].name) && strstr(path, volatile_names[i].part))
            return true;
    return false;
}

/* What a person would call this member of a list. */
static bool name_element(json_object *element, char key[KEY_SIZE])
{
    static const char *const names[] = {
        "id",    "path",          "boot-id",          "commit-id",
        "name",  "tpm-name",      "event-number",     "hash-algorithm",
        "index", "node-location", "snapshot-block-no"};
    json_object *value, *architecture;

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        if (!json_object_object_get_ex(element, names[i], &value))
            continue;
        if (json_object_object_get_ex(element, "architecture", &architecture))
            (void)snprintf(key, KEY_SIZE, "%s:%s", json_object_get_string(value),
                           json_object_get_string(architecture));
        else
            (void)snprintf(key, KEY_SIZE, "%s", json_object_get_string(value));
        return true;
    }
    return false;
}

/* The second of one name is NAME#2. counts: how often a name was there, so that a list of nothing
 * but one name takes no longer than another. */
static int make_unique(json_object *object, json_object *counts, const char *key,
                       char unique[UNIQUE_SIZE])
{
    json_object *before;
    int64_t n = 1;

    (void)snprintf(unique, UNIQUE_SIZE, "%s", key);
    if (!json_object_object_get_ex(object, unique, NULL))
        return 0;
    if (json_object_object_get_ex(counts, key, &before))
        n = json_object_get_int64(before);
    do
        (void)snprintf(unique, UNIQUE_SIZE, "%s#%lld", key, (long long)++n);
    while (json_object_object_get_ex(object, unique, NULL));
    return json_add(counts, key, json_object_new_int64(n));
}

/* A list as an object whose members are called by their names. */
static json_object *object_from_list(json_object *list)
{
    _cleanup_json_ json_object *object = json_object_new_object();
    _cleanup_json_ json_object *counts = json_object_new_object();

    for (size_t i = 0; object && counts && i < json_object_array_length(list); i++) {
        json_object *element = json_object_array_get_idx(list, i);
        char key[KEY_SIZE], unique[UNIQUE_SIZE];

        if (!json_object_is_type(element, json_type_object) || !name_element(element, key))
            (void)snprintf(key, sizeof key, "%zu", i);
        if (make_unique(object, counts, key, unique) < 0)
            return NULL;
        json_object_get(element);
        if (json_object_object_add(object, unique, element) < 0) {
            json_object_put(element);
            return NULL;
        }
    }
    return counts ? TAKE_PTR(object) : NULL;
}

static void add_member(Compare *c, json_object *difference, const char *name, json_object *value)
{
    if (json_object_object_add(difference, name, value) < 0) {
        json_object_put(value);
        c->error = -ENOMEM;
    }
}

static void add_difference(Compare *c, const char *change, json_object *old, json_object *new)
{
    json_object *difference;

    if (!findings_count(&c->differences, c->node))
        return;
    difference = json_object_new_object();
    if (!difference) {
        c->error = -ENOMEM;
        return;
    }
    if (c->node)
        add_member(c, difference, "node", json_object_new_string(c->node));
    add_member(c, difference, "path", json_object_new_string(c->path));
    add_member(c, difference, "change", json_object_new_string(change));
    if (old)
        add_member(c, difference, "old", json_object_get(old));
    if (new)
        add_member(c, difference, "new", json_object_get(new));
    if (json_object_array_add(c->differences.list, difference) < 0) {
        json_object_put(difference);
        c->error = -ENOMEM;
    }
}

static void compare_values(Compare *c, json_object *old, json_object *new);

/* Appends a name to the path, and says whether what is there counts. */
static bool enter(Compare *c, const char *name, size_t *ret_size)
{
    *ret_size = c->size;
    c->size += (size_t)snprintf(c->path + c->size, PATH_SIZE - c->size, "/%s", name);
    if (c->size >= PATH_SIZE)
        c->size = PATH_SIZE - 1;
    return !is_volatile(c->path + c->base, name);
}

static void leave(Compare *c, size_t size)
{
    c->size = size;
    c->path[size] = 0;
}

static void compare_objects(Compare *c, json_object *old, json_object *new)
{
    size_t size;

    json_object_object_foreach(new, name, value)
    {
        json_object *before;

        if (enter(c, name, &size)) {
            if (!json_object_object_get_ex(old, name, &before))
                add_difference(c, "added", NULL, value);
            else
                compare_values(c, before, value);
        }
        leave(c, size);
    }
    json_object_object_foreach(old, old_name, old_value)
    {
        if (json_object_object_get_ex(new, old_name, NULL))
            continue;
        if (enter(c, old_name, &size))
            add_difference(c, "removed", old_value, NULL);
        leave(c, size);
    }
}

/* Depth is bounded by the parser. */
static void compare_values(Compare *c, json_object *old, json_object *new)
{
    if (json_object_is_type(old, json_type_object) && json_object_is_type(new, json_type_object))
        compare_objects(c, old, new);
    else if (json_object_is_type(old, json_type_array) &&
             json_object_is_type(new, json_type_array)) {
        _cleanup_json_ json_object *a = object_from_list(old), *b = object_from_list(new);

        if (a && b)
            compare_objects(c, a, b);
        else
            c->error = -ENOMEM;
    } else if (!json_object_equal(old, new))
        add_difference(c, "changed", old, new);
}

/* --- Other nodes ------------------------------------------------------------------------------ */

static bool is_whole(json_object *entry)
{
    const char *code;

    return json_get_string(entry, "result-code", &code) >= 0 && streq(code, "Success");
}

/* What the router says of a node, without what the node says. */
static json_object *head_of(json_object *entry)
{
    _cleanup_json_ json_object *head = json_object_new_object();

    if (!head)
        return NULL;
    json_object_object_foreach(entry, name, value)
    {
        if (!streq(name, "dossier") && json_add(head, name, json_object_get(value)) < 0)
            return NULL;
    }
    return TAKE_PTR(head);
}

/* old or new may be NULL: it was not there. */
static void add_node_difference(Compare *c, const char *change, json_object *old, json_object *new)
{
    _cleanup_json_ json_object *a = old ? head_of(old) : NULL, *b = new ? head_of(new) : NULL;

    if ((old && !a) || (new && !b))
        c->error = -ENOMEM;
    else
        add_difference(c, change, a, b);
}

/* Half of a dossier would differ in all that is not there: that it is half of one is what is
 * told. */
static int compare_node(Compare *c, json_object *old, json_object *new)
{
    json_object *before, *after;
    size_t size;

    if (!old)
        add_node_difference(c, "added", NULL, new);
    else if (!new)
        add_node_difference(c, "removed", old, NULL);
    else if (!is_whole(old) || !is_whole(new))
        add_node_difference(c, "not-compared", old, new);
    else if (json_get_object(old, "dossier", &before) < 0 ||
             json_get_object(new, "dossier", &after) < 0)
        return -EBADMSG;
    else {
        (void)enter(c, "dossier", &size);
        c->base = c->size;
        compare_objects(c, before, after);
        c->base = 0;
        leave(c, size);
    }
    return 0;
}

static json_object *find_node(json_object *list, const char *name)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *other;

        if (json_object_is_type(entry, json_type_object) &&
            json_get_string(entry, "node-location", &other) >= 0 && streq(other, name))
            return entry;
    }
    return NULL;
}

/* Each of the list; of the older one only those that are gone. */
static int compare_list(Compare *c, json_object *list, json_object *others, bool is_old)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && list && i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i), *other;
        size_t size;

        if (!json_object_is_type(entry, json_type_object) ||
            json_get_string(entry, "node-location", &c->node) < 0)
            return -EBADMSG;
        other = find_node(others, c->node);
        if (is_old && other)
            continue;
        (void)enter(c, c->node, &size);
        r = compare_node(c, is_old ? entry : other, is_old ? NULL : entry);
        leave(c, size);
    }
    return r;
}

/* *ret: NULL when there are none. They are told apart from all else in the dossier. */
static int take_nodes(json_object *dossier, json_object **ret)
{
    json_object *list;
    int r = json_get_array(dossier, "nodes", &list);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (json_object_array_length(list) > NODES_CHECK_MAX)
        return -EBADMSG;
    *ret = json_object_get(list);
    json_object_object_del(dossier, "nodes");
    return 0;
}

static int compare_nodes(Compare *c, json_object *old, json_object *new)
{
    size_t size;
    int r;

    (void)enter(c, "nodes", &size);
    r = compare_list(c, new, old, false);
    if (r >= 0)
        r = compare_list(c, old, new, true);
    leave(c, size);
    c->node = NULL;
    return r;
}

int compare_dossiers(const void *old, size_t old_size, const void *new, size_t new_size,
                     uint64_t max, Findings *ret)
{
    _cleanup_json_ json_object *a = NULL, *b = NULL, *old_nodes = NULL, *new_nodes = NULL;
    Compare c = {.error = 0};
    int r;

    r = json_parse(old, old_size, &a);
    if (r >= 0)
        r = json_parse(new, new_size, &b);
    if (r < 0)
        return r;
    if (!json_object_is_type(a, json_type_object) || !json_object_is_type(b, json_type_object))
        return -EBADMSG;
    r = take_nodes(a, &old_nodes);
    if (r >= 0)
        r = take_nodes(b, &new_nodes);
    if (r < 0)
        return r;
    r = findings_init(&c.differences, max);
    if (r < 0)
        return r;
    compare_objects(&c, a, b);
    r = compare_nodes(&c, old_nodes, new_nodes);
    if (r < 0 || c.error < 0) {
        findings_done(&c.differences);
        return r < 0 ? r : c.error;
    }
    *ret = c.differences;
    return 0;
}
