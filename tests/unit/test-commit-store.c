/* SPDX-License-Identifier: Apache-2.0 */
/* Commits survive, whatever is found on the disk: leftovers, truncated, altered and foreign
 * files. */
#include "scratch-folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "commit-store.h"
#include "interruptions.h"
#include "json-util.h"

static int tear_down(void **state)
{
    Folder *scratch = *state;
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/commits", scratch->path);
    scratch_remove(openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
    scratch_remove(scratch->fd, scratch->path);
    free(scratch);
    return 0;
}

static void count_corrupt(const char *name, int error, void *userdata)
{
    ++*(unsigned *)userdata;
}

static CommitStore *open_store(const Folder *scratch, unsigned expected_corrupt)
{
    CommitStore *store = NULL;
    unsigned corrupt = 0;

    assert_int_equal(commit_store_open(scratch->fd, count_corrupt, &corrupt, &store), 0);
    assert_int_equal(corrupt, expected_corrupt);
    return store;
}

static uint64_t append(CommitStore *store, const char *hostname)
{
    _cleanup_json_ json_object *root = json_object_new_object();
    json_object *system = json_object_new_object();
    Commit info = {.time = 1700000000000000,
                   .user = (char[]){"ann"},
                   .line = (char[]){"pts/0"},
                   .client = (char[]){"CLI"},
                   .label = (char[]){"first"},
                   .comment = (char[]){"because \"it\" is \xc3\xa9"}};

    json_object_object_add(system, "hostname", json_object_new_string(hostname));
    json_object_object_add(root, "system", system);
    assert_int_equal(commit_store_append(store, &info, root), 0);
    return info.id;
}

static void assert_hostname(const CommitStore *store, const char *expected)
{
    json_object *system;
    const char *hostname = NULL;

    if (json_get_object(commit_store_running(store), "system", &system) >= 0)
        assert_int_equal(json_get_string(system, "hostname", &hostname), 0);
    assert_true(streq_ptr(hostname, expected));
}

static void test_round_trip(void **state)
{
    CommitStore *store = open_store(*state, 0);
    const Commit *commit;

    assert_int_equal(commit_store_last_id(store), 0);
    assert_hostname(store, NULL);
    assert_int_equal(append(store, "a"), COMMIT_ID_FIRST);
    assert_int_equal(append(store, "b"), COMMIT_ID_FIRST + 1);
    assert_hostname(store, "b");
    store = commit_store_free(store);

    store = open_store(*state, 0);
    assert_hostname(store, "b");
    assert_int_equal(commit_store_last_id(store), COMMIT_ID_FIRST + 1);
    commit = commit_store_get(store, 1);
    assert_int_equal(commit->id, COMMIT_ID_FIRST);
    assert_int_equal(commit->time, 1700000000000000);
    assert_string_equal(commit->user, "ann");
    assert_string_equal(commit->line, "pts/0");
    assert_string_equal(commit->client, "CLI");
    assert_string_equal(commit->label, "first");
    assert_string_equal(commit->comment, "because \"it\" is \xc3\xa9");
    assert_null(commit_store_get(store, 2));
    commit_store_free(store);
}

/* Any byte of the newest record that is lost or altered: the one before is the running
 * configuration, and the id is gone. */
static void damage(Folder *scratch, const char *name, size_t keep, int flip)
{
    _cleanup_close_ int folder = openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ void *data = NULL;
    size_t size;

    assert_int_equal(read_file_at(folder, name, COMMIT_SIZE_MAX, &data, &size), 0);
    if (keep < size)
        size = keep;
    if (flip >= 0)
        ((uint8_t *)data)[flip] ^= 1;
    assert_int_equal(atomic_write_at(folder, name, data, size, 0600), 0);
}

static void test_truncated(void **state)
{
    static const size_t lengths[] = {0, 1, 20, 100, 200};

    for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
        CommitStore *store = open_store(*state, 0);
        char name[32];

        (void)append(store, "good");
        (void)snprintf(name, sizeof(name), "%llu.json", (unsigned long long)append(store, "bad"));
        commit_store_free(store);
        damage(*state, name, lengths[i], -1);
        store = open_store(*state, 1);
        assert_hostname(store, "good");
        commit_store_free(store);
    }
}

static void test_altered(void **state)
{
    CommitStore *store = open_store(*state, 0);
    uint64_t last;

    (void)append(store, "good");
    last = append(store, "bad");
    commit_store_free(store);
    damage(*state, "1000000002.json", SIZE_MAX, 40);
    store = open_store(*state, 1);
    assert_hostname(store, "good");
    assert_int_equal(commit_store_last_id(store), last - 1);
    /* The damaged one was seen by somebody: its id is not given again, now or later. */
    assert_int_equal(append(store, "next"), last + 1);
    commit_store_free(store);
    store = open_store(*state, 0);
    assert_hostname(store, "next");
    commit_store_free(store);
}

