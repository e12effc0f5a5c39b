/* SPDX-License-Identifier: Apache-2.0 */
#include "files-options.h"

#include <stdarg.h>

#include "json-util.h"

#define TEXT_MAX 4096U

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

static int read_number(json_object *o, const char *name, uint64_t min, uint64_t *ret,
                       char reason[static FILES_REASON_SIZE])
{
    char path[64];
    uint64_t value;
    int r = json_get_uint64(o, name, &value);

    (void)snprintf(path, sizeof path, "$[\"" FILES_NODE "\"].%s", name);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return refuse(reason, path, "it has to be a number, not negative");
    if (value < min)
        return refuse(reason, path, "it has to be at least %llu", (unsigned long long)min);
    *ret = value;
    return 0;
}

static int read_node(json_object *o, FilesOptions *ret, char reason[static FILES_REASON_SIZE])
{
    int r;

    if (!json_object_is_type(o, json_type_object))
        return refuse(reason, "$[\"" FILES_NODE "\"]", "it has to be an object");
    json_object_object_foreach(o, name, value)
    {
        (void)value;
        if (!streq(name, "block_start") && !streq(name, "count")) {
            char path[128];

            (void)snprintf(path, sizeof path, "$[\"" FILES_NODE "\"].%.64s", name);
            return refuse(reason, path, "there are block_start and count");
        }
    }
    r = read_number(o, "block_start", 0, &ret->block_start, reason);
    return r < 0 ? r : read_number(o, "count", 1, &ret->count, reason);
}

int files_options_parse(const char *text, FilesOptions *ret, char reason[static FILES_REASON_SIZE])
{
    FilesOptions options = {.count = UINT64_MAX};
    _cleanup_json_ json_object *o = NULL;
    json_object *node;
    size_t size = strlen(text);
    int r;

    if (size > TEXT_MAX || json_parse(text, size, &o) < 0)
        return refuse(reason, "$", "this is no JSON");
    if (!json_object_is_type(o, json_type_object))
        return refuse(reason, "$", "it has to be an object with a member for each node");
    json_object_object_foreach(o, name, value)
    {
        (void)value;
        if (!streq(name, FILES_NODE)) {
            char path[128];

            (void)snprintf(path, sizeof path, "$[\"%.64s\"]", name);
            return refuse(reason, path, "there is no such node; this one is " FILES_NODE);
        }
    }
    if (!json_object_object_get_ex(o, FILES_NODE, &node))
        return refuse(reason, "$", "no node is named; this one is " FILES_NODE);
    r = read_node(node, &options, reason);
    if (r >= 0)
        *ret = options;
    return r;
}
