/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the fetch socket. The worker has spoken with the network: what it answers is
 * checked like what a stranger sends. */
#include "fetch-client.h"

#include <poll.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "clock.h"
#include "fetch-message.h"
#include "fetch-url.h"
#include "json-util.h"
#include "memfd.h"

#define SOCKET_PATH "/run/chancery/fetch" /* FETCH_SOCKET */
/* A worker is a process in a sandbox of its own: its start takes time on a busy machine. */
#define STARTUP_SECONDS 30U
#define ERROR_TEXT_MAX 512U

void fetch_reply_done(FetchReply *reply)
{
    free(reply->content_type);
    free(reply->etag);
    free(reply->body);
    free(reply->error);
    *reply = (FetchReply){0};
}

static int fail(FetchReply *reply, int error, const char *format, ...) _printf_(3, 4);

static int fail(FetchReply *reply, int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&reply->error, format, ap) < 0)
        reply->error = NULL;
    va_end(ap);
    return reply->error ? -error : -ENOMEM;
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_usec(CLOCK_MONOTONIC) / USEC_PER_MSEC);
}

/* Waits for the events on fd (-1: for none, that is, for the time to pass). Returns 1, 0 at the
 * deadline, or -ECANCELED. */
static int wait_until(int fd, short events, int cancel_fd, int64_t deadline)
{
    for (;;) {
        struct pollfd p[] = {{.fd = cancel_fd, .events = POLLIN}, {.fd = fd, .events = events}};
        int64_t left = deadline - now_ms();
        int n = poll(p, ELEMENTSOF(p), left > 0 ? (int)left : 0);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            return p[0].revents ? -ECANCELED : 1;
        if (n == 0 && left <= 0)
            return 0;
    }
}

static int connect_to_worker(int cancel_fd, FetchReply *reply, int *ret)
{
    static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int64_t deadline = now_ms() + STARTUP_SECONDS * 1000;

    if (fd < 0)
        return -errno;
    while (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int r;

        if (errno != EAGAIN && errno != EINTR)
            return fail(reply, EHOSTUNREACH,
                        "The socket of chancery-fetch cannot be reached (%s): is "
                        "chancery-fetch.socket running?",
                        strerror(errno));
        /* The queue is full: nothing tells when that ends. */
        r = wait_until(-1, 0, cancel_fd, now_ms() + 50);
        if (r < 0)
            return r;
        if (now_ms() >= deadline)
            return fail(reply, EHOSTUNREACH,
                        "All workers of chancery-fetch are busy; try again later");
    }
    *ret = TAKE_FD(fd);
    return 0;
}

static int request_to_json(const FetchRequest *request, json_object **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r;

    if (!o)
        return -ENOMEM;
    r = json_add(o, "url", json_object_new_string(request->url));
    if (r >= 0)
        r = json_add(o, "size-max", json_object_new_uint64(request->size_max));
    if (r >= 0)
        r = json_add(o, "timeout-seconds", json_object_new_uint64(request->timeout_seconds));
    if (r >= 0 && request->body)
        r = json_add(o, "body", json_object_new_boolean(1));
    if (r >= 0 && request->body && request->content_type)
        r = json_add(o, "content-type", json_object_new_string(request->content_type));
    if (r >= 0 && request->trust_anchors)
        r = json_add(o, "trust-anchors", json_object_new_boolean(1));
    if (r >= 0 && request->unverified)
        r = json_add(o, "unverified", json_object_new_boolean(1));
    if (r >= 0 && request->judge)
        r = json_add(o, "judged", json_object_new_boolean(1));
    if (r >= 0 && request->user)
        r = json_add(o, "credentials", json_object_new_boolean(1));
    if (r >= 0 && request->client_certificates)
        r = json_add(o, "client-certificate", json_object_new_boolean(1));
    if (r >= 0 && request->etag)
        r = json_add(o, "etag", json_object_new_string(request->etag));
    if (r >= 0 && request->probe)
        r = json_add(o, "probe", json_object_new_boolean(true));
    if (r >= 0 && request->keep)
        r = json_add(o, "keep", json_object_new_boolean(true));
    if (r >= 0 && request->host_key)
        r = json_add(o, "host-key", json_object_new_string(request->host_key));
    if (r >= 0 && request->route)
        r = fetch_route_write(request->route, fetch_url_is_http(request->url), o);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(o);
    return 0;
}

