/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: the request, and what is found. */
#include <endian.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "scan.h"

#define REQUEST_TIMEOUT_MS 30000
#define REQUEST_MAX (1U << 20)

typedef struct Received {
    int fds[2];
    size_t n_fds;
    char *text;
    size_t size;
} Received;

static void received_done(Received *r)
{
    for (size_t i = 0; i < r->n_fds; i++)
        closep(&r->fds[i]);
    free(r->text);
}

static int wait_input(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = poll(&p, 1, REQUEST_TIMEOUT_MS);

    return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

/* The length, with the descriptors. */
static int receive_head(int fd, Received *ret)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof ret->fds)];
    } control;
    uint32_t size = 0;
    struct iovec part = {&size, sizeof size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int r = wait_input(fd);
    ssize_t n;

    if (r < 0)
        return r;
    n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    if (n < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            ret->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(ret->fds, CMSG_DATA(c), ret->n_fds * sizeof(int));
        }
    ret->size = le32toh(size);
    if (n != (ssize_t)sizeof size || (message.msg_flags & MSG_CTRUNC) || ret->size > REQUEST_MAX)
        return -EBADMSG;
    return 0;
}

static int receive(int fd, Received *ret)
{
    size_t done = 0;
    int r = receive_head(fd, ret);

    if (r < 0)
        return r;
    ret->text = malloc(ret->size + 1);
    if (!ret->text)
        return -ENOMEM;
    while (done < ret->size) {
        ssize_t n;

        r = wait_input(fd);
        if (r < 0)
            return r;
        n = recv(fd, ret->text + done, ret->size - done, 0);
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        done += (size_t)n;
    }
    return 0;
}

static int match_descriptors(ScanRequest *request, const Received *received)
{
    size_t n = 0;

    if (request->index_fd >= 0 && n < received->n_fds)
        request->index_fd = received->fds[n++];
    else if (request->index_fd >= 0)
        return -EBADMSG;
    if (request->hint_fd >= 0 && n < received->n_fds)
        request->hint_fd = received->fds[n++];
    else if (request->hint_fd >= 0)
        return -EBADMSG;
    return n == received->n_fds ? 0 : -EBADMSG;
}

static unsigned count_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) < 1)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

int scan_serve(int fd, int root_fd, const Mounts *mounts)
{
    Received received = {0};
    ScanRequest request = {0};
    int r = receive(fd, &received);

    if (r >= 0)
        r = scan_request_parse(received.text, received.size, &request);
    if (r >= 0)
        r = match_descriptors(&request, &received);
    if (r >= 0) {
        request.threads = count_processors();
        r = scan_run(root_fd, &request, mounts, fd);
        /* Whoever asked went away: that is how a scan is cancelled. */
        if (r == -EPIPE || r == -ECONNRESET)
            r = 0;
    }
    scan_request_done(&request);
    received_done(&received);
    return r;
}
