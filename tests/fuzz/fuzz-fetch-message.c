/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of the fetch socket: the input is first a client's request, then a worker's answer.
 * The first byte says how many descriptors come along. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fetch-message.h"
#include "fetch-url.h"
#include "json-util.h"
#include "memfd.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_request(const char *text, size_t size, const int *fds, size_t n_fds)
{
    _cleanup_(request_freep) Request *request = NULL;
    _cleanup_json_ json_object *o = NULL;
    const char *reason = NULL;
    int r;

    if (json_parse(text, size, &o) < 0)
        return;
    r = request_parse(o, fds, n_fds, &request, &reason);
    if (r == -EINVAL && !reason)
        abort();
    if (r >= 0 && fetch_url_check_file(request->url, &reason) < 0)
        abort();
}

static void parse_reply(const char *text, size_t size, const int *fds, size_t n_fds)
{
    static const FetchRequest plain = {.url = "http://host/", .size_max = 8, .timeout_seconds = 5};
    union {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int) * 3)];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)text, size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    FetchReply reply;
    int pair[2];

    if (size == 0 || size > 2 * FETCH_MESSAGE_MAX ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    if (n_fds > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        control.header = (struct cmsghdr){CMSG_LEN(sizeof(int) * n_fds), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
    }
    if (sendmsg(pair[1], &m, MSG_NOSIGNAL) >= 0) {
        int r = fetch_exchange(pair[0], &plain, -1, &reply);

        if ((r >= 0) != (reply.status != 0) || (reply.body && reply.body_size > plain.size_max))
            abort();
        fetch_reply_done(&reply);
    }
    (void)close(pair[0]);
    (void)close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_new_sealed("fuzz", "content", 7);
    int fds[] = {fd, fd, fd};

    if (size >= 1 && fd >= 0) {
        const char *text = (const char *)data + 1;

        parse_request(text, size - 1, fds, data[0] % 3);
        parse_reply(text, size - 1, fds, data[0] % 4);
    }
    (void)close(fd);
    return 0;
}