/* Descriptors of a request, and which of them are ours to close. */
typedef struct Attachments {
    int fds[FETCH_DESCRIPTORS_MAX];
    size_t n, n_own;
} Attachments;

static void attachments_done(Attachments *a)
{
    fetch_close_descriptors(a->fds, a->n_own);
}

static int attach(Attachments *a, const char *name, const void *data, size_t size)
{
    int fd;

    if (!data)
        return 0;
    fd = memfd_new_sealed(name, data, size);
    if (fd < 0)
        return fd;
    a->fds[a->n++] = fd;
    a->n_own = a->n;
    return 0;
}

static int attach_credentials(Attachments *a, const FetchRequest *request)
{
    char text[FETCH_CREDENTIALS_MAX];
    size_t user, password;
    int r;

    if (!request->user)
        return 0;
    user = strlen(request->user) + 1;
    password = request->password ? strlen(request->password) : 0;
    if (user + password > sizeof(text))
        return -EMSGSIZE;
    memcpy(text, request->user, user);
    if (password > 0)
        memcpy(text + user, request->password, password);
    r = attach(a, "fetch-credentials", text, user + password);
    explicit_bzero(text, sizeof(text));
    return r;
}

static int attach_text(Attachments *a, const char *name, const char *text)
{
    return text ? attach(a, name, text, strlen(text)) : 0;
}

static int send_request(int fd, const FetchRequest *request)
{
    _cleanup_json_ json_object *o = NULL;
    _cleanup_(attachments_done) Attachments a = {.n = 0};
    int r;

    r = attach(&a, "fetch-request", request->body, request->body_size);
    if (r >= 0)
        r = attach_text(&a, "fetch-anchors", request->trust_anchors);
    if (r >= 0)
        r = attach_credentials(&a, request);
    if (r >= 0)
        r = attach_text(&a, "fetch-certificates", request->client_certificates);
    if (r >= 0 && request->client_certificates)
        a.fds[a.n++] = request->client_key;
    if (r >= 0)
        r = request_to_json(request, &o);
    if (r < 0)
        return r;
    return fetch_send(fd, o, a.fds, a.n);
}

static int parse_error(json_object *o, FetchReply *reply)
{
    static const struct {
        const char *word;
        int error;
    } table[] = {{"unreachable", EHOSTUNREACH},
                 {"too-large", EMSGSIZE},
                 {"invalid", EINVAL},
                 {"failed", EIO}};
    static const char *const members[] = {"error", "message", NULL};
    const char *word, *text;

    if (json_only_members(o, members) < 0 || json_get_string(o, "error", &word) < 0 ||
        json_get_string(o, "message", &text) < 0 || strlen(text) > ERROR_TEXT_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < ELEMENTSOF(table); i++)
        if (streq(word, table[i].word)) {
            reply->error = strdup(text);
            if (!reply->error)
                return -ENOMEM;
            (void)fetch_clean_text(reply->error);
            return -table[i].error;
        }
    return -EBADMSG;
}

static int parse_header(json_object *o, const char *name, char **ret)
{
    const char *text;
    int r = json_get_string(o, name, &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || strlen(text) > FETCH_CONTENT_TYPE_MAX)
        return -EBADMSG;
    *ret = strdup(text);
    if (!*ret)
        return -ENOMEM;
    (void)fetch_clean_text(*ret);
    return 0;
}

