/* SPDX-License-Identifier: Apache-2.0 */
/* One dossier, and those of other nodes in it, against the vendor's list. */
#include <openssl/evp.h>
#include <sys/stat.h>

#include "reference-list.h"

#define SHA256_BASE64 44
#define PLATFORM_SIZE 256U

typedef struct Judging {
    Findings found;
    const char *node; /* whose dossier it is; NULL: that of the router itself */
    bool has_files;   /* that could be judged */
    int error;
} Judging;

/* expected and found may be NULL. */
static void find(Judging *f, const char *kind, const char *name, const char *problem,
                 const char *expected, const char *found)
{
    json_object *finding;
    bool is_encoded = streq(kind, "file") && name[0] != '/';
    const struct {
        const char *name, *value;
    } members[] = {
        {"node", f->node},    {"kind", kind},         {is_encoded ? "name-base64" : "name", name},
        {"problem", problem}, {"expected", expected}, {"found", found}};

    if (!findings_count(&f->found, f->node))
        return;
    finding = json_object_new_object();
    for (size_t i = 0; finding && i < ELEMENTSOF(members); i++)
        if (members[i].value &&
            json_add(finding, members[i].name, json_object_new_string(members[i].value)) < 0)
            f->error = -ENOMEM;
    if (!finding || json_object_array_add(f->found.list, finding) < 0) {
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

/* What dpkg only remembers of a package that was removed is none; one that is half of what it
 * should be has files here. */
static bool is_only_remembered(json_object *package)
{
    static const char *const states[] = {" config-files", " not-installed"};
    const char *status;

    if (json_get_string(package, "status", &status) < 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(states); i++) {
        size_t n = strlen(states[i]), size = strlen(status);

        if (size > n && streq(status + size - n, states[i]))
            return true;
    }
    return false;
}

/* What is installed, by key. An entry without a name or a version, as the device could not read it,
 * may be any package. */
static int index_installed(Judging *f, const char *manager, json_object *list, json_object *index)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *package = json_object_array_get_idx(list, i);
        const char *name = manager;
        int r;

        if (!json_object_is_type(package, json_type_object))
            return -EBADMSG;
        if (is_only_remembered(package))
            continue;
        r = reference_index_package(index, package);
        if (r < 0 && r != -EBADMSG)
            return r;
        if (r == -EBADMSG) {
            (void)json_get_string(package, "name", &name);
            find(f, "package", name, "unreadable", NULL, NULL);
        }
    }
    return 0;
}

/* A list without architectures is for packages of any. listed: how the list calls it. */
static bool find_expected(json_object *expected, const char *key, char listed[REFERENCE_KEY_SIZE],
                          json_object **ret)
{
    char *colon;

    (void)snprintf(listed, REFERENCE_KEY_SIZE, "%s", key);
    if (json_object_object_get_ex(expected, listed, ret))
        return true;
    colon = strrchr(listed, ':');
    if (!colon)
        return false;
    *colon = 0;
    return json_object_object_get_ex(expected, listed, ret);
}