static void test_leftovers_and_foreign_files(void **state)
{
    Folder *scratch = *state;
    CommitStore *store = open_store(*state, 0);
    _cleanup_close_ int folder = openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)append(store, "good");
    commit_store_free(store);
    assert_int_equal(atomic_write_at(folder, ".tmp-0123456789abcdef", "{", 1, 0600), 0);
    assert_int_equal(atomic_write_at(folder, "README", "x", 1, 0600), 0);
    assert_int_equal(atomic_write_at(folder, "7.json", "{}", 2, 0600), 0);
    assert_int_equal(atomic_write_at(folder, "99999999999999999999999.json", "{}", 2, 0600), 0);
    assert_int_equal(symlinkat("1000000001.json", folder, "1000000009.json"), 0);
    store = open_store(*state, 1);
    assert_hostname(store, "good");
    assert_int_equal(faccessat(folder, ".tmp-0123456789abcdef", F_OK, 0), -1);
    assert_int_equal(append(store, "next"), COMMIT_ID_FIRST + 9);
    commit_store_free(store);
}

/* A record copied under another name is not that commit. */
static void test_renamed(void **state)
{
    Folder *scratch = *state;
    CommitStore *store = open_store(*state, 0);
    _cleanup_close_ int folder = openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)append(store, "old");
    (void)append(store, "new");
    commit_store_free(store);
    assert_int_equal(linkat(folder, "1000000001.json", folder, "1000000005.json", 0), 0);
    store = open_store(*state, 1);
    assert_hostname(store, "new");
    commit_store_free(store);
}

static void test_history_is_bounded(void **state)
{
    CommitStore *store = open_store(*state, 0);

    for (unsigned i = 0; i < COMMITS_MAX + 5; i++)
        (void)append(store, i == COMMITS_MAX + 4 ? "last" : "x");
    commit_store_free(store);
    store = open_store(*state, 0);
    assert_non_null(commit_store_get(store, COMMITS_MAX - 1));
    assert_null(commit_store_get(store, COMMITS_MAX));
    assert_int_equal(commit_store_get(store, COMMITS_MAX - 1)->id, COMMIT_ID_FIRST + 5);
    assert_hostname(store, "last");
    commit_store_free(store);
}

/* However often it is tried in vain, the next commit has the next number. */
static void test_failure_uses_up_no_id(void **state)
{
    CommitStore *store = open_store(*state, 0);
    Commit info = {.user = (char[]){"ann"}, .line = (char[]){""}, .client = (char[]){"CLI"}};
    _cleanup_json_ json_object *root = json_object_new_object();
    struct rlimit before;

    (void)append(store, "x");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, before.rlim_max}), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(commit_store_append(store, &info, root), -EFBIG);
        assert_int_equal(info.id, COMMIT_ID_FIRST + 1);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(append(store, "y"), COMMIT_ID_FIRST + 1);
    commit_store_free(store);
}

/* --- Killed, and failed, at each system call -------------------------------------------------- */

static CommitStore *store_begun;

static int begin(void *userdata)
{
    const Folder *scratch = userdata;

    return commit_store_open(scratch->fd, NULL, NULL, &store_begun);
}

static int append_or_fail(const char *hostname, json_object *configuration)
{
    Commit info = {.time = 1700000000000000,
                   .user = (char[]){"ann"},
                   .line = (char[]){"pts/0"},
                   .client = (char[]){"CLI"}};
    json_object *system = json_object_new_object();
    int r;

    json_object_object_add(system, "hostname", json_object_new_string(hostname));
    json_object_object_add(configuration, "system", system);
    r = commit_store_append(store_begun, &info, configuration);
    json_object_put(configuration);
    return r;
}

/* As many commits as there may be, so that another one has the oldest removed; which a second name
 * keeps, so that they are made once. */
static int prepare(void *userdata)
{
    const Folder *scratch = userdata;
    int r;

    if (faccessat(scratch->fd, "oldest", F_OK, 0) >= 0) {
        (void)unlinkat(scratch->fd, "commits/1000000101.json", 0);
        r = linkat(scratch->fd, "oldest", scratch->fd, "commits/1000000001.json", 0);
        return r < 0 && errno != EEXIST ? -errno : 0;
    }
    r = begin(userdata);
    for (unsigned i = 0; r >= 0 && i < COMMITS_MAX; i++)
        r = append_or_fail(i == COMMITS_MAX - 2 ? "before" : "old", json_object_new_object());
    if (r < 0)
        return r;
    return linkat(scratch->fd, "commits/1000000001.json", scratch->fd, "oldest", 0);
}

