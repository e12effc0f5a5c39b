/* SPDX-License-Identifier: Apache-2.0 */
#include "node-client.h"

#include <sys/socket.h>
#include <sys/vfs.h>

#include "helper-client.h"
#include "node-protocol.h"

#define DOSSIER_MAX (UINT64_C(64) << 20)
/* What stays free where that is kept. */
#define RESERVE_SIZE (UINT64_C(64) << 20)
#define DOSSIER_WITH_FILES_MAX (UINT64_C(2) << 30)

int node_connect(bool is_container)
{
    return helper_connect(is_container ? NODE_CONTAINER_SOCKET : NODE_SOCKET, SOCK_NONBLOCK);
}

static int send_question(int fd, const char *text)
{
    size_t size = strlen(text);

    /* It fits the socket's buffer many times. */
    if (send(fd, text, size, MSG_NOSIGNAL) != (ssize_t)size)
        return -EIO;
    return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

static bool should_stop(void *userdata)
{
    return collect_should_stop(userdata);
}

/* Up to size bytes; less only at the end. */
static ssize_t receive(int fd, Collect *c, void *data, size_t size)
{
    uint8_t *p = data;
    size_t done = 0;

    while (done < size) {
        ssize_t n = helper_receive(fd, p + done, size - done, should_stop, c);

        if (n < 0)
            return n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* Why the worker could not get more, or nothing. */
static int read_outcome(int fd, Collect *c)
{
    static const char *const members[] = {"result-code", "reason", NULL};
    static const ResultCode codes[] = {RESULT_NOT_AVAILABLE, RESULT_FAILED, RESULT_TIMEOUT};
    char text[NODE_OUTCOME_MAX + 1];
    ssize_t size = receive(fd, c, text, sizeof text);
    _cleanup_json_ json_object *o = NULL;
    const char *code, *reason;

    if (size < 0)
        return (int)size;
    if (size > (ssize_t)NODE_OUTCOME_MAX || json_parse(text, (size_t)size, &o) < 0 ||
        !json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0)
        return -EPROTO;
    if (json_object_object_length(o) == 0)
        return 0;
    if (json_get_string(o, "result-code", &code) < 0 || json_get_string(o, "reason", &reason) < 0)
        return -EPROTO;
    for (size_t i = 0; i < ELEMENTSOF(codes); i++)
        if (streq(code, result_code_to_string(codes[i]))) {
            collect_result(c, codes[i], "%s", reason);
            return 0;
        }
    return -EPROTO;
}

/* This node's own state is there too. Where there are no blocks, there is no such limit. */
static bool has_room(int scratch_fd)
{
    struct statfs s;

    return fstatfs(scratch_fd, &s) < 0 || s.f_blocks == 0 ||
           (uint64_t)s.f_bavail * (uint64_t)s.f_bsize > RESERVE_SIZE;
}

static int copy_dossier(int fd, Collect *c, uint64_t max, JsonCopy *copy, int scratch_fd)
{
    _cleanup_free_ char *data = malloc(NODE_PIECE_MAX);
    uint64_t all = 0;

    if (!data)
        return -ENOMEM;
    for (;;) {
        uint8_t head[4];
        ssize_t n = receive(fd, c, head, sizeof head);
        size_t size;

        if (n != (ssize_t)sizeof head)
            return n < 0 ? (int)n : -EPROTO;
        size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        if (size == 0)
            return 0;
        if (size > NODE_PIECE_MAX)
            return -EPROTO;
        all += size;
        if (all > max)
            return -EMSGSIZE;
        if (!has_room(scratch_fd))
            return -ENOSPC;
        n = receive(fd, c, data, size);
        if (n != (ssize_t)size)
            return n < 0 ? (int)n : -EPROTO;
        if (json_copy_feed(copy, data, size) < 0)
            return -EBADMSG;
    }
}

static void say(Collect *c, int r, uint64_t max)
{
    switch (r) {
    case -ETIMEDOUT:
        return; /* collect_should_stop() has said it */
    case -EBADMSG:
        collect_result(c, RESULT_FAILED, "What the node sends is no dossier");
        return;
    case -EMSGSIZE:
        collect_result(c, RESULT_FAILED, "The node sends more than %llu MiB",
                       (unsigned long long)(max >> 20));
        return;
    case -ENOSPC:
        collect_result(c, RESULT_FAILED, "There is no room here for what the node sends");
        return;
    case -EPROTO:
        collect_result(c, RESULT_FAILED, "chancery-node@.service ended too early");
        return;
    default:
        collect_result(c, RESULT_FAILED, "chancery-node@.service: %s", strerror(-r));
    }
}

void node_ask(int fd, const NodeRequest *node, JsonCopy *copy, int scratch_fd, Collect *c)
{
    uint64_t max = node->has_files ? DOSSIER_WITH_FILES_MAX : DOSSIER_MAX;
    int r = send_question(fd, node->question);

    if (r >= 0)
        r = copy_dossier(fd, c, max, copy, scratch_fd);
    if (r >= 0)
        r = read_outcome(fd, c);
    if (r >= 0 && !c->is_fixed && !json_copy_is_complete(copy))
        r = -EBADMSG;
    if (r < 0)
        say(c, r, max);
}
