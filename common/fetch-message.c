/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch-message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "json-util.h"

char *fetch_clean_text(char *text)
{
    for (char *p = text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    return text;
}

bool fetch_etag_is_valid(const char *text)
{
    size_t length = strlen(text);

    for (const char *p = text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            return false;
    return length >= 1 && length <= FETCH_ETAG_MAX;
}

int fetch_send(int fd, json_object *message, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int) * FETCH_DESCRIPTORS_MAX)];
    } control = {0};
    size_t length;
    const char *text = json_object_to_json_string_length(
        message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    struct iovec iov = {.iov_len = length};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (!text)
        return -ENOMEM;
    if (length > FETCH_MESSAGE_MAX || n_fds > FETCH_DESCRIPTORS_MAX)
        return -E2BIG;
    memcpy(&iov.iov_base, &text, sizeof text); /* sendmsg() only reads it */
    if (n_fds > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
    }
    for (;;) {
        if (sendmsg(fd, &m, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

/* All descriptors of the message; the kernel has closed those for which there was no room. */
static size_t take_descriptors(struct msghdr *m, int ret_fds[FETCH_DESCRIPTORS_MAX])
{
    size_t n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t n_here;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n_here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n_here && n < FETCH_DESCRIPTORS_MAX; i++)
            memcpy(&ret_fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    return n;
}

void fetch_close_descriptors(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
}

int fetch_receive(int fd, json_object **ret, int ret_fds[FETCH_DESCRIPTORS_MAX], size_t *ret_n_fds)
{
    union {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int) * FETCH_DESCRIPTORS_MAX)];
    } control;
    char buffer[FETCH_MESSAGE_MAX];
    struct iovec iov = {buffer, sizeof buffer};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    _cleanup_json_ json_object *o = NULL;
    int fds[FETCH_DESCRIPTORS_MAX], r;
    size_t n_fds;
    ssize_t n;

    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    n_fds = take_descriptors(&m, fds);
    if (n == 0 && n_fds == 0)
        return -ECONNRESET;
    if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        r = -EBADMSG;
    else
        r = json_parse(buffer, (size_t)n, &o);
    if (r >= 0 && !json_object_is_type(o, json_type_object))
        r = -EBADMSG;
    if (r < 0) {
        fetch_close_descriptors(fds, n_fds);
        return r;
    }
    memcpy(ret_fds, fds, n_fds * sizeof(int));
    *ret_n_fds = n_fds;
    *ret = TAKE_PTR(o);
    return 0;
}
