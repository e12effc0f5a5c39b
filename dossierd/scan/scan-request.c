/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for, as JSON: {"digests": true, "rate": 0, "skip-folders": [...], "skip-files":
 * [...], "scope": [...], "index": true, "hint": false}, everything optional. The descriptors of
 * index and hint come beside it. */
#include "json-util.h"
#include "scan.h"

static void paths_done(ScanPaths *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    list->n = 0;
}

void scan_request_done(ScanRequest *request)
{
    paths_done(&request->skip_folders);
    paths_done(&request->skip_files);
    paths_done(&request->scope);
}

bool scan_paths_have(const ScanPaths *list, InventoryText path)
{
    for (size_t i = 0; i < list->n; i++)
        if (inventory_path_is_below(path, list->paths[i], strlen(list->paths[i])))
            return true;
    return false;
}

bool scan_paths_are_above(const ScanPaths *list, InventoryText path)
{
    for (size_t i = 0; i < list->n; i++) {
        InventoryText one = {list->paths[i], strlen(list->paths[i])};

        if (one.size > path.size && inventory_path_is_below(one, path.data, path.size))
            return true;
    }
    return false;
}

static int read_paths(json_object *o, const char *name, ScanPaths *ret)
{
    json_object *array;
    int r = json_get_array(o, name, &array);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (json_object_array_length(array) > SCAN_SKIP_MAX)
        return -E2BIG;
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        json_object *one = json_object_array_get_idx(array, i);
        const char *path = json_object_get_string(one);

        if (!json_object_is_type(one, json_type_string) || path[0] != '/' ||
            strlen(path) > INVENTORY_PATH_MAX)
            return -EBADMSG;
        ret->paths[ret->n] = strdup(path);
        if (!ret->paths[ret->n])
            return -ENOMEM;
        ret->n++;
    }
    return 0;
}

int scan_request_parse(const char *text, size_t size, ScanRequest *ret)
{
    static const char *const members[] = {"digests", "rate",  "skip-folders", "skip-files",
                                          "scope",   "index", "hint",         NULL};
    _cleanup_json_ json_object *o = NULL;
    bool digests = true, index = false, hint = false;
    int r = json_parse(text, size, &o);

    *ret = (ScanRequest){.index_fd = -EBADF, .hint_fd = -EBADF, .threads = 1};
    if (r < 0)
        return r;
    if (!json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0)
        return -EBADMSG;
    if ((r = json_get_bool(o, "digests", &digests)) < 0 && r != -ENOENT)
        return r;
    if ((r = json_get_bool(o, "index", &index)) < 0 && r != -ENOENT)
        return r;
    if ((r = json_get_bool(o, "hint", &hint)) < 0 && r != -ENOENT)
        return r;
    if ((r = json_get_uint64(o, "rate", &ret->rate)) < 0 && r != -ENOENT)
        return r;
    r = read_paths(o, "skip-folders", &ret->skip_folders);
    if (r >= 0)
        r = read_paths(o, "skip-files", &ret->skip_files);
    if (r >= 0)
        r = read_paths(o, "scope", &ret->scope);
    if (r < 0) {
        scan_request_done(ret);
        return r;
    }
    ret->no_digests = !digests;
    ret->scoped = ret->scope.n > 0;
    ret->index_fd = index ? 0 : -EBADF; /* the caller's to fill in */
    ret->hint_fd = hint ? 0 : -EBADF;
    return 0;
}