static void check_installed(Judging *f, json_object *expected, json_object *installed,
                            json_object *seen)
{
    json_object_object_foreach(installed, key, versions)
    {
        char listed[REFERENCE_KEY_SIZE];
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

/* "Partial" are entries, each of which says so itself; with any other code the list may have ended
 * early. */
static bool is_whole(json_object *code)
{
    const char *text = code ? json_object_get_string(code) : NULL;

    return !text || streq(text, "Success") || streq(text, "Partial");
}

static void check_manager(Judging *f, json_object *expected, const char *manager,
                          json_object *dossier)
{
    const char *const path[] = {"packages", "packages", manager, "packages", NULL};
    const char *const outcome[] = {"packages", "packages", manager, "result-code", NULL};
    json_object *list = descend(dossier, path);
    _cleanup_json_ json_object *installed = json_object_new_object();
    _cleanup_json_ json_object *seen = json_object_new_object();
    int r;

    if (!json_object_is_type(list, json_type_array)) {
        find(f, "packages", manager, "not-collected", NULL, NULL);
        return;
    }
    if (!is_whole(descend(dossier, outcome)))
        find(f, "packages", manager, "incomplete", NULL, NULL);
    r = installed && seen ? index_installed(f, manager, list, installed) : -ENOMEM;
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

/* With a zero byte behind it; NULL when it is none. The caller frees. */
static char *name_from_base64(const char *text, size_t *ret_size)
{
    size_t n = strlen(text), padding = n - strcspn(text, "=");
    uint8_t *name = n > 0 && n % 4 == 0 && n < INT32_MAX ? malloc(n / 4 * 3 + 1) : NULL;

    if (!name || padding > 2 ||
        EVP_DecodeBlock(name, (const uint8_t *)text, (int)n) != (int)(n / 4 * 3)) {
        free(name);
        return NULL;
    }
    *ret_size = n / 4 * 3 - padding;
    name[*ret_size] = 0;
    return (char *)name;
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return streq(folder, "/") || (strncmp(path, folder, n) == 0 && path[n] == '/');
}

/* The name of a file as a key of objects: itself, or, what is no text, in base64. That never begins
 * with the slash that is the first character of every name. NULL: there is none. */
static const char *key_of(json_object *o, const char *member, char **ret_owned)
{
    _cleanup_free_ char *decoded = NULL;
    char other[64];
    const char *text;
    size_t size;

    *ret_owned = NULL;
    if (json_get_string(o, member, &text) >= 0)
        return text;
    (void)snprintf(other, sizeof other, "%s-base64", member);
    if (json_get_string(o, other, &text) < 0)
        return NULL;
    decoded = name_from_base64(text, &size);
    if (!decoded || !utf8_is_valid(decoded, size))
        return text;
    *ret_owned = TAKE_PTR(decoded);
    return *ret_owned;
}

static bool is_in_folders(const Reference *r, const char *key)
{
    _cleanup_free_ char *decoded = NULL;
    size_t size;

    if (key[0] != '/')
        key = decoded = name_from_base64(key, &size);
    for (size_t i = 0; key && r->folders && i < json_object_array_length(r->folders); i++)
        if (is_below(key, json_object_get_string(json_object_array_get_idx(r->folders, i))))
            return true;
    return false;
}

/* One file of the dossier; each deviation of one is reported once. digest: NULL when there is none
 * that could be compared. */
static void check_file(Judging *f, const Reference *r, json_object *reported, const char *path,
                       const char *digest)
{
    json_object *expected = NULL;
    const char *problem = NULL;

    if (json_object_object_get_ex(r->files, path, &expected)) {
        if (!digest)
            problem = "no-digest";
        else if (!streq(json_object_get_string(expected), digest))
            problem = "digest";
    } else if (is_in_folders(r, path))
        problem = "unexpected";
    if (!problem || json_object_object_get_ex(reported, path, NULL))
        return;
    if (json_add(reported, path, json_object_new_boolean(true)) < 0)
        f->error = -ENOMEM;
    find(f, "file", path, problem, expected ? json_object_get_string(expected) : NULL, digest);
}

/* The list of the integrity measurement architecture: what was executed or opened, and how it
 * was. */
static void check_measured(Judging *f, const Reference *r, json_object *reported,
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
            _cleanup_free_ char *owned = NULL;

            if (!(path = key_of(event, "filename-hint", &owned)) ||
                json_get_string(event, "filedata-hash-algorithm", &algorithm) < 0 ||
                json_get_string(event, "filedata-hash", &digest) < 0 || !streq(algorithm, "sha256"))
                continue;
            f->has_files = true;
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
        _cleanup_free_ char *owned = NULL;
        const char *path = key_of(file, "name", &owned), *change;
        int r;

        if (!path)
            continue;
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

/* Brings the state to what it is after the last of these blocks: a full one begins anew. */
static int apply_blocks(json_object *blocks, json_object **files)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < json_object_array_length(blocks); i++) {
        json_object *block = json_object_array_get_idx(blocks, i);
        const char *type;

        if (json_get_string(block, "snapshot-type", &type) >= 0 && streq(type, "full")) {
            json_object_put(*files);
            *files = json_object_new_object();
            if (!*files)
                return -ENOMEM;
        }
        r = apply_block(block, *files);
    }
    return r;
}

/* A file that is not there is missing when the folder that it would be in was looked at. */
static void check_missing(Judging *f, const Reference *r, json_object *files)
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

/* Links and folders are everywhere, and are in no list. */
static bool is_listed_kind(json_object *file)
{
    json_object *meta;
    uint64_t mode;

    return json_get_object(file, "meta", &meta) < 0 || json_get_uint64(meta, "mode", &mode) < 0 ||
           !(S_ISDIR((mode_t)mode) || S_ISLNK((mode_t)mode));
}

static void check_node(Judging *f, const Reference *r, json_object *reported, json_object *files)
{
    json_object_object_foreach(files, path, file)
    {
        const char *algorithm, *digest;
        char hex[SHA256_HEX + 1];
        json_object *o;

        f->has_files = true;
        if (json_get_object(file, "digest", &o) >= 0 &&
            json_get_string(o, "algorithm", &algorithm) >= 0 && streq(algorithm, "sha256") &&
            json_get_string(o, "digest-value", &digest) >= 0 && hex_from_base64(digest, hex))
            check_file(f, r, reported, path, hex);
        else if (is_listed_kind(file) || json_object_object_get_ex(r->files, path, NULL))
            check_file(f, r, reported, path, NULL);
    }
    check_missing(f, r, files);
}

/* The files of each of the inventories of a dossier, by what it calls them. */
static int add_node(json_object *inventories, json_object *node)
{
    json_object *blocks, *files;
    const char *name;
    int r;

    if (json_get_string(node, "node-location", &name) < 0 ||
        json_get_array(node, "snapshots", &blocks) < 0)
        return 0;
    files = json_object_get(json_object_object_get(inventories, name));
    if (!files)
        files = json_object_new_object();
    r = files ? apply_blocks(blocks, &files) : -ENOMEM;
    if (r < 0) {
        json_object_put(files);
        return r;
    }
    return json_add(inventories, name, files);
}

static int add_inventory(json_object *inventories, json_object *dossier)
{
    static const char *const path[] = {"filesystem-inventory", "filesystem-inventory", "nodes",
                                       NULL};
    json_object *nodes = descend(dossier, path);
    int r = 0;

    for (size_t i = 0; r >= 0 && json_object_is_type(nodes, json_type_array) &&
                       i < json_object_array_length(nodes);
         i++)
        r = add_node(inventories, json_object_array_get_idx(nodes, i));
    return r;
}

/* --- A dossier -------------------------------------------------------------------------------- */

/* The type of the machine, from the line behind the titles: node, type, architecture. Nobody but
 * the type may have blanks. */
static bool read_platform(json_object *dossier, char platform[PLATFORM_SIZE])
{
    static const char *const path[] = {"platform", "platform", NULL};
    json_object *text = descend(dossier, path);
    const char *line, *begin, *end;

    if (!json_object_is_type(text, json_type_string))
        return false;
    line = strchr(json_object_get_string(text), '\n');
    line = line ? strchr(line + 1, '\n') : NULL;
    if (!line)
        return false;
    line++;
    end = line + strcspn(line, "\n");
    begin = line + strcspn(line, " \n");
    while (end > begin && end[-1] != ' ')
        end--;
    while (begin < end && *begin == ' ')
        begin++;
    while (end > begin && end[-1] == ' ')
        end--;
    if (begin == end || (size_t)(end - begin) >= PLATFORM_SIZE)
        return false;
    (void)snprintf(platform, PLATFORM_SIZE, "%.*s", (int)(end - begin), begin);
    return true;
}

static void check_files(Judging *f, const Reference *r, json_object *dossier,
                        json_object *inventories)
{
    _cleanup_json_ json_object *reported = json_object_new_object();

    if (!reported) {
        f->error = -ENOMEM;
        return;
    }
    f->has_files = false;
    check_measured(f, r, reported, dossier);
    json_object_object_foreach(inventories, name, files)
    {
        (void)name;
        check_node(f, r, reported, files);
    }
    if (!f->has_files)
        find(f, "files", "filesystem-inventory", "not-collected", NULL, NULL);
}

static void check_dossier(Judging *f, const Reference *reference, json_object *dossier,
                          json_object *inventories)
{
    char platform[PLATFORM_SIZE];
    bool has_platform = read_platform(dossier, platform);
    const Reference *r = reference_of(reference, has_platform ? platform : NULL);

    if (!r) {
        find(f, "platform", has_platform ? platform : "platform",
             has_platform ? "unlisted" : "not-collected", NULL, NULL);
        return;
    }
    for (size_t i = 0; i < N_MANAGERS; i++)
        if (r->packages[i])
            check_manager(f, r->packages[i], reference_managers[i], dossier);
    if (r->files)
        check_files(f, r, dossier, inventories);
}

/* --- Other nodes ------------------------------------------------------------------------------ */

struct ReferenceCheck {
    const Reference *reference;
    json_object *inventories; /* of the router itself */
    json_object *nodes;       /* those of other nodes, by the node's name */
};

ReferenceCheck *reference_check_new(const Reference *r)
{
    ReferenceCheck *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->reference = r;
    c->inventories = json_object_new_object();
    c->nodes = json_object_new_object();
    return c->inventories && c->nodes ? c : reference_check_free(c);
}

ReferenceCheck *reference_check_free(ReferenceCheck *c)
{
    if (!c)
        return NULL;
    json_object_put(c->inventories);
    json_object_put(c->nodes);
    free(c);
    return NULL;
}

typedef struct Node {
    const char *name, *code;
    json_object *dossier; /* NULL: not all of it is here */
} Node;

/* -EBADMSG for what the check of nodes would not have let pass. */
static int read_node(json_object *list, size_t i, Node *ret)
{
    json_object *entry = json_object_array_get_idx(list, i);

    *ret = (Node){.name = NULL};
    if (!json_object_is_type(entry, json_type_object) ||
        json_get_string(entry, "node-location", &ret->name) < 0 ||
        json_get_string(entry, "result-code", &ret->code) < 0)
        return -EBADMSG;
    if (!streq(ret->code, "Success"))
        return 0;
    return json_get_object(entry, "dossier", &ret->dossier) < 0 ? -EBADMSG : 0;
}

/* 0, also without one: *ret is NULL then. */
static int list_of_nodes(json_object *dossier, json_object **ret)
{
    int r = json_get_array(dossier, "nodes", ret);

    if (r == -ENOENT)
        *ret = NULL;
    return r == -ENOENT ? 0 : r;
}

static json_object *inventories_of(ReferenceCheck *c, const char *name)
{
    json_object *inventories;

    if (json_object_object_get_ex(c->nodes, name, &inventories))
        return inventories;
    inventories = json_object_new_object();
    return json_add(c->nodes, name, inventories) < 0 ? NULL : inventories;
}

static int add_dossiers(ReferenceCheck *c, json_object *dossier)
{
    json_object *list;
    int r = add_inventory(c->inventories, dossier);

    if (r >= 0)
        r = list_of_nodes(dossier, &list);
    for (size_t i = 0; r >= 0 && list && i < json_object_array_length(list); i++) {
        json_object *inventories;
        Node node;

        r = read_node(list, i, &node);
        if (r < 0 || !node.dossier)
            continue;
        inventories = inventories_of(c, node.name);
        r = inventories ? add_inventory(inventories, node.dossier) : -ENOMEM;
    }
    return r;
}

/* Whoever's dossier is not whole is not as the list says, whatever there is of it. */
static int check_others(ReferenceCheck *c, Judging *f, json_object *dossier)
{
    json_object *list;
    int r = list_of_nodes(dossier, &list);

    for (size_t i = 0; r >= 0 && list && i < json_object_array_length(list); i++) {
        json_object *inventories;
        Node node;

        r = read_node(list, i, &node);
        if (r < 0)
            break;
        f->node = node.name;
        inventories = inventories_of(c, node.name);
        if (!inventories)
            r = -ENOMEM;
        else if (node.dossier)
            check_dossier(f, c->reference, node.dossier, inventories);
        else
            find(f, "node", node.name, "not-collected", "Success", node.code);
    }
    f->node = NULL;
    return r;
}

static int parse_dossier(const void *payload, size_t size, json_object **ret)
{
    int r = json_parse(payload, size, ret);

    return r < 0 ? r : json_object_is_type(*ret, json_type_object) ? 0 : -EBADMSG;
}

int reference_check_add(ReferenceCheck *c, const void *payload, size_t size)
{
    _cleanup_json_ json_object *dossier = NULL;
    int r;

    if (!reference_has_files(c->reference))
        return 0;
    r = parse_dossier(payload, size, &dossier);
    return r < 0 ? r : add_dossiers(c, dossier);
}

int reference_check_finish(ReferenceCheck *c, const void *payload, size_t size, uint64_t max,
                           Findings *ret)
{
    _cleanup_json_ json_object *dossier = NULL;
    Judging f = {.error = 0};
    int r = findings_init(&f.found, max);

    if (r >= 0)
        r = parse_dossier(payload, size, &dossier);

    if (r >= 0 && reference_has_files(c->reference))
        r = add_dossiers(c, dossier);
    if (r >= 0) {
        check_dossier(&f, c->reference, dossier, c->inventories);
        r = check_others(c, &f, dossier);
    }
    if (r >= 0)
        r = f.error;
    if (r < 0) {
        findings_done(&f.found);
        return r;
    }
    *ret = f.found;
    return 0;
}
