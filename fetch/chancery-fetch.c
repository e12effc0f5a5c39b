/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-fetch: listens on the socket of chancery-fetch.socket and does each transaction in a
 * process of its own; or does the one that comes in on standard input, and ends. The sandbox is
 * entered before the first byte is read from anybody. */
#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "dispatcher.h"
#include "fetch-message.h"
#include "hosts-file.h"
#include "json-util.h"
#include "log.h"
#include "sandbox.h"
#include "service-program.h"
#include "source.h"
#include "transaction.h"

#define REQUEST_TIMEOUT_MS 10000
/* The longest timeout that a request may ask for, and time to start and to answer. */
#define WORKER_SECONDS 360U
#define WORKERS_MAX 32U
#define IDLE_SECONDS 300U

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

static int send_reply(int fd, const Reply *reply)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    bool body = reply->body_fd >= 0;
    int r;

    if (!o)
        return -ENOMEM;
    if (reply->error) {
        r = json_add(o, "error", json_object_new_string(reply->error));
        if (r >= 0)
            r = json_add(o, "message", json_object_new_string(reply->message));
    } else {
        r = json_add(o, "status", json_object_new_int64(reply->status));
        if (r >= 0)
            r = json_add(o, "body", json_object_new_boolean(body));
        if (r >= 0 && reply->content_type)
            r = json_add(o, "content-type", json_object_new_string(reply->content_type));
        if (r >= 0 && reply->etag)
            r = json_add(o, "etag", json_object_new_string(reply->etag));
        if (r >= 0 && reply->retry_after > 0)
            r = json_add(o, "retry-after", json_object_new_int64(reply->retry_after));
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

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
}

/* -ETIMEDOUT: none has come. fds and *n_fds: what came with it, which is needed until the end. */
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

/* 1: another request may follow. */
static int serve_request(int fd, Peer *peer, const Request *request)
{
    Reply reply = {.body_fd = -EBADF};
    const char *reason = NULL;
    int r;

    r = peer_check(peer, request, &reason);
    if (r == -EINVAL)
        return refuse(fd, reason);
    if (r >= 0)
        r = transaction_run(request, peer, fd, &reply);
    if (r < 0)
        return r;
    r = send_reply(fd, &reply);
    reply_done(&reply);
    return r < 0 ? r : request->keep;
}

static int serve_one(int fd, Peer *peer)
{
    _cleanup_(request_freep) Request *request = NULL;
    int fds[FETCH_DESCRIPTORS_MAX], r;
    const char *reason = NULL;
    size_t n_fds = 0;

    r = receive_request(fd, fds, &n_fds, &request, &reason);
    if (r == -EINVAL && reason)
        r = refuse(fd, reason);
    else if (r >= 0)
        r = serve_request(fd, peer, request);
    close_all(fds, n_fds);
    return r;
}

/* One transaction: one request, or those that follow each other on one connection to one server. */
static int serve(int fd)
{
    _cleanup_(peer_freep) Peer *peer = peer_new();
    bool first = true;
    int r = peer ? 1 : -ENOMEM;

    for (; r > 0; first = false)
        r = serve_one(fd, peer);
    if (r == -ECANCELED || r == -ECONNRESET || r == -EPIPE || (r == -ETIMEDOUT && !first))
        return 0; /* the client has lost interest */
    return r < 0 ? log_error_errno(r, "Failed to answer the request: %m") : 0;
}

/* --- The program ------------------------------------------------------------------------------ */

static int work(int fd, const SandboxFilter *filter, const void *userdata)
{
    int r;

    source_prepare(); /* what the addresses are now */
    r = sandbox_enter_compiled(&sandbox, filter);
    return r < 0 ? log_error_errno(r, "Failed to enter the sandbox: %m") : serve(fd);
}

static int run_dispatcher(int listener)
{
    static const SandboxPath paths[] = {{"/", SANDBOX_READ}, {NULL, SANDBOX_READ}};
    static const Sandbox parent = {
        .name = "fetch",
        .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_MEMFD | SANDBOX_CALLS_NETWORK,
        .paths = paths,
        .files_max = 64,
    };
    static const Worker worker = {.run = work,
                                  .sandbox = &sandbox,
                                  .seconds_max = WORKER_SECONDS,
                                  .workers_max = WORKERS_MAX,
                                  .idle_seconds = IDLE_SECONDS};

    source_open();
    return dispatch(listener, &parent, &worker);
}

static int run(void)
{
    const int n = sd_listen_fds(1);
    int r = n > 0 ? 0 : service_connection("fetch", SOCK_SEQPACKET);

    if (r < 0)
        return r;
    r = transaction_prepare();
    if (r < 0)
        return log_error_errno(r, "Failed to prepare libcurl: %m");
    if (n > 0)
        return run_dispatcher(SD_LISTEN_FDS_START);
    source_prepare();
    r = sandbox_enter(&sandbox);
    if (r < 0)
        return log_error_errno(r, "Failed to enter the sandbox: %m");
    return serve(STDIN_FILENO);
}

int main(int argc, char *argv[])
{
    int r = service_arguments("fetch", NULL, "Does transactions for other processes of Chancery.",
                              argc, argv);

    if (r <= 0)
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    log_open("fetch");
    return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
