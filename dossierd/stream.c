/* SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "clock.h"

#define PIPE_SIZE (1 << 20)

/* Only they answer this one. */
static bool is_memory_file(int fd)
{
    return fcntl(fd, F_GET_SEALS) >= 0;
}

int stream_check(int fd, int access_mode)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (flags & O_PATH)
        return -EBADF;
    if ((flags & O_ACCMODE) != O_RDWR && (flags & O_ACCMODE) != access_mode)
        return -EBADF;
    if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
        return 0;
    return S_ISREG(st.st_mode) && is_memory_file(fd) ? 0 : -EINVAL;
}

static int wait_for(int fd, short events, int cancel_fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = cancel_fd, .events = POLLIN}};
    int r;

    do
        r = poll(fds, 2, (int)STREAM_STALL_SECONDS * 1000);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (fds[1].revents)
        return -ECANCELED;
    return r == 0 ? -ETIMEDOUT : 0;
}

static bool is_again(int error)
{
    return error == EAGAIN || error == EINTR;
}

ssize_t stream_read(int fd, void *data, size_t size, int cancel_fd)
{
    for (;;) {
        ssize_t n;
        int r = wait_for(fd, POLLIN, cancel_fd);

        if (r < 0)
            return r;
        n = recv(fd, data, size, MSG_DONTWAIT);
        if (n < 0 && errno == ENOTSOCK)
            n = read(fd, data, size);
        if (n >= 0)
            return n;
        if (!is_again(errno))
            return -errno;
    }
}

/* As much as there is room for, without blocking, whatever the flags of the descriptor, which are
 * the caller's and stay as they are. Kernels before 6.4 write that way to sockets only: there a
 * pipe is given what it takes for certain after POLLOUT. A memory file never blocks. */
static ssize_t write_some(int fd, const void *data, size_t size)
{
    const struct iovec whole = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno == ENOTSOCK)
        n = pwritev2(fd, &whole, 1, -1, RWF_NOWAIT);
    if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM || errno == EINVAL))
        n = write(fd, data, size < PIPE_BUF || is_memory_file(fd) ? size : PIPE_BUF);
    return n;
}

int stream_write(int fd, const void *data, size_t size, int cancel_fd,
                 _Atomic uint64_t *stalled_usec)
{
    const uint8_t *p = data;

    while (size > 0) {
        uint64_t begin = clock_usec(CLOCK_MONOTONIC);
        int r = wait_for(fd, POLLOUT, cancel_fd);
        ssize_t n;

        if (stalled_usec)
            *stalled_usec += clock_usec(CLOCK_MONOTONIC) - begin;
        if (r < 0)
            return r;
        n = write_some(fd, p, size);
        if (n < 0 && !is_again(errno))
            return -errno;
        if (n > 0) {
            p += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

int stream_write_file(int fd, int file, off_t offset, size_t size, int cancel_fd)
{
    while (size > 0) {
        int r = wait_for(fd, POLLOUT, cancel_fd);
        ssize_t n;

        if (r < 0)
            return r;
        n = splice(file, &offset, fd, NULL, size, SPLICE_F_NONBLOCK);
        if (n == 0)
            return -EIO;
        if (n > 0)
            size -= (size_t)n;
        else if (errno == EINVAL)
            return -EOPNOTSUPP; /* at the first time: it is no pipe */
        else if (!is_again(errno))
            return -errno;
    }
    return 0;
}

static ssize_t pass_on(int from, int to, size_t size, int cancel_fd, bool stays)
{
    for (;;) {
        int r = wait_for(to, POLLOUT, cancel_fd);
        ssize_t n;

        if (r < 0)
            return r;
        n = stays ? tee(from, to, size, SPLICE_F_NONBLOCK)
                  : splice(from, NULL, to, NULL, size, SPLICE_F_NONBLOCK);
        if (n == 0)
            return -EIO;
        if (n > 0)
            return n;
        if (!is_again(errno))
            return -errno;
    }
}

ssize_t stream_copy_pipe(int from, int to, size_t size, int cancel_fd)
{
    return pass_on(from, to, size, cancel_fd, true);
}

ssize_t stream_move_pipe(int from, int to, size_t size, int cancel_fd)
{
    return pass_on(from, to, size, cancel_fd, false);
}

/* What its owner's share does not allow is not there. */
void stream_widen(int fd)
{
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
}
