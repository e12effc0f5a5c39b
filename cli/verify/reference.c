/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <openssl/evp.h>

#define KEY_SIZE 1024U
#define SHA256_HEX 64U
#define SHA256_BASE64 44

static const char *const managers[] = {"dpkg", "rpm"};

struct Reference {
    /* of each manager: NAME or NAME:ARCHITECTURE to an array of versions; NULL when not listed */
    json_object *packages[ELEMENTSOF(managers)];
    json_object *files;   /* path to digest; NULL when no file is judged */
    json_object *folders; /* array of paths without a slash at the end */
};

/* --- The list --------------------------------------------------------------------------------- */

static int package_key(json_object *package, char key[KEY_SIZE])
{
    const char *name, *architecture;
    int n;

    if (json_get_string(package, "name", &name) < 0)
        return -EBADMSG;
    if (json_get_string(package, "architecture", &architecture) >= 0)
        n = snprintf(key, KEY_SIZE, "%s:%s", name, architecture);
    else
        n = snprintf(key, KEY_SIZE, "%s", name);
    return n < (int)KEY_SIZE ? 0 : -EBADMSG;
}

/* Packages by key; several versions of one (kernels) stand side by side. */
static int index_package(json_object *index, json_object *package)
{
    json_object *versions;
    const char *version;
    char key[KEY_SIZE];
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
            r = index_package(index, package);
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
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(managers); i++) {
        r = json_get_array(packages, managers[i], &list);
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

int reference_parse(const char *text, size_t size, Reference **ret, const char **ret_reason)
{
    static const char *const known[] = {"packages", "files", "folders", NULL};
    _cleanup_(reference_freep) Reference *reference = calloc(1, sizeof *reference);
    _cleanup_json_ json_object *root = NULL;
    const char *reason = "it is not a JSON object of packages, files and folders";
    int r;

    if (!reference)
        return -ENOMEM;
    r = json_parse(text, size, &root);
    if (r >= 0)
        r = json_object_is_type(root, json_type_object) ? json_only_members(root, known) : -EBADMSG;
    if (r >= 0) {
        reason = "packages is not lists (dpkg, rpm) of name, version and architecture";
        r = parse_packages(root, reference);
    }
    if (r >= 0) {
        reason = "files is not a list of path and sha256 (64 hexadecimal digits in small letters)";
        r = parse_files(root, reference);
    }
    if (r >= 0) {
        reason = "folders is not a list of paths without a slash at their end";
        r = parse_folders(root, reference);
    }
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
    for (size_t i = 0; i < ELEMENTSOF(managers); i++)
        json_object_put(r->packages[i]);
    json_object_put(r->files);
    json_object_put(r->folders);
    free(r);
    return NULL;
}

/* --- The comparison --------------------------------------------------------------------------- */

typedef struct Findings {
    json_object *list;
    int error;
} Findings;

/* expected and found may be NULL. */
static void find(Findings *f, const char *kind, const char *name, const char *problem,
                 const char *expected, const char *found)
{
    json_object *finding = json_object_new_object();
    const struct {
        const char *name, *value;
    } members[] = {{"kind", kind},
                   {"name", name},
                   {"problem", problem},
                   {"expected", expected},
                   {"found", found}};

    for (size_t i = 0; finding && i < ELEMENTSOF(members); i++)
        if (members[i].value &&
            json_add(finding, members[i].name, json_object_new_string(members[i].value)) < 0)
            f->error = -ENOMEM;
    if (!finding || json_object_array_add(f->list, finding) < 0) {
        json_object_put(finding);
        f->error = -ENOMEM;
    }
}

/* A member of a member of a member. */
static json_object *descend(json_object *o, const char *const *path)
{
    for (size_t i = 0; path[i]; i++)
        if (!json_object_object_get_ex(o, path[i], &o))
            return NULL;
    return o;
}

static bool has_text(json_object *array, const char *text)
{
    for (size_t i = 0; i < json_object_array_length(array); i++)
        if (streq(json_object_get_string(json_object_array_get_idx(array, i)), text))
            return true;
    return false;
}

/* What is installed, by key. What dpkg only remembers of a package that was removed is none. */
static int index_installed(json_object *list, json_object *index)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *package = json_object_array_get_idx(list, i);
        const char *status;
        int r;

        if (!json_object_is_type(package, json_type_object))
            return -EBADMSG;
        if (json_get_string(package, "status", &status) >= 0 && !strstr(status, " installed"))
            continue;
        r = index_package(index, package);
        if (r < 0 && r != -EBADMSG)
            return r;
    }
    return 0;
}

