/* SPDX-License-Identifier: Apache-2.0 */
#include "reference-list.h"

const char *const reference_managers[N_MANAGERS] = {"dpkg", "rpm"};

static int package_key(json_object *package, char key[REFERENCE_KEY_SIZE])
{
    const char *name, *architecture;
    int n;

    if (json_get_string(package, "name", &name) < 0)
        return -EBADMSG;
    if (json_get_string(package, "architecture", &architecture) >= 0)
        n = snprintf(key, REFERENCE_KEY_SIZE, "%s:%s", name, architecture);
    else
        n = snprintf(key, REFERENCE_KEY_SIZE, "%s", name);
    return n < (int)REFERENCE_KEY_SIZE ? 0 : -EBADMSG;
}

int reference_index_package(json_object *index, json_object *package)
{
    json_object *versions;
    const char *version;
    char key[REFERENCE_KEY_SIZE];
    json_object *text;
    int r = 0;

    if (package_key(package, key) < 0 || json_get_string(package, "version", &version) < 0)
        return -EBADMSG;
    if (!json_object_object_get_ex(index, key, &versions)) {
        versions = json_object_new_array();
        r = json_add(index, key, versions);
    }
    text = r < 0 ? NULL : json_object_new_string(version);
    if (r >= 0 && (!text || json_object_array_add(versions, text) < 0)) {
        json_object_put(text);
        r = -ENOMEM;
    }
    return r;
}

static int parse_manager(json_object *list, json_object **ret)
{
    static const char *const known[] = {"name", "version", "architecture", NULL};
    _cleanup_json_ json_object *index = json_object_new_object();
    int r = index ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++) {
        json_object *package = json_object_array_get_idx(list, i);

        r = json_object_is_type(package, json_type_object) ? json_only_members(package, known)
                                                           : -EBADMSG;
        if (r >= 0)
            r = reference_index_package(index, package);
    }
    if (r >= 0)
        *ret = TAKE_PTR(index);
    return r;
}

static int parse_packages(json_object *root, Reference *reference)
{
    static const char *const known[] = {"dpkg", "rpm", NULL};
    json_object *packages, *list;
    int r = json_get_object(root, "packages", &packages);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = json_only_members(packages, known);
    for (size_t i = 0; r >= 0 && i < N_MANAGERS; i++) {
        r = json_get_array(packages, reference_managers[i], &list);
        if (r >= 0)
            r = parse_manager(list, &reference->packages[i]);
        else if (r == -ENOENT)
            r = 0;
    }
    return r;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == SHA256_HEX && strspn(text, "0123456789abcdef") == SHA256_HEX;
}

static int parse_files(json_object *root, Reference *reference)
{
    static const char *const known[] = {"path", "sha256", NULL};
    json_object *list;
    int r = json_get_array(root, "files", &list);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    reference->files = json_object_new_object();
    if (!reference->files)
        return -ENOMEM;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *file = json_object_array_get_idx(list, i);
        const char *path, *digest;

        if (!json_object_is_type(file, json_type_object) || json_only_members(file, known) < 0 ||
            json_get_string(file, "path", &path) < 0 || path[0] != '/' ||
            json_get_string(file, "sha256", &digest) < 0 || !is_sha256(digest))
            return -EBADMSG;
        r = json_add(reference->files, path, json_object_new_string(digest));
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_folders(json_object *root, Reference *reference)
{
    json_object *list;
    int r = json_get_array(root, "folders", &list);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *folder = json_object_array_get_idx(list, i);
        const char *path = json_object_get_string(folder);

        if (!json_object_is_type(folder, json_type_string) || path[0] != '/' ||
            (path[1] && path[strlen(path) - 1] == '/'))
            return -EBADMSG;
    }
    reference->folders = json_object_get(list);
    if (!reference->files)
        reference->files = json_object_new_object();
    return reference->files ? 0 : -ENOMEM;
}

