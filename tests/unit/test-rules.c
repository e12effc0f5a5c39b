/* SPDX-License-Identifier: Apache-2.0 */
/* polkit's rules file that cannot be written: nothing is granted, and it is there as soon as it
 * can be. */
#include "scratch-folder.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "json-util.h"
#include "rules.h"
#include "server-internal.h"

#define FILE_NAME "rules"

/* A bus on which nobody says anything. */
static int connect_nobody(Server *server)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_true(sd_event_new(&server->event) >= 0);
    assert_true(sd_bus_new(&server->bus) >= 0);
    assert_true(sd_bus_set_fd(server->bus, fds[0], fds[0]) >= 0);
    assert_true(sd_bus_start(server->bus) >= 0);
    return fds[1];
}

static size_t rules_size(const Folder *folder)
{
    struct stat st;

    assert_int_equal(fstatat(folder->fd, FILE_NAME, &st, 0), 0);
    return (size_t)st.st_size;
}

static void test_tried_again(void **state)
{
    const Folder *folder = *state;
    _cleanup_json_ json_object *section = json_object_new_object();
    _cleanup_json_ json_object *units = json_object_new_array();
    _cleanup_(aaa_freep) Aaa *aaa = NULL;
    _cleanup_(rules_freep) Rules *rules = NULL;
    _cleanup_close_ int nobody = -EBADF;
    Server server = {NULL};
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, FILE_NAME);
    assert_int_equal(setenv("CHANCERY_POLKIT_RULES", path, 1), 0);
    nobody = connect_nobody(&server);
    assert_true(rules_new(&server, &rules) >= 0);
    assert_int_equal(aaa_compile(section, NULL, NULL, &aaa), 0);

    assert_int_equal(mkdirat(folder->fd, FILE_NAME, 0700), 0);
    assert_int_equal(rules_update(rules, aaa, units, NULL, NULL), 0);
    /* Still a folder when it is tried again for the first time. */
    assert_true(sd_event_run(server.event, UINT64_MAX) >= 0);
    assert_int_equal(unlinkat(folder->fd, FILE_NAME, AT_REMOVEDIR), 0);
    assert_int_equal(atomic_write_at(folder->fd, FILE_NAME, "", 0, 0600), 0);
    while (rules_size(folder) == 0)
        assert_true(sd_event_run(server.event, UINT64_MAX) > 0);

    rules = rules_free(rules);
    server.bus = sd_bus_close_unref(server.bus);
    server.event = sd_event_unref(server.event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tried_again, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
