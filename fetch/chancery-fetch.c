/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-fetch: answers the one request that comes in on standard input, a socket of
 * chancery-fetch.socket, and ends. The sandbox is entered before the first byte is read from
 * anybody. */
#include <poll.h>
#include <sys/socket.h>

#include "hosts-file.h"
#include "json-util.h"
#include "log.h"
#include "sandbox.h"
#include "service-program.h"
#include "transaction.h"

#define REQUEST_TIMEOUT_MS 10000

/* What name resolution reads. */
static const SandboxPath sandbox_paths[] = {
    {"/etc/resolv.conf", SANDBOX_READ},
    {"/etc/hosts", SANDBOX_READ},
    {"/etc/host.conf", SANDBOX_READ},
    {"/etc/gai.conf", SANDBOX_READ},
    {"/etc/nsswitch.conf", SANDBOX_READ},
    {HOSTS_FOLDER, SANDBOX_READ},
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "fetch",
    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_MEMFD | SANDBOX_CALLS_NETWORK,
    .paths = sandbox_paths,
    .files_max = 64,
};

static int add(json_object *o, const char *name, json_object *value)
{
    if (value && json_object_object_add(o, name, value) >= 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

static int send_reply(int fd, const Reply *reply)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    bool body = reply->body_fd >= 0;
    int r;

    if (!o)
        return -ENOMEM;
    if (reply->error) {
        r = add(o, "error", json_object_new_string(reply->error));
        if (r >= 0)
            r = add(o, "message", json_object_new_string(reply->message));
    } else {
        r = add(o, "status", json_object_new_int64(reply->status));
        if (r >= 0)
            r = add(o, "body", json_object_new_boolean(body));
        if (r >= 0 && reply->content_type)
            r = add(o, "content-type", json_object_new_string(reply->content_type));
        if (r >= 0 && reply->etag)
            r = add(o, "etag", json_object_new_string(reply->etag));
        if (r >= 0 && reply->retry_after > 0)
            r = add(o, "retry-after", json_object_new_int64(reply->retry_after));
    }
    return r < 0 ? r : fetch_send(fd, o, &reply->body_fd, body ? 1 : 0);
}

static int refuse(int fd, const char *reason)
{
    _cleanup_free_ char *message = NULL;

    if (asprintf(&message, "The request is refused: %s", reason) < 0)
        return -ENOMEM;
    return send_reply(fd, &(Reply){.error = "invalid", .message = message, .body_fd = -EBADF});
}

/* fds and *n_fds: what came with it, which is needed until the end. */
static int receive_request(int fd, int fds[FETCH_DESCRIPTORS_MAX], size_t *n_fds, Request **ret,
                           const char **ret_reason)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    _cleanup_json_ json_object *o = NULL;
    int r;

    r = poll(&p, 1, REQUEST_TIMEOUT_MS);
    if (r <= 0)
        return r < 0 ? -errno : -ETIMEDOUT;
    r = fetch_receive(fd, &o, fds, n_fds);
    if (r == -EBADMSG) {
        *ret_reason = "it is not one JSON object of at most 16 KiB with at most five descriptors";
        return -EINVAL;
    }
    return r < 0 ? r : request_parse(o, fds, *n_fds, ret, ret_reason);
}

static int serve(int fd)
{
    _cleanup_(request_freep) Request *request = NULL;
    Reply reply = {.body_fd = -EBADF};
    int fds[FETCH_DESCRIPTORS_MAX], r;
    const char *reason = NULL;
    size_t n_fds = 0;

    /* They are closed by the end of the process, which is the end of this. */
    r = receive_request(fd, fds, &n_fds, &request, &reason);
    if (r == -EINVAL && reason)
        return refuse(fd, reason);
    if (r < 0)
        return r;
    r = transaction_run(request, fd, &reply);
    if (r < 0)
        return r;
    r = send_reply(fd, &reply);
    reply_done(&reply);
    return r;
}

static int run(void)
{
    int r = service_connection("fetch", SOCK_SEQPACKET);

    if (r < 0)
        return r;
    r = transaction_prepare();
    if (r < 0)
        return log_error_errno(r, "Failed to prepare libcurl: %m");
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    r = serve(STDIN_FILENO);
    if (r == -ECANCELED || r == -ECONNRESET || r == -EPIPE)
        return 0; /* the client has lost interest */
    if (r < 0)
        return log_error_errno(r, "Failed to answer the request: %m");
    return 0;
}

int main(int argc, char *argv[])
{
    int r = service_arguments("fetch", "chancery-fetch@",
                              "Does one transaction for another process of Chancery.", argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open("fetch");
    return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
