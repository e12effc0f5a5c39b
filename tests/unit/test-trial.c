/* SPDX-License-Identifier: Apache-2.0 */
/* The note of a commit on trial: wherever the daemon is killed, the next one either finds the
 * commit on trial, with what to go back to, or there is nothing to undo. A commit that was not
 * confirmed is never taken for one that was. */
#include "scratch-folder.h"

#include <sys/socket.h>

#include "atomic-file.h"
#include "few-descriptors.h"
#include "interruptions.h"
#include "json-util.h"
#include "log.h"
#include "policy.h"
#include "server-internal.h"

#define NOTE "trial.json"
#define SECONDS 600U

static void empty(const Folder *scratch)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/commits", scratch->path);
    (void)unlinkat(scratch->fd, NOTE, 0);
    (void)unlinkat(scratch->fd, NOTE ".corrupt", 0);
    if (faccessat(scratch->fd, "commits", F_OK, 0) >= 0)
        scratch_remove(openat(scratch->fd, "commits", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
}

static int tear_down(void **state)
{
    Folder *scratch = *state;

    empty(scratch);
    scratch_remove(scratch->fd, scratch->path);
    free(scratch);
    return 0;
}

/* --- As much of the daemon as it takes -------------------------------------------------------- */

static Server server;
static Policy policy;

static void end(void)
{
    policy.trial = trial_free(policy.trial);
    policy.store = commit_store_free(policy.store);
    failures_clear(&policy.startup);
    server.event = sd_event_unref(server.event);
}

/* Also what a daemon does that starts. */
static int begin(void *userdata)
{
    const Folder *scratch = userdata;
    int r, fd;

    policy = (Policy){.server = &server};
    r = sd_event_new(&server.event);
    if (r >= 0)
        r = remove_leftovers_at(scratch->fd);
    if (r >= 0)
        r = commit_store_open(scratch->fd, NULL, NULL, &policy.store);
    fd = r < 0 ? r : fcntl(scratch->fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? fd : trial_open(&policy, fd, &policy.trial);
}

static int commit(const char *hostname, uint32_t seconds)
{
    _cleanup_json_ json_object *root = json_object_new_object();
    json_object *system = json_object_new_object();
    Commit info = {.user = (char[]){"ann"}, .line = (char[]){"pts/0"}, .client = (char[]){"CLI"}};
    int r;

    json_object_object_add(system, "hostname", json_object_new_string(hostname));
    json_object_object_add(root, "system", system);
    r = trial_write(policy.trial, &info, root, seconds);
    if (r >= 0)
        trial_committed(policy.trial, &info, NULL, seconds);
    return r;
}

/* --- States ----------------------------------------------------------------------------------- */

static int prepare_one(void *userdata)
{
    int r;

    empty(userdata);
    r = begin(userdata);
    return r < 0 ? r : commit("base", 0);
}

static int prepare_trial(void *userdata)
{
    int r = prepare_one(userdata);

    return r < 0 ? r : commit("tried", SECONDS);
}

static bool has(const char *hostname, unsigned commits, bool on_trial)
{
    json_object *system;
    const char *name = NULL;

    if (json_get_object(commit_store_running(policy.store), "system", &system) >= 0)
        (void)json_get_string(system, "hostname", &name);
    return streq_ptr(name, hostname) && trial_is_on(policy.trial) == on_trial &&
           commit_store_last_id(policy.store) == COMMIT_ID_FIRST + commits - 1;
}

/* Nothing but the commits and the note of a trial that is on. */
static bool is_clean(const Folder *scratch)
{
    bool note = faccessat(scratch->fd, NOTE, F_OK, 0) >= 0;
    int fd = openat(scratch->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    const struct dirent *entry;

    while ((entry = readdir(dir)))
        n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
    return note == trial_is_on(policy.trial) && n == 1 + note;
}

typedef struct Expected {
    const char *hostname;
    unsigned commits;
    bool on_trial;
} Expected;

static int inspect(const Folder *scratch, const Expected *old, const Expected *new)
{
    if (begin((void *)(uintptr_t)scratch) < 0 || !is_clean(scratch) || policy.startup.n > 0)
        return -EUCLEAN;
    return has(old->hostname, old->commits, old->on_trial)   ? STATE_OLD
           : has(new->hostname, new->commits, new->on_trial) ? STATE_NEW
                                                             : -EBADMSG;
}

/* --- Operations ------------------------------------------------------------------------------- */

/* Whoever is told that it failed has nothing on trial. */
static int try_out(void *userdata)
{
    int r = commit("tried", SECONDS);

    if (trial_is_on(policy.trial) != (r >= 0))
        abort();
    return r;
}

static int inspect_try_out(void *userdata)
{
    return inspect(userdata, &(const Expected){"base", 1, false},
                   &(const Expected){"tried", 2, true});
}

/* And here what was on trial still is. */
static int try_more(void *userdata)
{
    int r = commit("more", SECONDS);

    if (!trial_is_on(policy.trial))
        abort();
    return r;
}

static int inspect_try_more(void *userdata)
{
    return inspect(userdata, &(const Expected){"tried", 2, true},
                   &(const Expected){"more", 3, true});
}

static int confirm(void *userdata)
{
    return trial_end(policy.trial);
}

static int inspect_confirm(void *userdata)
{
    return inspect(userdata, &(const Expected){"tried", 2, true},
                   &(const Expected){"tried", 2, false});
}

static int confirm_with_more(void *userdata)
{
    return commit("more", 0);
}

static int inspect_confirm_with_more(void *userdata)
{
    return inspect(userdata, &(const Expected){"tried", 2, true},
                   &(const Expected){"more", 3, false});
}

static int undo(void *userdata)
{
    return commit("base", 0);
}

static int inspect_undo(void *userdata)
{
    return inspect(userdata, &(const Expected){"tried", 2, true},
                   &(const Expected){"base", 3, false});
}

static void test_interrupted_everywhere(void **state)
{
    /* An atomic file is six calls, a removal two. */
    const struct {
        Operation operation;
        int calls;
    } cases[] = {
        {{prepare_one, begin, try_out, inspect_try_out, *state}, 12},
        {{prepare_trial, begin, try_more, inspect_try_more, *state}, 12},
        {{prepare_trial, begin, confirm, inspect_confirm, *state}, 2},
        {{prepare_trial, begin, confirm_with_more, inspect_confirm_with_more, *state}, 8},
        {{prepare_trial, begin, undo, inspect_undo, *state}, 8},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        assert_int_equal(operation_kill_everywhere(&cases[i].operation, NULL), cases[i].calls);
        assert_int_equal(operation_fail_everywhere(&cases[i].operation, ENOSPC, NULL),
                         cases[i].calls);
    }
}

/* --- Damage ----------------------------------------------------------------------------------- */

/* A damaged note would lead to some other configuration. It is moved aside and told, and what is
 * there stays. */
static void test_flipped_byte(void **state)
{
    const Folder *scratch = *state;
    _cleanup_free_ void *data = NULL;
    size_t size;

    assert_int_equal(prepare_trial(*state), 0);
    end();
    assert_int_equal(read_file_at(scratch->fd, NOTE, 4096, &data, &size), 0);
    log_set_max_level(LOG_CRIT); /* each time it is an error */
    /* The last one is the end of the line. */
    for (size_t i = 0; i + 1 < size; i++) {
        ((uint8_t *)data)[i] ^= 1;
        assert_int_equal(atomic_write_at(scratch->fd, NOTE, data, size, 0600), 0);
        ((uint8_t *)data)[i] ^= 1;
        assert_int_equal(begin(*state), 0);
        assert_true(has("tried", 2, false));
        assert_int_equal(policy.startup.n, 1);
        assert_string_equal(policy.startup.items[0].line, "commit confirmed");
        assert_int_equal(faccessat(scratch->fd, NOTE ".corrupt", F_OK, 0), 0);
        assert_int_equal(faccessat(scratch->fd, NOTE, F_OK, 0), -1);
        end();
    }
    assert_int_equal(atomic_write_at(scratch->fd, NOTE, data, size, 0600), 0);
    assert_int_equal(begin(*state), 0);
    assert_true(has("tried", 2, true));
    end();
}

static bool may_commit(void)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    const Session session = {.number = 7};
    int r = trial_check(policy.trial, &session, &error);

    if (r < 0)
        assert_non_null(strstr(error.message,
                               trial_is_on(policy.trial) ? "unexpired trial" : "cannot be read"));
    return r >= 0;
}

/* A note that can't be read now is no damaged one, and no reason not to start: what is in force
 * stays, and nothing is added, until it can be read, or is gone. */
static void test_unreadable(void **state)
{
    const Folder *scratch = *state;
    struct rlimit before;
    int fd;

    assert_int_equal(prepare_trial(*state), 0);
    policy.trial = trial_free(policy.trial);
    fd = fcntl(scratch->fd, F_DUPFD_CLOEXEC, 3);
    log_set_max_level(LOG_CRIT);
    before = descriptors_leave(0);
    assert_int_equal(trial_open(&policy, fd, &policy.trial), 0);
    assert_true(has("tried", 2, false));
    assert_false(may_commit());
    descriptors_restore(before);
    assert_int_equal(policy.startup.n, 1);
    assert_int_equal(faccessat(scratch->fd, NOTE, F_OK, 0), 0);
    assert_false(may_commit());
    assert_true(has("tried", 2, true));
    assert_int_equal(policy.startup.n, 1);
    end();
    assert_int_equal(begin(*state), 0);
    assert_true(has("tried", 2, true));
    assert_int_equal(policy.startup.n, 0);
    policy.trial = trial_free(policy.trial);
    fd = fcntl(scratch->fd, F_DUPFD_CLOEXEC, 3);
    before = descriptors_leave(0);
    assert_int_equal(trial_open(&policy, fd, &policy.trial), 0);
    descriptors_restore(before);
    assert_int_equal(unlinkat(scratch->fd, NOTE, 0), 0);
    assert_true(may_commit());
    assert_true(has("tried", 2, false));
    end();
}

/* --- Confirmed at the last moment ------------------------------------------------------------- */

/* The owners, who are asked before anything is undone, and have no objects: their end of the bus.
 */
static sd_bus *connect_owners(void)
{
    sd_bus *owners_bus;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_true(sd_bus_new(&owners_bus) >= 0);
    assert_true(sd_bus_set_fd(owners_bus, fds[1], fds[1]) >= 0);
    assert_true(sd_bus_set_server(owners_bus, 1,
                                  SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d,
                                                0e, 0f, 10)) >= 0);
    assert_true(sd_bus_set_anonymous(owners_bus, 1) >= 0);
    assert_true(sd_bus_negotiate_fds(owners_bus, 1) >= 0);
    assert_true(sd_bus_start(owners_bus) >= 0);
    assert_true(sd_bus_new(&server.bus) >= 0);
    assert_true(sd_bus_set_fd(server.bus, fds[0], fds[0]) >= 0);
    assert_true(sd_bus_negotiate_fds(server.bus, 1) >= 0);
    assert_true(sd_bus_start(server.bus) >= 0);
    while (sd_bus_is_ready(server.bus) <= 0 || sd_bus_is_ready(owners_bus) <= 0) {
        assert_true(sd_bus_process(server.bus, NULL) >= 0);
        assert_true(sd_bus_process(owners_bus, NULL) >= 0);
    }
    assert_true(sd_bus_attach_event(server.bus, server.event, SD_EVENT_PRIORITY_NORMAL) >= 0);
    return owners_bus;
}

/* Its time is over, and the owners have been asked, but whoever confirms it until they have
 * answered is told that it is confirmed. What it takes to commit is not there: who tries fails. */
static void test_confirmed_while_it_is_about_to_be_undone(void **state)
{
    sd_bus *owners_bus;

    assert_int_equal(prepare_trial(*state), 0);
    owners_bus = connect_owners();
    trial_ready(policy.trial);
    while (!policy.transactions)
        assert_true(sd_event_run(server.event, UINT64_MAX) >= 0);
    assert_true(trial_is_on(policy.trial));

    assert_int_equal(trial_end(policy.trial), 0);
    while (policy.transactions) {
        assert_true(sd_bus_process(owners_bus, NULL) >= 0);
        assert_true(sd_event_run(server.event, 1000) >= 0);
    }
    assert_true(has("tried", 2, false));
    server.bus = sd_bus_close_unref(server.bus);
    (void)sd_bus_close_unref(owners_bus);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_interrupted_everywhere, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_byte, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable, folder_setup, tear_down),
        cmocka_unit_test_setup_teardown(test_confirmed_while_it_is_about_to_be_undone, folder_setup,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