static int parse_reply(json_object *o, const int *fds, size_t n_fds, size_t size_max,
                       FetchReply *reply)
{
    static const char *const members[] = {"status", "content-type", "etag",
                                          "body",   "retry-after",  NULL};
    uint64_t status, retry_after = 0;
    bool body;
    int r;

    if (json_object_object_get_ex(o, "error", NULL))
        return n_fds == 0 ? parse_error(o, reply) : -EBADMSG;
    if (json_only_members(o, members) < 0 || json_get_uint64(o, "status", &status) < 0 ||
        status < 100 || status > 599 || json_get_bool(o, "body", &body) < 0 ||
        n_fds != (body ? 1 : 0))
        return -EBADMSG;
    r = json_get_uint64(o, "retry-after", &retry_after);
    if ((r < 0 && r != -ENOENT) || retry_after > FETCH_RETRY_AFTER_MAX)
        return -EBADMSG;
    r = parse_header(o, "content-type", &reply->content_type);
    if (r >= 0)
        r = parse_header(o, "etag", &reply->etag);
    if (r < 0)
        return r;
    if (body) {
        r = memfd_read(fds[0], size_max, &reply->body, &reply->body_size);
        if (r < 0)
            return r == -ENOMEM ? r : -EBADMSG;
    }
    reply->status = (unsigned)status;
    reply->retry_after = (unsigned)retry_after;
    return 0;
}

static int fail_ended(FetchReply *reply)
{
    return fail(reply, EHOSTUNREACH, "The worker of chancery-fetch ended without an answer");
}

/* --- Who judges ------------------------------------------------------------------------------- */

static int judge(const FetchRequest *request, const int *fds, bool stapled, int cancel_fd,
                 FetchReply *reply)
{
    _cleanup_free_ void *path = NULL, *staple = NULL;
    _cleanup_free_ char *reason = NULL;
    FetchServer server = {0};
    int r = memfd_read(fds[0], FETCH_PATH_MAX, &path, &server.certificates_size);

    if (r >= 0 && stapled)
        r = memfd_read(fds[1], FETCH_STAPLE_MAX, &staple, &server.staple_size);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    server.certificates = path;
    server.staple = staple;
    r = request->judge(request->judge_data, &server, cancel_fd, &reason);
    if (r == 0)
        return fail(reply, EHOSTUNREACH, "the server's certificate is not accepted: %s",
                    reason ?: "no reason was given");
    return r < 0 ? r : 0;
}

static int send_go_on(int fd)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    int r = o ? json_add(o, "go-on", json_object_new_boolean(1)) : -ENOMEM;

    return r < 0 ? r : fetch_send(fd, o, NULL, 0);
}

/* Returns 1 when it was the question, and is answered; 0 when it was none. */
static int answer_question(int fd, const FetchRequest *request, json_object *o, const int *fds,
                           size_t n_fds, int cancel_fd, FetchReply *reply)
{
    static const char *const members[] = {"judge", "ocsp", NULL};
    bool asks = false, stapled = false;
    int r;

    if (json_get_bool(o, "judge", &asks) < 0)
        return 0;
    if (!request->judge || !asks || json_only_members(o, members) < 0 ||
        json_get_bool(o, "ocsp", &stapled) < 0 || n_fds != 1U + stapled)
        return -EBADMSG;
    r = judge(request, fds, stapled, cancel_fd, reply);
    if (r >= 0)
        r = send_go_on(fd);
    if (r == -EPIPE || r == -ECONNRESET)
        return fail_ended(reply);
    return r < 0 ? r : 1;
}

/* --- One exchange ----------------------------------------------------------------------------- */

static int receive_one(int fd, int cancel_fd, int64_t deadline, json_object **ret,
                       int fds[FETCH_DESCRIPTORS_MAX], size_t *ret_n_fds, FetchReply *reply)
{
    int r = wait_until(fd, POLLIN, cancel_fd, deadline);

    if (r < 0)
        return r;
    if (r == 0)
        return fail(reply, EHOSTUNREACH, "The worker of chancery-fetch did not answer in time");
    return fetch_receive(fd, ret, fds, ret_n_fds);
}

