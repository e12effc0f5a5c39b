/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch-folder.h"

#include <signal.h>
#include <sys/wait.h>

#include "atomic-file.h"

static void test_write_then_read(void **state)
{
    Folder *f = *state;
    _cleanup_free_ void *data = NULL;
    struct stat st;
    size_t size;

    assert_int_equal(read_file_at(f->fd, "a", 100, &data, &size), -ENOENT);
    assert_int_equal(atomic_write_at(f->fd, "a", "one", 3, 0600), 0);
    assert_int_equal(atomic_write_at(f->fd, "a", "second", 6, 0640), 0);
    assert_int_equal(read_file_at(f->fd, "a", 6, &data, &size), 0);
    assert_int_equal(size, 6);
    assert_string_equal(data, "second");
    assert_int_equal(fstatat(f->fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(folder_count(f->fd), 1);
}

static void test_size_limit(void **state)
{
    Folder *f = *state;
    void *data = NULL;
    size_t size;

    assert_int_equal(atomic_write_at(f->fd, "a", "1234", 4, 0600), 0);
    assert_int_equal(read_file_at(f->fd, "a", 3, &data, &size), -EFBIG);
    assert_null(data);
}

static void test_reads_regular_files_only(void **state)
{
    Folder *f = *state;
    void *data = NULL;
    size_t size;

    assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
    assert_int_equal(read_file_at(f->fd, "fifo", 10, &data, &size), -EBADF);
    assert_int_equal(symlinkat("/etc/passwd", f->fd, "link"), 0);
    assert_int_equal(read_file_at(f->fd, "link", 1 << 20, &data, &size), -ELOOP);
    assert_null(data);
}

static void test_failed_write_leaves_nothing(void **state)
{
    Folder *f = *state;

    assert_int_equal(mkdirat(f->fd, "taken", 0700), 0);
    assert_int_equal(atomic_write_at(f->fd, "taken", "x", 1, 0600), -EISDIR);
    assert_int_equal(folder_count(f->fd), 1);
    assert_int_equal(unlinkat(f->fd, "taken", AT_REMOVEDIR), 0);
}

static void test_quarantine_and_leftovers(void **state)
{
    Folder *f = *state;
    struct stat st;

    assert_int_equal(atomic_write_at(f->fd, "bad", "x", 1, 0600), 0);
    assert_int_equal(quarantine_at(f->fd, "bad"), 0);
    assert_int_equal(fstatat(f->fd, "bad.corrupt", &st, 0), 0);
    close(openat(f->fd, ".tmp-0123456789abcdef", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(remove_leftovers_at(f->fd), 0);
    assert_int_equal(folder_count(f->fd), 1);
    /* One that cannot be removed does not keep the others. */
    assert_int_equal(mkdirat(f->fd, ".tmp-1", 0700), 0);
    for (char name[] = ".tmp-2"; name[5] <= '9'; name[5]++)
        close(openat(f->fd, name, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(remove_leftovers_at(f->fd), -EISDIR);
    assert_int_equal(folder_count(f->fd), 2);
    assert_int_equal(unlinkat(f->fd, ".tmp-1", AT_REMOVEDIR), 0);
}

/* A process that is killed at any moment leaves the old or the new content, complete. */
static void test_killed_writer(void **state)
{
    Folder *f = *state;
    static char old_text[60000], new_text[60000];

    memset(old_text, 'o', sizeof old_text);
    memset(new_text, 'n', sizeof new_text);
    assert_int_equal(atomic_write_at(f->fd, "a", old_text, sizeof old_text, 0600), 0);
    for (unsigned round = 0; round < 40; round++) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        pid_t pid = fork();

        if (pid == 0)
            for (;;)
                if (atomic_write_at(f->fd, "a", round % 2 ? old_text : new_text, sizeof old_text,
                                    0600) < 0)
                    _exit(1);
        (void)usleep(500 + round * 137);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        assert_int_equal(read_file_at(f->fd, "a", sizeof old_text, (void **)&data, &size), 0);
        assert_int_equal(size, sizeof old_text);
        assert_true(memcmp(data, old_text, size) == 0 || memcmp(data, new_text, size) == 0);
    }
    assert_int_equal(remove_leftovers_at(f->fd), 0);
    assert_int_equal(folder_count(f->fd), 1);
}

static void test_state_directory(void **state)
{
    Folder *f = *state;
    _cleanup_free_ char *list = NULL;
    int fd;

    unsetenv("STATE_DIRECTORY");
    assert_int_equal(state_directory_open(), -ENXIO);
    setenv("STATE_DIRECTORY", "relative", 1);
    assert_int_equal(state_directory_open(), -ENXIO);
    assert_true(asprintf(&list, "%s:/nonexistent", f->path) > 0);
    setenv("STATE_DIRECTORY", list, 1);
    fd = state_directory_open();
    assert_true(fd >= 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_then_read, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_size_limit, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_reads_regular_files_only, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_failed_write_leaves_nothing, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_quarantine_and_leftovers, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_killed_writer, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_state_directory, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
