/* SPDX-License-Identifier: Apache-2.0 */
#include "files-options.h"

#include <stdarg.h>

#include "json-util.h"

#define TEXT_MAX 4096U
#define PATH_SIZE 128U

static _printf_(3, 4) int refuse(char reason[static FILES_REASON_SIZE], const char *path,
                                 const char *format, ...)
{
    char why[FILES_REASON_SIZE / 2];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(why, sizeof why, format, ap);
    va_end(ap);
    (void)snprintf(reason, FILES_REASON_SIZE, "filesystem-inventory-options: %.90s: %.120s", path,
                   why);
    return -EINVAL;
}

static const char *member_path(char path[static PATH_SIZE], const char *node, const char *name)
{
    (void)snprintf(path, PATH_SIZE, "$[\"%.32s\"]%s%.64s", node, name ? "." : "", name ? name : "");
    return path;
}

static int read_number(json_object *o, const char *node, const char *name, uint64_t min,
                       uint64_t *ret, char reason[static FILES_REASON_SIZE])
{
    char path[PATH_SIZE];
    uint64_t value;
    int r = json_get_uint64(o, name, &value);

    if (r == -ENOENT)
        return 0;
    (void)member_path(path, node, name);
    if (r < 0)
        return refuse(reason, path, "it has to be a number, not negative");
    if (value < min)
        return refuse(reason, path, "it has to be at least %llu", (unsigned long long)min);
    *ret = value;
    return 0;
}

static int read_node(json_object *o, const char *node, FilesOptions *ret,
                     char reason[static FILES_REASON_SIZE])
{
    char path[PATH_SIZE];
    int r;

    if (!json_object_is_type(o, json_type_object))
        return refuse(reason, member_path(path, node, NULL), "it has to be an object");
    json_object_object_foreach(o, name, value)
    {
        (void)value;
        if (!streq(name, "block_start") && !streq(name, "count"))
            return refuse(reason, member_path(path, node, name), "there are block_start and count");
    }
    *ret = (FilesOptions){.count = UINT64_MAX};
    r = read_number(o, node, "block_start", 0, &ret->block_start, reason);
    return r < 0 ? r : read_number(o, node, "count", 1, &ret->count, reason);
}

const FilesOptions *files_choice_find(const FilesChoice *c, const char *node)
{
    for (size_t i = 0; i < c->n; i++)
        if (streq(c->nodes[i].name, node))
            return &c->nodes[i].options;
    return NULL;
}

/* Characters are counted as they are typed, from 1. */
static int refuse_text(const char *text, size_t size, char reason[static FILES_REASON_SIZE])
{
    size_t at = json_error_offset(text, size), n = 1;

    if (at == SIZE_MAX)
        return refuse(reason, "$", "a name is there twice, or it is nested too deep");
    if (at >= size)
        return refuse(reason, "$", "this is no JSON: it ends too early");
    for (size_t i = 0; i < at; i++)
        n += ((uint8_t)text[i] & 0xc0) != 0x80;
    return refuse(reason, "$", "this is no JSON from character %zu on", n);
}

int files_options_parse(const char *text, bool (*is_node)(const void *userdata, const char *name),
                        const void *userdata, FilesChoice *ret,
                        char reason[static FILES_REASON_SIZE])
{
    _cleanup_json_ json_object *o = NULL;
    FilesChoice choice = {.n = 0};
    size_t size = strlen(text);
    char path[PATH_SIZE];

    if (size > TEXT_MAX)
        return refuse(reason, "$", "it is longer than %u bytes", TEXT_MAX);
    if (json_parse(text, size, &o) < 0)
        return refuse_text(text, size, reason);
    if (!json_object_is_type(o, json_type_object))
        return refuse(reason, "$", "it has to be an object with a member for each node");
    json_object_object_foreach(o, name, value)
    {
        int r;

        if (!node_name_is_valid(name) || choice.n == NODES_MAX + 1 || !is_node(userdata, name))
            return refuse(reason, member_path(path, name, NULL),
                          "there is no such node; this one is " NODE_SELF);
        (void)snprintf(choice.nodes[choice.n].name, NODE_NAME_SIZE, "%s", name);
        r = read_node(value, name, &choice.nodes[choice.n++].options, reason);
        if (r < 0)
            return r;
    }
    if (choice.n == 0)
        return refuse(reason, "$", "no node is named; this one is " NODE_SELF);
    *ret = choice;
    return 0;
}
