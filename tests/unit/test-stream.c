/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of callers: wrong ones, readers that stall or go away, cancellation. */
#include "test-common.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "atomic-file.h"
#include "stream.h"

static void test_check(void **state)
{
    _cleanup_close_ int device = open("/dev/zero", O_RDWR), file = open("/proc/self/exe", O_RDONLY),
                        path = open("/", O_PATH);
    _cleanup_close_ int memory = memfd_create("test", MFD_CLOEXEC),
                        folder = open("/", O_RDONLY | O_DIRECTORY);
    int pipe[2], sockets[2];

    assert_int_equal(stream_check(-1, O_RDONLY), -EBADF);
    assert_int_equal(stream_check(device, O_WRONLY), -EINVAL);
    assert_int_equal(stream_check(file, O_WRONLY), -EBADF);
    assert_int_equal(stream_check(path, O_RDONLY), -EBADF);
    assert_int_equal(stream_check(folder, O_RDONLY), -EINVAL);
    assert_return_code(pipe2(pipe, O_CLOEXEC), errno);
    assert_int_equal(stream_check(pipe[0], O_WRONLY), -EBADF);
    assert_int_equal(stream_check(pipe[1], O_RDONLY), -EBADF);
    assert_int_equal(stream_check(pipe[0], O_RDONLY), 0);
    assert_int_equal(stream_check(pipe[1], O_WRONLY), 0);
    assert_int_equal(stream_check(memory, O_WRONLY), 0);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), errno);
    assert_int_equal(stream_check(sockets[0], O_WRONLY), 0);
    for (size_t i = 0; i < 2; i++) {
        (void)close(pipe[i]);
        (void)close(sockets[i]);
    }
}

static void test_reader_gone(void **state)
{
    static const char zeros[1 << 20];
    uint64_t bytes;
    Relay *relay;
    int fds[2], r = 0;

    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    assert_int_equal(relay_new(fds[1], -1, NULL, &relay), 0);
    (void)close(fds[0]);
    for (int i = 0; i < 1000 && r == 0; i++)
        r = write_full(relay_fd(relay), zeros, sizeof zeros);
    assert_int_equal(r, -EPIPE);
    assert_int_equal(relay_error(relay), -EPIPE);
    assert_int_equal(relay_finish(relay, &bytes), -EPIPE);
    relay_free(relay);
}

/* Nobody reads; the job is cancelled. */
static void test_cancelled(void **state)
{
    static const char zeros[1 << 20];
    _cleanup_close_ int cancel = eventfd(0, EFD_CLOEXEC);
    uint64_t bytes;
    Relay *relay;
    int fds[2], r = 0;

    assert_return_code(pipe2(fds, O_CLOEXEC), errno);
    assert_int_equal(relay_new(fds[1], cancel, NULL, &relay), 0);
    assert_int_equal(write(cancel, &(uint64_t){1}, 8), 8);
    for (int i = 0; i < 1000 && r == 0; i++)
        r = write_full(relay_fd(relay), zeros, sizeof zeros);
    assert_int_equal(r, -EPIPE);
    assert_int_equal(relay_finish(relay, &bytes), -ECANCELED);
    relay_free(relay);
    assert_int_equal(stream_read(fds[0], &(char){0}, 1, cancel), -ECANCELED);
    (void)close(fds[0]);
}

typedef struct Reader {
    int fd;
    uint8_t *data;
    size_t size;
} Reader;

static void *read_everything(void *userdata)
{
    Reader *reader = userdata;
    ssize_t n;

    while ((n = stream_read(reader->fd, reader->data + reader->size, 4099, -1)) > 0)
        reader->size += (size_t)n;
    return NULL;
}

/* What goes in comes out, byte for byte, over a pipe whose reader is slow to begin and over a
 * socket. */
static void test_carried(void **state)
{
    static uint8_t data[3 << 20], copy[sizeof data + 4099];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761U >> 24);
    for (int kind = 0; kind < 2; kind++) {
        Reader reader = {.data = copy};
        pthread_t thread;
        uint64_t bytes = 0;
        Relay *relay;
        int fds[2];

        if (kind == 0)
            assert_return_code(pipe2(fds, O_CLOEXEC), errno);
        else
            assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), errno);
        reader.fd = fds[0];
        assert_int_equal(relay_new(fds[1], -1, NULL, &relay), 0);
        assert_int_equal(pthread_create(&thread, NULL, read_everything, &reader), 0);
        assert_int_equal(write_full(relay_fd(relay), data, sizeof data), 0);
        assert_int_equal(relay_finish(relay, &bytes), 0);
        relay_free(relay);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(bytes, sizeof data);
        assert_int_equal(reader.size, sizeof data);
        assert_memory_equal(copy, data, sizeof data);
        (void)close(fds[0]);
    }
}

/* Once to one pipe, which keeps it, and once to another one; as much as there is room for. */
static void test_pipes(void **state)
{
    static char data[8192], found[sizeof data];
    _cleanup_close_ int cancel = eventfd(0, EFD_CLOEXEC);
    int from[2], copy[2], rest[2];

    memset(data, 'x', sizeof data);
    assert_return_code(pipe2(from, O_CLOEXEC), errno);
    assert_return_code(pipe2(copy, O_CLOEXEC), errno);
    assert_return_code(pipe2(rest, O_CLOEXEC), errno);
    assert_return_code(fcntl(copy[1], F_SETPIPE_SZ, 4096), errno);
    assert_int_equal(write_full(from[1], data, sizeof data), 0);
    assert_int_equal(stream_copy_pipe(from[0], copy[1], sizeof data, cancel), 4096);
    assert_int_equal(stream_move_pipe(from[0], rest[1], 4096, cancel), 4096);
    assert_int_equal(read(copy[0], found, sizeof found), 4096);
    assert_memory_equal(found, data, 4096);
    assert_int_equal(stream_copy_pipe(from[0], copy[1], 4096, cancel), 4096);
    assert_int_equal(stream_move_pipe(from[0], rest[1], 4096, cancel), 4096);
    assert_int_equal(read(rest[0], found, sizeof found), sizeof data);
    assert_memory_equal(found, data, sizeof data);
    /* There is no room; then nobody reads any more. */
    assert_int_equal(write(cancel, &(uint64_t){1}, 8), 8);
    assert_int_equal(write_full(from[1], data, 1), 0);
    assert_int_equal(stream_copy_pipe(from[0], copy[1], 1, cancel), -ECANCELED);
    (void)close(copy[0]);
    (void)close(rest[0]);
    assert_int_equal(stream_copy_pipe(from[0], copy[1], 1, -1), -EPIPE);
    assert_int_equal(stream_move_pipe(from[0], rest[1], 1, -1), -EPIPE);
    for (size_t i = 0; i < 2; i++)
        (void)close(from[i]);
    (void)close(copy[1]);
    (void)close(rest[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),     cmocka_unit_test(test_reader_gone),
        cmocka_unit_test(test_cancelled), cmocka_unit_test(test_carried),
        cmocka_unit_test(test_pipes),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
