/* SPDX-License-Identifier: Apache-2.0 */
#include "commit-store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "atomic-file.h"
#include "config-tree.h"
#include "json-util.h"

#define FOLDER "commits"
#define SUFFIX ".json"
#define NAME_SIZE 32U
/* Room for the largest commit twice; where that is much of the disk, a part of it. */
#define RESERVE (2 * (uint64_t)COMMIT_SIZE_MAX)
#define RESERVE_PART 8U

struct CommitStore {
    int fd;
    Commit *commits; /* the oldest first */
    size_t n, n_allocated;
    uint64_t next_id;
    json_object *running;
};

void commit_done(Commit *commit)
{
    free(commit->user);
    free(commit->line);
    free(commit->client);
    free(commit->label);
    free(commit->comment);
    free(commit->warnings);
    memset(commit, 0, sizeof(*commit));
}

int commit_copy(const Commit *from, Commit *to)
{
    *to = (Commit){.id = from->id, .time = from->time};
    to->user = strdup(from->user);
    to->line = strdup(from->line);
    to->client = strdup(from->client);
    to->label = from->label ? strdup(from->label) : NULL;
    to->comment = from->comment ? strdup(from->comment) : NULL;
    to->warnings = from->warnings ? strdup(from->warnings) : NULL;
    if (to->user && to->line && to->client && (to->label || !from->label) &&
        (to->comment || !from->comment) && (to->warnings || !from->warnings))
        return 0;
    commit_done(to);
    return -ENOMEM;
}

static void file_name(uint64_t id, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%010" PRIu64 SUFFIX, id);
}

/* The id in a name that begins with one; 0 for others. *ret_rest is what follows. */
static uint64_t name_id(const char *name, const char **ret_rest)
{
    size_t n = strspn(name, "0123456789");

    *ret_rest = name + n;
    return n == 0 || n > 18 ? 0 : strtoull(name, NULL, 10);
}

/* --- Records ---------------------------------------------------------------------------------- */

static int add_string(json_object *o, const char *name, const char *value)
{
    return value ? json_add(o, name, json_object_new_string(value)) : 0;
}

static int add_number(json_object *o, const char *name, uint64_t value)
{
    return json_add(o, name, json_object_new_int64((int64_t)value));
}

/* The text of a record: an object whose member "sha256" is the hash of its canonical form without
 * that member. */
static int record_encode(const Commit *info, json_object *configuration, char **ret)
{
    _cleanup_json_ json_object *record = json_object_new_object();
    char hash[CONFIG_HASH_SIZE];
    int r;

    if (!record)
        return -ENOMEM;
    if ((r = add_number(record, "version", 1)) < 0 ||
        (r = add_number(record, "id", info->id)) < 0 ||
        (r = add_number(record, "time", info->time)) < 0 ||
        (r = add_string(record, "user", info->user)) < 0 ||
        (r = add_string(record, "line", info->line)) < 0 ||
        (r = add_string(record, "client", info->client)) < 0 ||
        (r = add_string(record, "label", info->label)) < 0 ||
        (r = add_string(record, "comment", info->comment)) < 0 ||
        (r = add_string(record, "warnings", info->warnings)) < 0)
        return r;
    if (json_object_object_add(record, "configuration", json_object_get(configuration)) < 0) {
        json_object_put(configuration);
        return -ENOMEM;
    }
    if ((r = config_hash(record, hash)) < 0 || (r = add_string(record, "sha256", hash)) < 0)
        return r;
    *ret = config_canonical_text(record);
    return *ret ? 0 : -ENOMEM;
}

static int check_hash(json_object *record)
{
    _cleanup_free_ char *expected = NULL;
    char hash[CONFIG_HASH_SIZE];
    const char *s;
    int r = json_get_string(record, "sha256", &s);

    if (r < 0)
        return -EBADMSG;
    expected = strdup(s);
    if (!expected)
        return -ENOMEM;
    json_object_object_del(record, "sha256");
    r = config_hash(record, hash);
    if (r < 0)
        return r;
    return streq(hash, expected) ? 0 : -EBADMSG;
}

static int copy_string(json_object *o, const char *name, char **ret)
{
    const char *s;
    int r = json_get_string(o, name, &s);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    *ret = strdup(s);
    return *ret ? 0 : -ENOMEM;
}

