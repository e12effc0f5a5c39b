/* SPDX-License-Identifier: Apache-2.0 */
#include "est-client.h"

#include <poll.h>
#include <stdarg.h>

#include "est-url.h"
#include "fetch-client.h"
#include "fetch-message.h"
#include "json-util.h"
#include "keyd-client.h"
#include "x509-render.h"

#define TIMEOUT_SECONDS 60U
#define REFUSAL_TEXT_MAX 160U

static int _printf_(3, 4)
    explain(char reason[SERVER_REASON_SIZE], int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, SERVER_REASON_SIZE, format, ap);
    va_end(ap);
    return error;
}

int est_open_channel(const KeyName *key, int *ret_fd, char reason[SERVER_REASON_SIZE])
{
    int r = keyd_channel_open(key->algorithm, key->label, "tls-client", ret_fd);

    return r < 0 ? explain(reason, r, "the %s key '%s' cannot be used for TLS: %s", key->algorithm,
                           key->label, keyd_last_error())
                 : 0;
}

static bool has_ended(int fd)
{
    struct pollfd channel = {.fd = fd};

    return poll(&channel, 1, 0) > 0 && channel.revents != 0;
}

/* A channel ends with keyd, which is started again. Without its signature there was no connection,
 * and nothing was sent over it. */
static int fetch_with_key(const EstServer *server, FetchRequest *request, FetchReply *reply,
                          char reason[SERVER_REASON_SIZE])
{
    bool again = false;
    int r;

    if (!server->certificates)
        return fetch(request, server->cancel_fd, reply);
    do {
        if (has_ended(*server->key_fd)) {
            closep(server->key_fd);
            *server->key_fd = -EBADF;
            r = est_open_channel(server->key, server->key_fd, reason);
            if (r < 0)
                return r;
        }
        request->client_key = *server->key_fd;
        fetch_reply_done(reply);
        *reply = (FetchReply){.status = 0};
        r = fetch(request, server->cancel_fd, reply);
        again = !again && r == -EHOSTUNREACH && !reply->lost && has_ended(*server->key_fd);
    } while (again);
    return r;
}

static int ask(const EstServer *server, const char *operation, const char *body, size_t size_max,
               FetchReply *reply, char reason[SERVER_REASON_SIZE])
{
    _cleanup_free_ char *url = NULL;
    FetchRequest request = {
        .body = body,
        .body_size = body ? strlen(body) : 0,
        .content_type = body ? "application/pkcs10" : NULL,
        .trust_anchors = server->anchors,
        .unverified = !server->anchors,
        .judge = server->anchors ? server->judge : NULL,
        .judge_data = server->judge_data,
        .user = server->user,
        .password = server->password,
        .client_certificates = server->certificates,
        .route = server->route,
        .size_max = size_max,
        .timeout_seconds = TIMEOUT_SECONDS,
    };
    int r = est_url_new(server->url, operation, &url);

    if (r < 0)
        return r;
    request.url = url;
    reason[0] = '\0';
    r = fetch_with_key(server, &request, reply, reason);
    if (reason[0])
        return r;
    if (r == -EMSGSIZE)
        return explain(reason, r, "the answer of %.200s is larger than %zu KiB", url,
                       size_max >> 10);
    if (r == -EHOSTUNREACH)
        return explain(reason, reply->lost && body ? -ENOLINK : r,
                       "%.200s cannot be reached: %.200s", url, reply->error);
    if (r < 0)
        return explain(reason, r, "%.200s cannot be asked: %.200s", url,
                       reply->error ? reply->error : strerror(-r));
    return 0;
}

/* For a status that is no answer to the question. */
static int explain_status(const EstServer *server, const FetchReply *reply,
                          char reason[SERVER_REASON_SIZE])
{
    if (reply->status == 401)
        return explain(reason, -EIO, "%.200s wants %s user name and password%s%s", server->url,
                       server->user ? "another" : "a", server->advice ? ": " : "",
                       server->advice ? server->advice : "");
    return explain(
        reason, -EHOSTUNREACH, "%.200s answered with HTTP status %u%s", server->url, reply->status,
        reply->status >= 300 && reply->status < 400 ? ", a redirection, which is not followed"
                                                    : "");
}

