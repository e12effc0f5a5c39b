/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic files, interrupted everywhere; and that what is not atomic does not pass for it. */
#include "scratch-folder.h"

#include "atomic-file.h"
#include "interruptions.h"

#define NAME "file"
#define OLD "the old content"
#define NEW "the new content, which is longer"

/* --- What is the state, and is there anything beside it? -------------------------------------- */

static bool holds(int dirfd, const char *text)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    return read_file_at(dirfd, NAME, 4096, &data, &size) >= 0 && size == strlen(text) &&
           memcmp(data, text, size) == 0;
}

static int prepare(void *userdata)
{
    const Folder *s = userdata;

    (void)unlinkat(s->fd, NAME ".new", 0);
    return atomic_write_at(s->fd, NAME, OLD, STRLEN(OLD), 0600);
}

static int inspect(void *userdata)
{
    const Folder *s = userdata;

    if (remove_leftovers_at(s->fd) < 0 || folder_count(s->fd) != 1)
        return -EUCLEAN;
    return holds(s->fd, OLD) ? STATE_OLD : holds(s->fd, NEW) ? STATE_NEW : -EBADMSG;
}

static int inspect_gone(void *userdata)
{
    const Folder *s = userdata;

    if (remove_leftovers_at(s->fd) < 0)
        return -EUCLEAN;
    if (folder_count(s->fd) == 0)
        return STATE_NEW;
    return folder_count(s->fd) == 1 && holds(s->fd, OLD) ? STATE_OLD : -EBADMSG;
}

/* --- What must be caught ---------------------------------------------------------------------- */

static int write_in_place(void *userdata)
{
    const Folder *s = userdata;
    _cleanup_close_ int fd = openat(s->fd, NAME, O_WRONLY | O_TRUNC | O_CLOEXEC);

    return fd < 0 ? -errno : write_full(fd, NEW, STRLEN(NEW));
}

static int write_in_halves(void *userdata)
{
    const Folder *s = userdata;
    _cleanup_close_ int fd = openat(s->fd, NAME, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write_full(fd, NEW, 8) < 0)
        return -errno;
    return write_full(fd, &(NEW)[8], STRLEN(NEW) - 8);
}

static int remove_then_rename(void *userdata)
{
    const Folder *s = userdata;

    if (atomic_write_at(s->fd, ".tmp-1", NEW, STRLEN(NEW), 0600) < 0)
        return -EIO;
    (void)unlinkat(s->fd, NAME, 0);
    return renameat(s->fd, ".tmp-1", s->fd, NAME);
}

static int litter(void *userdata)
{
    const Folder *s = userdata;

    if (atomic_write_at(s->fd, NAME ".new", NEW, STRLEN(NEW), 0600) < 0)
        return -EIO;
    return renameat(s->fd, NAME ".new", s->fd, NAME);
}

static int forth_and_back_and_forth(void *userdata)
{
    const Folder *s = userdata;

    return atomic_write_at(s->fd, NAME, NEW, STRLEN(NEW), 0600) < 0 ||
                   atomic_write_at(s->fd, NAME, OLD, STRLEN(OLD), 0600) < 0
               ? -EIO
               : atomic_write_at(s->fd, NAME, NEW, STRLEN(NEW), 0600);
}

static int deny_errors(void *userdata)
{
    const Folder *s = userdata;

    (void)atomic_write_at(s->fd, NAME, NEW, STRLEN(NEW), 0600);
    return 0;
}

static int do_nothing(void *userdata)
{
    return 0;
}

static void assert_caught(Folder *s, int (*operate)(void *userdata), int error, unsigned number,
                          const char *call)
{
    const Operation o = {prepare, NULL, operate, inspect, s};
    Interruption where = {0};
    int r = error == 0 ? operation_kill_everywhere(&o, &where)
                       : operation_fail_everywhere(&o, error, &where);

    assert_int_equal(r, -EBADMSG);
    assert_int_equal(where.number, number);
    assert_string_equal(where.call, call);
}

static void test_what_is_not_atomic_is_caught(void **state)
{
    assert_caught(*state, write_in_place, 0, 2, "write");
    assert_caught(*state, write_in_halves, 0, 3, "write");
    assert_caught(*state, remove_then_rename, 0, 8, "renameat");
    assert_caught(*state, litter, 0, 6, "fsync");
    assert_caught(*state, forth_and_back_and_forth, 0, 12, "fsync");
    assert_caught(*state, do_nothing, 0, 1, "");
    assert_caught(*state, deny_errors, ENOSPC, 1, "openat");
    assert_caught(*state, write_in_halves, ENOSPC, 3, "write");
}

/* --- What must pass --------------------------------------------------------------------------- */

static int write_atomically(void *userdata)
{
    const Folder *s = userdata;

    return atomic_write_at(s->fd, NAME, NEW, STRLEN(NEW), 0600);
}

static int remove_atomically(void *userdata)
{
    return atomic_unlink_at(((const Folder *)userdata)->fd, NAME);
}

static int erase_atomically(void *userdata)
{
    return atomic_erase_at(((const Folder *)userdata)->fd, NAME);
}

static void assert_atomic(const Operation *o, int calls)
{
    static const int errors[] = {ENOSPC, EROFS, EIO};

    assert_int_equal(operation_kill_everywhere(o, NULL), calls);
    for (size_t i = 0; i < ELEMENTSOF(errors); i++)
        assert_int_equal(operation_fail_everywhere(o, errors[i], NULL), calls);
}

static void test_atomic(void **state)
{
    /* open, fchmod, write, fsync, rename, fsync */
    assert_atomic(&(const Operation){prepare, NULL, write_atomically, inspect, *state}, 6);
    assert_atomic(&(const Operation){prepare, NULL, remove_atomically, inspect_gone, *state}, 2);
    /* rename, fsync; open, write, fdatasync, unlink, fsync */
    assert_atomic(&(const Operation){prepare, NULL, erase_atomically, inspect_gone, *state}, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_not_atomic_is_caught, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_atomic, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