/* A list without architectures is for packages of any. listed: how the list calls it. */
static bool find_expected(json_object *expected, const char *key, char listed[KEY_SIZE],
                          json_object **ret)
{
    char *colon;

    (void)snprintf(listed, KEY_SIZE, "%s", key);
    if (json_object_object_get_ex(expected, listed, ret))
        return true;
    colon = strrchr(listed, ':');
    if (!colon)
        return false;
    *colon = 0;
    return json_object_object_get_ex(expected, listed, ret);
}

static void check_installed(Findings *f, json_object *expected, json_object *installed,
                            json_object *seen)
{
    json_object_object_foreach(installed, key, versions)
    {
        char listed[KEY_SIZE];
        json_object *wanted;

        if (!find_expected(expected, key, listed, &wanted)) {
            find(f, "package", key, "unexpected", NULL,
                 json_object_get_string(json_object_array_get_idx(versions, 0)));
            continue;
        }
        for (size_t i = 0; i < json_object_array_length(versions); i++) {
            const char *version = json_object_get_string(json_object_array_get_idx(versions, i));

            if (!has_text(wanted, version))
                find(f, "package", key, "version",
                     json_object_get_string(json_object_array_get_idx(wanted, 0)), version);
        }
        if (json_add(seen, listed, json_object_new_boolean(true)) < 0)
            f->error = -ENOMEM;
    }
}

static void check_manager(Findings *f, json_object *expected, const char *manager,
                          json_object *dossier)
{
    const char *const path[] = {"packages", "packages", manager, "packages", NULL};
    json_object *list = descend(dossier, path);
    _cleanup_json_ json_object *installed = json_object_new_object();
    _cleanup_json_ json_object *seen = json_object_new_object();
    int r;

    if (!json_object_is_type(list, json_type_array)) {
        find(f, "packages", manager, "not-collected", NULL, NULL);
        return;
    }
    r = installed && seen ? index_installed(list, installed) : -ENOMEM;
    if (r < 0) {
        f->error = r;
        return;
    }
    check_installed(f, expected, installed, seen);
    json_object_object_foreach(expected, key, versions)
    {
        if (!json_object_object_get_ex(seen, key, NULL))
            find(f, "package", key, "missing",
                 json_object_get_string(json_object_array_get_idx(versions, 0)), NULL);
    }
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return streq(folder, "/") || (strncmp(path, folder, n) == 0 && path[n] == '/');
}

/* One digest of the dossier; each deviation of one file is reported once. */
static void check_file(Findings *f, const Reference *r, json_object *reported, const char *path,
                       const char *digest)
{
    json_object *expected;
    const char *problem = NULL;

    if (json_object_object_get_ex(r->files, path, &expected)) {
        if (!streq(json_object_get_string(expected), digest))
            problem = "digest";
    } else {
        expected = NULL;
        for (size_t i = 0; r->folders && i < json_object_array_length(r->folders); i++)
            if (is_below(path, json_object_get_string(json_object_array_get_idx(r->folders, i))))
                problem = "unexpected";
    }
    if (!problem || json_object_object_get_ex(reported, path, NULL))
        return;
    if (json_add(reported, path, json_object_new_boolean(true)) < 0)
        f->error = -ENOMEM;
    find(f, "file", path, problem, expected ? json_object_get_string(expected) : NULL, digest);
}

/* The list of the integrity measurement architecture: what was executed or opened, and how it
 * was. */
static void check_measured(Findings *f, const Reference *r, json_object *reported,
                           json_object *dossier)
{
    static const char *const facts[] = {"system-integrity-snapshot", "system-integrity-snapshot",
                                        "facts", NULL};
    static const char *const events[] = {"value", "ima-event-log", NULL};
    json_object *list = descend(dossier, facts);

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
        json_object *log = descend(json_object_array_get_idx(list, i), events);

        for (size_t k = 0;
             json_object_is_type(log, json_type_array) && k < json_object_array_length(log); k++) {
            json_object *event = json_object_array_get_idx(log, k);
            const char *path, *algorithm, *digest;

            if (json_get_string(event, "filename-hint", &path) >= 0 &&
                json_get_string(event, "filedata-hash-algorithm", &algorithm) >= 0 &&
                json_get_string(event, "filedata-hash", &digest) >= 0 && streq(algorithm, "sha256"))
                check_file(f, r, reported, path, digest);
        }
    }
}

/* --- The filesystem inventory ----------------------------------------------------------------- */