static int record_decode(const char *text, size_t size, Commit *ret,
                         json_object **ret_configuration)
{
    _cleanup_json_ json_object *record = NULL;
    json_object *configuration;
    uint64_t version;
    int r;

    if ((r = json_parse(text, size, &record)) < 0 || (r = check_hash(record)) < 0 ||
        (r = json_get_uint64(record, "version", &version)) < 0 ||
        (r = json_get_uint64(record, "id", &ret->id)) < 0 ||
        (r = json_get_uint64(record, "time", &ret->time)) < 0 ||
        (r = copy_string(record, "user", &ret->user)) < 0 ||
        (r = copy_string(record, "line", &ret->line)) < 0 ||
        (r = copy_string(record, "client", &ret->client)) < 0 ||
        (r = copy_string(record, "label", &ret->label)) < 0 ||
        (r = copy_string(record, "comment", &ret->comment)) < 0 ||
        (r = copy_string(record, "warnings", &ret->warnings)) < 0 ||
        (r = json_get_object(record, "configuration", &configuration)) < 0)
        return r == -ENOENT ? -EBADMSG : r;
    if (version != 1 || !ret->user || !ret->line || !ret->client)
        return -EBADMSG;
    *ret_configuration = json_object_get(configuration);
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int reserve(CommitStore *store)
{
    size_t n = store->n_allocated ? store->n_allocated * 2 : 16;
    Commit *commits;

    if (store->n < store->n_allocated)
        return 0;
    commits = reallocarray(store->commits, n, sizeof(*commits));
    if (!commits)
        return -ENOMEM;
    store->commits = commits;
    store->n_allocated = n;
    return 0;
}

static int load(CommitStore *store, uint64_t id)
{
    _cleanup_(commit_done) Commit commit = {0};
    _cleanup_json_ json_object *configuration = NULL;
    _cleanup_free_ void *data = NULL;
    char name[NAME_SIZE];
    size_t size;
    int r;

    file_name(id, name);
    r = read_state_at(store->fd, name, COMMIT_SIZE_MAX, &data, &size);
    if (r >= 0)
        r = record_decode(data, size, &commit, &configuration);
    if (r >= 0 && commit.id != id)
        r = -EBADMSG;
    if (r >= 0)
        r = reserve(store);
    if (r < 0)
        return r;
    store->commits[store->n++] = commit;
    commit = (Commit){0};
    json_object_put(store->running);
    store->running = TAKE_PTR(configuration);
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The ids of the files in the folder, sorted; those of files that were moved aside only count for
 * the next id. */
static int list(CommitStore *store, uint64_t **ret, size_t *ret_n)
{
    _cleanup_closedir_ DIR *dir = NULL;
    _cleanup_free_ uint64_t *ids = NULL;
    size_t n = 0, n_allocated = 0;
    struct dirent *entry;
    int r = open_folder_at(store->fd, ".", &dir);

    if (r < 0)
        return r;
    while ((entry = readdir(dir))) {
        const char *rest;
        uint64_t id = name_id(entry->d_name, &rest);

        if (id >= store->next_id)
            store->next_id = id + 1;
        if (id < COMMIT_ID_FIRST || !streq(rest, SUFFIX))
            continue;
        if (n == n_allocated) {
            uint64_t *grown = reallocarray(ids, n_allocated ? n_allocated * 2 : 64, sizeof(*ids));

            if (!grown)
                return -ENOMEM;
            n_allocated = n_allocated ? n_allocated * 2 : 64;
            ids = grown;
        }
        ids[n++] = id;
    }
    if (n > 0)
        qsort(ids, n, sizeof(*ids), compare_ids);
    *ret = TAKE_PTR(ids);
    *ret_n = n;
    return 0;
}

static int load_all(CommitStore *store, void (*report)(const char *name, int error, void *userdata),
                    void *userdata)
{
    _cleanup_free_ uint64_t *ids = NULL;
    int unread = 0, r;
    size_t n = 0;

    r = list(store, &ids, &n);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        char name[NAME_SIZE];
        int error = load(store, ids[i]);

        file_name(ids[i], name);
        if (error == -ENOMEM)
            return error;
        if (error == -EBADMSG)
            r = quarantine_at(store->fd, name);
        else
            unread = error; /* 0: what was not read before is not the newest */
        if (r >= 0 && error < 0 && report)
            report(name, error, userdata);
    }
    return r < 0 ? r : unread;
}

int commit_store_open(int state_fd, void (*report)(const char *name, int error, void *userdata),
                      void *userdata, CommitStore **ret)
{
    _cleanup_(commit_store_freep) CommitStore *store = calloc(1, sizeof(*store));
    int r;

    if (!store)
        return -ENOMEM;
    store->next_id = COMMIT_ID_FIRST;
    store->running = json_object_new_object();
    store->fd = directory_open_at(state_fd, FOLDER);
    if (store->fd < 0)
        return store->fd;
    /* What cannot be removed can be read all the same. */
    (void)remove_leftovers_at(store->fd);
    r = load_all(store, report, userdata);
    if (r < 0)
        return r;
    if (!store->running)
        return -ENOMEM;
    *ret = TAKE_PTR(store);
    return 0;
}

CommitStore *commit_store_free(CommitStore *store)
{
    if (!store)
        return NULL;
    for (size_t i = 0; i < store->n; i++)
        commit_done(&store->commits[i]);
    free(store->commits);
    json_object_put(store->running);
    closep(&store->fd);
    free(store);
    return NULL;
}

const Commit *commit_store_get(const CommitStore *store, size_t i)
{
    return i < store->n ? &store->commits[store->n - 1 - i] : NULL;
}

json_object *commit_store_running(const CommitStore *store)
{
    return store->running;
}

uint64_t commit_store_last_id(const CommitStore *store)
{
    return store->n > 0 ? store->commits[store->n - 1].id : 0;
}

uint64_t commit_store_next_id(const CommitStore *store)
{
    return store->next_id;
}

void commit_store_skip_id(CommitStore *store, uint64_t id)
{
    if (store->next_id <= id)
        store->next_id = id + 1;
}

bool commit_store_is_short(const CommitStore *store)
{
    uint64_t part, reserve = RESERVE;
    struct statvfs disk;

    /* Writing says so if there is something wrong with the disk. */
    if (fstatvfs(store->fd, &disk) < 0)
        return false;
    part = (uint64_t)disk.f_blocks * disk.f_frsize / RESERVE_PART;
    return (uint64_t)disk.f_bavail * disk.f_frsize < (part < reserve ? part : reserve);
}

int commit_store_find(const CommitStore *store, const char *which, size_t *ret)
{
    const Commit *commit;
    char id[24];

    for (size_t i = 0; (commit = commit_store_get(store, i)); i++) {
        (void)snprintf(id, sizeof(id), "%" PRIu64, commit->id);
        if (streq(id, which) || (commit->label && streq(commit->label, which))) {
            *ret = i;
            return 0;
        }
    }
    return -ENOENT;
}

int commit_store_read_id(const CommitStore *store, uint64_t id, json_object **ret)
{
    _cleanup_(commit_done) Commit found = {0};
    _cleanup_free_ void *data = NULL;
    char name[NAME_SIZE];
    size_t size;
    int r;

    file_name(id, name);
    r = read_state_at(store->fd, name, COMMIT_SIZE_MAX, &data, &size);
    return r < 0 ? r : record_decode(data, size, &found, ret);
}

int commit_store_read(const CommitStore *store, size_t i, json_object **ret)
{
    const Commit *commit = commit_store_get(store, i);

    if (!commit && i == store->n && (i == 0 || store->commits[0].id == COMMIT_ID_FIRST)) {
        *ret = json_object_new_object();
        return *ret ? 0 : -ENOMEM;
    }
    return commit ? commit_store_read_id(store, commit->id, ret) : -ENOENT;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* A commit that cannot be removed now is removed with a later one. */
static void prune(CommitStore *store)
{
    while (store->n > COMMITS_MAX) {
        char name[NAME_SIZE];

        file_name(store->commits[0].id, name);
        if (unlinkat(store->fd, name, 0) < 0 && errno != ENOENT)
            return;
        commit_done(&store->commits[0]);
        memmove(store->commits, store->commits + 1, --store->n * sizeof(*store->commits));
    }
}

int commit_store_append(CommitStore *store, Commit *info, json_object *configuration)
{
    _cleanup_(commit_done) Commit commit = {0};
    _cleanup_free_ char *text = NULL;
    char name[NAME_SIZE];
    int r;

    info->id = store->next_id;
    r = commit_copy(info, &commit);
    if (r >= 0)
        r = reserve(store);
    if (r >= 0)
        r = record_encode(info, configuration, &text);
    if (r >= 0 && strlen(text) > COMMIT_SIZE_MAX)
        r = -EMSGSIZE;
    if (r < 0)
        return r;
    file_name(info->id, name);
    r = atomic_write_at(store->fd, name, text, strlen(text), 0600);
    if (r < 0) {
        /* A file that had its name already may be there again after a power cut: no other commit
         * gets that id. */
        if (unlinkat(store->fd, name, 0) >= 0 || errno != ENOENT)
            commit_store_skip_id(store, info->id);
        return r;
    }
    commit_store_skip_id(store, info->id);
    store->commits[store->n++] = commit;
    commit = (Commit){0};
    json_object_put(store->running);
    store->running = json_object_get(configuration);
    prune(store);
    return 0;
}
