/* SPDX-License-Identifier: Apache-2.0 */
#include "node-choice.h"

#include "dossier.h"
#include "errors.h"

void node_choice_done(NodeChoice *c)
{
    for (size_t i = 0; i < c->n_others; i++)
        node_request_done(&c->others[i]);
    c->n_others = 0;
}

/* What is the same for every node. */
typedef struct Wish {
    json_object *table;
    uint32_t selectors;
    const char *location, *nonce;
    bool has_files;
    FilesChoice files;
} Wish;

static bool is_wanted(const void *userdata, const char *name)
{
    const Wish *w = userdata;

    if (!streq(name, NODE_SELF) && !node_table_has(w->table, name))
        return false;
    return !w->location || streq(w->location, NODE_ALL) || streq(w->location, name);
}

static int check_location(const Wish *w, sd_bus_error *reterr_error)
{
    if (!w->location || streq(w->location, NODE_ALL) || is_wanted(w, w->location))
        return 0;
    return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                             "There is no node \"%.32s\"; this one is " NODE_SELF
                             ", others are those of \"dossier node\" in the configuration",
                             w->location);
}

/* Options for a selector that is not wanted are a mistake. */
static int read_files(Wish *w, const char *text, sd_bus_error *reterr_error)
{
    char reason[FILES_REASON_SIZE];

    if (!text)
        return 0;
    if (!(w->selectors & selector_bit(FILESYSTEM_SELECTOR)))
        return sd_bus_error_setf(
            reterr_error, ERROR_INVALID_ARGUMENT,
            "filesystem-inventory-options need the selector " FILESYSTEM_SELECTOR);
    if (files_options_parse(text, is_wanted, w, &w->files, reason) < 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT, "%s", reason);
    w->has_files = true;
    return 0;
}

/* Where the options name nodes, the others' files are not wanted; and without a location, of other
 * nodes nothing but the files of those that are named. */
static uint32_t selectors_of(const Wish *w, const char *name)
{
    uint32_t files = selector_bit(FILESYSTEM_SELECTOR), set = w->selectors;
    bool is_here = streq(name, NODE_SELF);

    if (w->has_files && !files_choice_find(&w->files, name))
        set &= ~files;
    if (!w->location)
        return is_here ? set : w->has_files ? set & files : 0;
    return streq(w->location, NODE_ALL) || streq(w->location, name) ? set : 0;
}

static json_object *list_selectors(uint32_t set)
{
    json_object *list = json_object_new_array();

    for (unsigned i = 0; list && selectors[i].name; i++)
        if (set & UINT32_C(1) << i &&
            json_object_array_add(list, json_object_new_string(selectors[i].name)) < 0) {
            json_object_put(list);
            return NULL;
        }
    return list;
}

/* Every node calls itself the same. */
static void write_options(const FilesOptions *o, char *buffer, size_t size)
{
    if (o->count == UINT64_MAX)
        (void)snprintf(buffer, size, "{\"" NODE_SELF "\": {\"block_start\": %llu}}",
                       (unsigned long long)o->block_start);
    else
        (void)snprintf(buffer, size,
                       "{\"" NODE_SELF "\": {\"block_start\": %llu, \"count\": %llu}}",
                       (unsigned long long)o->block_start, (unsigned long long)o->count);
}

static int add_node(const Wish *w, const char *name, NodeChoice *c)
{
    uint32_t set = selectors_of(w, name);
    const FilesOptions *options = files_choice_find(&w->files, name);
    _cleanup_json_ json_object *list = NULL;
    char files[160];
    int r;

    if (set == 0)
        return 0;
    list = list_selectors(set);
    if (!list)
        return -ENOMEM;
    if (options)
        write_options(options, files, sizeof files);
    r = node_request_new(w->table, name, list, w->nonce, options ? files : NULL,
                         &c->others[c->n_others]);
    if (r < 0)
        return r;
    c->others[c->n_others++].has_files = (set & selector_bit(FILESYSTEM_SELECTOR)) != 0;
    return 0;
}

int node_choice_make(json_object *table, uint32_t set, const char *location, const char *nonce,
                     const char *files, NodeChoice *ret, sd_bus_error *reterr_error)
{
    Wish w = {.table = table, .selectors = set, .location = location, .nonce = nonce};
    const FilesOptions *here;
    int r = check_location(&w, reterr_error);

    if (r >= 0)
        r = read_files(&w, files, reterr_error);
    if (r < 0)
        return r;
    *ret = (NodeChoice){.here = selectors_of(&w, NODE_SELF), .files = {.count = UINT64_MAX}};
    here = files_choice_find(&w.files, NODE_SELF);
    if (here)
        ret->files = *here;
    if (!table)
        return 0;
    json_object_object_foreach(table, name, node)
    {
        (void)node;
        if (ret->n_others < NODES_MAX)
            r = add_node(&w, name, ret);
        if (r < 0) {
            node_choice_done(ret);
            return r;
        }
    }
    return 0;
}