static int commit(void *userdata)
{
    return append_or_fail("new", json_object_new_object());
}

/* To the commit before, as a new one. */
static int roll_back(void *userdata)
{
    json_object *configuration;
    int r = commit_store_read(store_begun, 1, &configuration);

    return r < 0 ? r : append_or_fail("before", configuration);
}

/* Opening a socket fails, whoever tries it. */
static void make_unreadable(int fd, const char *name, const char *kept)
{
    assert_int_equal(renameat(fd, name, fd, kept), 0);
    assert_int_equal(mknodat(fd, name, S_IFSOCK | 0600, 0), 0);
}

/* One that cannot be read is left out and is there again; the newest, which the others would be
 * taken for, is not, also when it is the newest because those after it are damaged. */
static void test_unreadable(void **state)
{
    const Folder *scratch = *state;
    CommitStore *store = open_store(scratch, 0);
    json_object *configuration;
    unsigned reported = 0;
    int fd;

    for (const char *name = "abc"; *name; name++)
        append(store, (char[]){*name, 0});
    commit_store_free(store);
    fd = openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_unreadable(fd, "1000000002.json", "kept");

    store = open_store(scratch, 1);
    assert_hostname(store, "c");
    assert_true(commit_store_get(store, 1)->id == COMMIT_ID_FIRST);
    assert_int_equal(commit_store_read_id(store, COMMIT_ID_FIRST + 1, &configuration), -ENXIO);
    assert_int_equal(renameat(fd, "kept", fd, "1000000002.json"), 0);
    assert_int_equal(commit_store_read_id(store, COMMIT_ID_FIRST + 1, &configuration), 0);
    json_object_put(configuration);
    commit_store_free(store);

    make_unreadable(fd, "1000000002.json", "kept");
    assert_int_equal(atomic_write_at(fd, "1000000003.json", "{}", 2, 0600), 0);
    assert_int_equal(commit_store_open(scratch->fd, count_corrupt, &reported, &store), -ENXIO);
    assert_int_equal(reported, 2);
    assert_int_equal(renameat(fd, "kept", fd, "1000000002.json"), 0);
    store = open_store(scratch, 0);
    assert_hostname(store, "b");
    commit_store_free(store);
    (void)close(fd);
}

static int count_files(const Folder *scratch)
{
    int fd = openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    struct dirent *entry;

    while ((entry = readdir(dir)))
        n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
    return n;
}

/* The history is whole: each commit but the oldest one, which may be gone already, and nothing
 * else. */
static int inspect(const Folder *scratch, const char *new)
{
    unsigned corrupt = 0;
    json_object *system;
    const char *hostname;
    uint64_t last;
    size_t n = 0;

    if (commit_store_open(scratch->fd, count_corrupt, &corrupt, &store_begun) < 0 || corrupt > 0)
        return -EBADMSG;
    last = commit_store_last_id(store_begun);
    for (const Commit *c; (c = commit_store_get(store_begun, n)); n++)
        if (c->id != last - n)
            return -EUCLEAN;
    if (count_files(scratch) != (int)n || n < COMMITS_MAX || n > COMMITS_MAX + 1)
        return -EUCLEAN;
    if (json_get_object(commit_store_running(store_begun), "system", &system) < 0 ||
        json_get_string(system, "hostname", &hostname) < 0)
        return -EBADMSG;
    if (last == COMMIT_ID_FIRST + COMMITS_MAX - 1)
        return streq(hostname, "old") ? STATE_OLD : -EBADMSG;
    return last == COMMIT_ID_FIRST + COMMITS_MAX && streq(hostname, new) ? STATE_NEW : -EBADMSG;
}

static int inspect_commit(void *userdata)
{
    return inspect(userdata, "new");
}

static int inspect_rollback(void *userdata)
{
    return inspect(userdata, "before");
}

static void test_interrupted_everywhere(void **state)
{
    const Operation operations[] = {{prepare, begin, commit, inspect_commit, *state},
                                    {prepare, begin, roll_back, inspect_rollback, *state}};

    for (size_t i = 0; i < ELEMENTSOF(operations); i++) {
        /* those of an atomic file, and the removal of the oldest */
        assert_int_equal(operation_kill_everywhere(&operations[i], NULL), 7);
        assert_int_equal(operation_fail_everywhere(&operations[i], ENOSPC, NULL), 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_truncated, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_altered, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers_and_foreign_files, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_renamed, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_history_is_bounded, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_uses_up_no_id, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted_everywhere, folder_setup, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