/* One block: what it says of a file counts from there on. */
static int apply_block(json_object *block, json_object *files)
{
    json_object *list;

    if (!json_object_object_get_ex(block, "files", &list) ||
        !json_object_is_type(list, json_type_array))
        return 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *file = json_object_array_get_idx(list, i);
        const char *path, *change;
        int r;

        if (json_get_string(file, "name", &path) < 0)
            continue; /* a name that is no text is in no list */
        if (json_get_string(file, "change-kind", &change) >= 0 && streq(change, "deleted")) {
            json_object_object_del(files, path);
            continue;
        }
        r = json_add(files, path, json_object_get(file));
        if (r < 0)
            return r;
    }
    return 0;
}

/* The state after the last block that is there: a full one begins anew. */
static int build_state(json_object *blocks, json_object **ret)
{
    _cleanup_json_ json_object *files = json_object_new_object();
    int r = files ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < json_object_array_length(blocks); i++) {
        json_object *block = json_object_array_get_idx(blocks, i);
        const char *type;

        if (json_get_string(block, "snapshot-type", &type) >= 0 && streq(type, "full")) {
            json_object_put(files);
            files = json_object_new_object();
            if (!files)
                return -ENOMEM;
        }
        r = apply_block(block, files);
    }
    if (r >= 0)
        *ret = TAKE_PTR(files);
    return r;
}

/* A file that is not there is missing when the folder that it would be in was looked at. */
static void check_missing(Findings *f, const Reference *r, json_object *files)
{
    json_object_object_foreach(r->files, path, digest)
    {
        char folder[4096];
        char *slash;

        if (json_object_object_get_ex(files, path, NULL) ||
            (size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder)
            continue;
        slash = strrchr(folder, '/');
        slash[slash == folder ? 1 : 0] = 0;
        if (json_object_object_get_ex(files, folder, NULL))
            find(f, "file", path, "missing", json_object_get_string(digest), NULL);
    }
}

/* The inventory has its digests in base64, as the public models of such inventories do. */
static bool hex_from_base64(const char *text, char hex[SHA256_HEX + 1])
{
    uint8_t digest[SHA256_BASE64 / 4 * 3];

    if (strlen(text) != SHA256_BASE64 ||
        EVP_DecodeBlock(digest, (const uint8_t *)text, SHA256_BASE64) != (int)sizeof digest)
        return false;
    for (size_t i = 0; i < SHA256_HEX / 2; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static void check_node(Findings *f, const Reference *r, json_object *reported, json_object *blocks)
{
    _cleanup_json_ json_object *files = NULL;
    int q = build_state(blocks, &files);

    if (q < 0) {
        f->error = q;
        return;
    }
    json_object_object_foreach(files, path, file)
    {
        const char *algorithm, *digest;
        char hex[SHA256_HEX + 1];
        json_object *o;

        if (json_get_object(file, "digest", &o) >= 0 &&
            json_get_string(o, "algorithm", &algorithm) >= 0 && streq(algorithm, "sha256") &&
            json_get_string(o, "digest-value", &digest) >= 0 && hex_from_base64(digest, hex))
            check_file(f, r, reported, path, hex);
    }
    check_missing(f, r, files);
}

static void check_inventory(Findings *f, const Reference *r, json_object *reported,
                            json_object *dossier)
{
    static const char *const path[] = {"filesystem-inventory", "filesystem-inventory", "nodes",
                                       NULL};
    json_object *nodes = descend(dossier, path), *blocks;

    for (size_t i = 0;
         json_object_is_type(nodes, json_type_array) && i < json_object_array_length(nodes); i++)
        if (json_object_object_get_ex(json_object_array_get_idx(nodes, i), "snapshots", &blocks) &&
            json_object_is_type(blocks, json_type_array))
            check_node(f, r, reported, blocks);
}

int reference_check(const Reference *r, const void *payload, size_t size, json_object **ret)
{
    _cleanup_json_ json_object *dossier = NULL, *reported = json_object_new_object();
    Findings f = {.list = json_object_new_array()};
    int q = f.list && reported ? json_parse(payload, size, &dossier) : -ENOMEM;

    if (q >= 0 && !json_object_is_type(dossier, json_type_object))
        q = -EBADMSG;
    for (size_t i = 0; q >= 0 && i < ELEMENTSOF(managers); i++)
        if (r->packages[i])
            check_manager(&f, r->packages[i], managers[i], dossier);
    if (q >= 0 && r->files) {
        check_measured(&f, r, reported, dossier);
        check_inventory(&f, r, reported, dossier);
    }
    if (q >= 0)
        q = f.error;
    if (q < 0) {
        json_object_put(f.list);
        return q;
    }
    *ret = f.list;
    return 0;
}