/* What is wrong is said in *reason. */
static int parse_list(json_object *root, Reference *reference, const char **reason)
{
    int r;

    *reason = "packages is not lists (dpkg, rpm) of name, version and architecture";
    r = parse_packages(root, reference);
    if (r < 0)
        return r;
    *reason = "files is not a list of path and sha256 (64 hexadecimal digits in small letters)";
    r = parse_files(root, reference);
    if (r < 0)
        return r;
    *reason = "folders is not a list of paths without a slash at their end";
    return parse_folders(root, reference);
}

/* Returns -EBADMSG for one that judges nothing, too: it would let everything pass. */
static int parse_platform(json_object *root, ReferencePlatform *platform, const char **reason)
{
    static const char *const known[] = {"packages", "files", "folders", NULL};
    const char *const whole = *reason;
    int r;

    if (!json_object_is_type(root, json_type_object) || json_only_members(root, known) < 0 ||
        json_object_object_length(root) == 0)
        return -EBADMSG;
    platform->list = calloc(1, sizeof *platform->list);
    if (!platform->list)
        return -ENOMEM;
    r = parse_list(root, platform->list, reason);
    if (r < 0)
        return r;
    *reason = whole;
    return reference_judges(platform->list) ? 0 : -EBADMSG;
}

static int parse_platforms(json_object *root, Reference *reference, const char **reason)
{
    json_object *platforms;
    int r;

    *reason = "platforms is not lists of packages, files and folders by the platform's type";
    r = json_get_object(root, "platforms", &platforms);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    reference->platforms =
        calloc((size_t)json_object_object_length(platforms) + 1, sizeof *reference->platforms);
    if (!reference->platforms)
        return -ENOMEM;
    json_object_object_foreach(platforms, name, list)
    {
        ReferencePlatform *platform = &reference->platforms[reference->n_platforms++];

        platform->name = strdup(name);
        r = platform->name ? parse_platform(list, platform, reason) : -ENOMEM;
        if (r < 0)
            return r;
    }
    return 0;
}

int reference_parse(const char *text, size_t size, Reference **ret, const char **ret_reason)
{
    static const char *const known[] = {"packages", "files", "folders", "platforms", NULL};
    _cleanup_(reference_freep) Reference *reference = calloc(1, sizeof *reference);
    _cleanup_json_ json_object *root = NULL;
    const char *reason = "it is not a JSON object of packages, files, folders and platforms";
    int r;

    if (!reference)
        return -ENOMEM;
    r = json_parse(text, size, &root);
    if (r >= 0)
        r = json_object_is_type(root, json_type_object) ? json_only_members(root, known) : -EBADMSG;
    if (r >= 0)
        r = parse_list(root, reference, &reason);
    if (r >= 0)
        r = parse_platforms(root, reference, &reason);
    if (r < 0) {
        *ret_reason = reason;
        return r;
    }
    *ret = TAKE_PTR(reference);
    return 0;
}

Reference *reference_free(Reference *r)
{
    if (!r)
        return NULL;
    for (size_t i = 0; i < N_MANAGERS; i++)
        json_object_put(r->packages[i]);
    json_object_put(r->files);
    json_object_put(r->folders);
    for (size_t i = 0; i < r->n_platforms; i++) {
        free(r->platforms[i].name);
        (void)reference_free(r->platforms[i].list);
    }
    free(r->platforms);
    free(r);
    return NULL;
}

bool reference_judges(const Reference *r)
{
    for (size_t i = 0; i < N_MANAGERS; i++)
        if (r->packages[i])
            return true;
    return r->files;
}

bool reference_has_files(const Reference *r)
{
    for (size_t i = 0; i < r->n_platforms; i++)
        if (r->platforms[i].list->files)
            return true;
    return r->files;
}

const Reference *reference_of(const Reference *r, const char *platform)
{
    for (size_t i = 0; platform && i < r->n_platforms; i++)
        if (streq(r->platforms[i].name, platform))
            return r->platforms[i].list;
    return r->n_platforms == 0 || reference_judges(r) ? r : NULL;
}