/* A question, at most one, and the answer. Who was to be judged and was not is not believed. */
static int converse(int fd, const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    int64_t deadline = now_ms() + (int64_t)(request->timeout_seconds + STARTUP_SECONDS) * 1000;
    bool asked = false;
    int r;

    do {
        _cleanup_json_ json_object *o = NULL;
        int fds[FETCH_DESCRIPTORS_MAX];
        int64_t begin;
        size_t n_fds;

        r = receive_one(fd, cancel_fd, deadline, &o, fds, &n_fds, reply);
        if (r == -ECONNRESET) {
            reply->lost = asked || !request->judge; /* before, nothing was sent */
            return fail_ended(reply);
        }
        if (r < 0)
            return r;
        begin = now_ms();
        r = asked ? 0 : answer_question(fd, request, o, fds, n_fds, cancel_fd, reply);
        if (r == 0)
            r = parse_reply(o, fds, n_fds, request->size_max, reply);
        else if (r > 0)
            asked = true;
        fetch_close_descriptors(fds, n_fds);
        deadline += now_ms() - begin;
    } while (r > 0);
    return r == 0 && request->judge && !asked ? -EBADMSG : r;
}

/* -EPIPE: nobody has it. */
static int send_checked(int fd, const FetchRequest *request, FetchReply *reply)
{
    const char *reason;
    int r;

    *reply = (FetchReply){0};
    r = fetch_url_check_any(request->url, &reason);
    if (r < 0)
        return fail(reply, EINVAL, "Cannot fetch: %s", reason);
    if (request->route && request->route->proxy[0] && !fetch_url_is_http(request->url))
        return fail(reply, EHOSTUNREACH,
                    "Only http and https go through an HTTP proxy, and 'crypto ca http-proxy' is "
                    "configured");
    r = send_request(fd, request);
    return r == -ECONNRESET ? -EPIPE : r;
}

static int receive_answer(int fd, const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    int r = converse(fd, request, cancel_fd, reply);

    if (r == -EBADMSG) {
        fetch_reply_done(reply);
        return fail(reply, EHOSTUNREACH,
                    "The worker of chancery-fetch answered with something that is not an answer");
    }
    return r;
}

int fetch_exchange(int fd, const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    int r = send_checked(fd, request, reply);

    if (r == -EPIPE)
        return fail_ended(reply);
    return r < 0 ? r : receive_answer(fd, request, cancel_fd, reply);
}

void fetch_session_end(FetchSession *session)
{
    closep(&session->fd);
    *session = FETCH_SESSION_NONE;
}

/* In a session whose worker may have ended meanwhile. What it has not taken goes to another one;
 * what it has is never sent twice. */
static int send_in_session(FetchSession *session, const FetchRequest *request, int cancel_fd,
                           FetchReply *reply)
{
    int r = session->fd >= 0 ? send_checked(session->fd, request, reply) : -EPIPE;

    if (r != -EPIPE)
        return r;
    fetch_session_end(session);
    r = connect_to_worker(cancel_fd, reply, &session->fd);
    if (r >= 0)
        r = send_checked(session->fd, request, reply);
    return r == -EPIPE ? fail_ended(reply) : r;
}

static bool is_kept(const FetchRequest *request)
{
    return fetch_url_is_http(request->url) && !fetch_url_is_https(request->url);
}

int fetch_session_send(FetchSession *session, const FetchRequest *request, int cancel_fd,
                       FetchReply *reply)
{
    FetchRequest kept = *request;
    int r;

    kept.keep = is_kept(request);
    *reply = (FetchReply){0};
    r = send_in_session(session, &kept, cancel_fd, reply);
    if (r < 0)
        fetch_session_end(session);
    return r;
}

int fetch_session_receive(FetchSession *session, const FetchRequest *request, int cancel_fd,
                          FetchReply *reply)
{
    int r;

    *reply = (FetchReply){0};
    r = receive_answer(session->fd, request, cancel_fd, reply);
    if (r < 0 || !is_kept(request))
        fetch_session_end(session);
    return r;
}

int fetch_in_session(FetchSession *session, const FetchRequest *request, int cancel_fd,
                     FetchReply *reply)
{
    int r = fetch_session_send(session, request, cancel_fd, reply);

    return r < 0 ? r : fetch_session_receive(session, request, cancel_fd, reply);
}

int fetch(const FetchRequest *request, int cancel_fd, FetchReply *reply)
{
    _cleanup_close_ int fd = -EBADF;
    int r;

    *reply = (FetchReply){0};
    r = connect_to_worker(cancel_fd, reply, &fd);
    if (r < 0)
        return r;
    return fetch_exchange(fd, request, cancel_fd, reply);
}