int est_get_authorities(const EstServer *server, ReceivedList *ret, char reason[SERVER_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    const char *why = "";
    int r;

    r = ask(server, "cacerts", NULL, EST_REPLY_MAX, &reply, reason);
    if (r < 0)
        return r;
    if (reply.status != 200)
        return explain_status(server, &reply, reason);
    r = est_certificates_parse(reply.content_type, reply.body, reply.body_size, ret, &why);
    return r == -EBADMSG || r == -EMSGSIZE
               ? explain(reason, r, "what %.200s answered is no CA certificate: %s", server->url,
                         why)
               : r;
}

int est_get_attributes(const EstServer *server, EstAttributes *ret, char reason[SERVER_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    const char *why = "";
    int r;

    r = ask(server, "csrattrs", NULL, EST_ATTRIBUTES_MAX, &reply, reason);
    if (r < 0)
        return r;
    *ret = (EstAttributes){.keys = 0};
    /* RFC 7030 section 4.5.2: it has no wishes. */
    if (reply.status == 204 || reply.status == 404)
        return 0;
    if (reply.status != 200)
        return explain_status(server, &reply, reason);
    r = est_attributes_parse(reply.content_type, reply.body, reply.body_size, ret, &why);
    return r == -EBADMSG || r == -EMSGSIZE
               ? explain(reason, r, "what %.200s wants in a request cannot be read: %s",
                         server->url, why)
               : r;
}

/* The server's own words, where they are some: RFC 7030 section 4.2.3. */
static int explain_refusal(const FetchReply *reply, char reason[SERVER_REASON_SIZE])
{
    char text[REFUSAL_TEXT_MAX + 1] = "";
    bool plain = reply->content_type && strncasecmp(reply->content_type, "text/plain", 10) == 0;

    if (plain && reply->body_size > 0) {
        (void)snprintf(text, sizeof(text), "%s", (const char *)reply->body);
        text[strcspn(text, "\r\n")] = '\0';
        (void)fetch_clean_text(text);
    }
    return explain(reason, 0, "HTTP status %u%s%s", reply->status, text[0] ? ", " : "", text);
}

static int read_answer(const EstServer *server, const FetchReply *reply, ServerResult *ret,
                       unsigned *ret_pause, ReceivedList *certificates,
                       char reason[SERVER_REASON_SIZE])
{
    const char *why = "";
    int r;

    if (reply->status == 200) {
        *ret = SERVER_GRANTED;
        r = est_certificates_parse(reply->content_type, reply->body, reply->body_size, certificates,
                                   &why);
        return r == -EBADMSG || r == -EMSGSIZE
                   ? explain(reason, r, "the answer cannot be used: %s", why)
                   : r;
    }
    if (reply->status == 202) {
        *ret = SERVER_PENDING;
        *ret_pause = reply->retry_after;
        return explain(reason, 0, "the CA has not decided yet");
    }
    /* Too slow or too many requests is no refusal. */
    if (reply->status == 401 || reply->status == 408 || reply->status == 429 ||
        reply->status < 400 || reply->status >= 500)
        return explain_status(server, reply, reason);
    *ret = SERVER_REFUSED;
    return explain_refusal(reply, reason);
}

int est_enroll(const EstServer *server, bool renewal, const void *request, size_t size,
               ServerResult *ret, unsigned *ret_pause, ReceivedList *certificates,
               char reason[SERVER_REASON_SIZE])
{
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    _cleanup_free_ char *body = base64_encode(request, size);
    int r;

    if (!body)
        return -ENOMEM;
    *certificates = (ReceivedList){.n = 0};
    r = ask(server, renewal ? "simplereenroll" : "simpleenroll", body, EST_REPLY_MAX, &reply,
            reason);
    return r < 0 ? r : read_answer(server, &reply, ret, ret_pause, certificates, reason);
}
