/* SPDX-License-Identifier: Apache-2.0 */
#include "transaction.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <nss.h>
#include <poll.h>
#include <stdarg.h>
#include <strings.h>

#include "anchors.h"
#include "atomic-file.h"
#include "client-key.h"
#include "clock.h"
#include "fetch-message.h"
#include "fetch-url.h"
#include "judge.h"
#include "memfd.h"
#include "refusal.h"
#include "server-name.h"
#include "source.h"
#include "ssh.h"

#define CONNECT_TIMEOUT_SECONDS 30U
/* Slower than that over this time is no progress but somebody who keeps us waiting. */
#define LOW_SPEED_BYTES 64L
#define LOW_SPEED_SECONDS 30L
#define LOOK_USEC (USEC_PER_SEC / 10)
#define CONFIGURED_HOSTS "libnss_chancery.so.2"
#define HEADERS_MAX (64U << 10)
#define ERROR_TEXT_MAX 512
#define HTTP_OK 200

typedef struct curl_slist HeaderList;
DEFINE_TRIVIAL_CLEANUP_FUNC(HeaderList *, curl_slist_free_all);

typedef struct Transaction {
    const Request *request;
    DerSpan anchors;
    SshCheck ssh;
    int client_fd;
    int body_fd;
    size_t received, sent;
    size_t headers;
    int error; /* of our own, negative errno */
    bool too_large;
    bool address_refused;
    bool client_gone;
    bool too_slow;
    uint64_t begun, looked; /* by CLOCK_MONOTONIC, which nobody sets; at the client, last */
    Judge judge;
    ClientKey *key;                    /* NULL: the client shows no certificate */
    bool family_refused, family_found; /* addresses that are not of the source's, and that are */
    char source[INET6_ADDRSTRLEN];     /* empty: any address */
    int device_error;                  /* negative errno: why a socket cannot be bound to it */
    char curl_error[CURL_ERROR_SIZE];
} Transaction;

struct Peer {
    CURL *curl;
    char *origin; /* scheme, host and port of the first URL; NULL before it */
    FetchRoute route;
};

Peer *peer_new(void)
{
    Peer *peer = calloc(1, sizeof *peer);

    if (peer && !(peer->curl = curl_easy_init()))
        return peer_free(peer);
    return peer;
}

Peer *peer_free(Peer *peer)
{
    if (peer)
        curl_easy_cleanup(peer->curl);
    if (peer)
        free(peer->origin);
    free(peer);
    return NULL;
}

int peer_check(Peer *peer, const Request *request, const char **ret_reason)
{
    const char *host = strstr(request->url, "://");
    size_t length = host ? (size_t)(host - request->url) + 3 : 0;

    length += strcspn(request->url + length, "/?#");
    if (!peer->origin) {
        peer->origin = strndup(request->url, length);
        peer->route = request->route;
        return peer->origin ? 0 : -ENOMEM;
    }
    *ret_reason = "it is for another server than the one before, or by another way";
    return strlen(peer->origin) == length && strncmp(peer->origin, request->url, length) == 0 &&
                   fetch_route_equal(&peer->route, &request->route)
               ? 0
               : -EINVAL;
}

void reply_done(Reply *reply)
{
    free(reply->message);
    free(reply->content_type);
    free(reply->etag);
    closep(&reply->body_fd);
    *reply = (Reply){.body_fd = -EBADF};
}

int transaction_prepare(void)
{
    bool configured;

    /* Names come from /etc/hosts and DNS, which are built into the C library, and from the
     * configuration ("domain ipv4 host"). That source is loaded now: later nothing can be. */
    configured = dlopen(CONFIGURED_HOSTS, RTLD_NOW) != NULL;

    if (__nss_configure_lookup("hosts", configured ? "files chancery dns" : "files dns") < 0)
        return -errno;
    /* The directory's library looks for no file of its own. */
    if (setenv("LDAPNOINIT", "1", 1) < 0)
        return -errno;
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

/* --- Called by curl --------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
    Transaction *t = userdata;
    size_t length = size * n;

    if (length > t->request->size_max - t->received) {
        t->too_large = true;
        return 0;
    }
    t->error = write_full(t->body_fd, data, length);
    if (t->error < 0)
        return 0;
    t->received += length;
    return length;
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
    Transaction *t = userdata;
    size_t length = size * n;

    if (length > HEADERS_MAX - t->headers) {
        t->too_large = true;
        return 0;
    }
    t->headers += length;
    return length;
}

static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    _cleanup_close_ int fd = -EBADF;
    Transaction *t = userdata;
    const char *device = t->request->route.device;

    if (!address_is_allowed(&address->addr, (socklen_t)address->addrlen)) {
        t->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    if (t->source[0] && address->family != (t->request->route.source_ipv6 ? AF_INET6 : AF_INET)) {
        t->family_refused = true;
        return CURL_SOCKET_BAD;
    }
    t->family_found = true;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    /* Nobody needs a capability for the first time. */
    if (device[0] &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0) {
        t->device_error = -errno;
        return CURL_SOCKET_BAD;
    }
    return TAKE_FD(fd);
}

/* What is written over tftp and sftp. */
static size_t on_read(char *data, size_t size, size_t n, void *userdata)
{
    Transaction *t = userdata;
    size_t left = t->request->body_size - t->sent, length = size * n < left ? size * n : left;

    memcpy(data, (const char *)t->request->body + t->sent, length);
    t->sent += length;
    return length;
}

static unsigned connect_timeout(const Transaction *t)
{
    unsigned timeout = t->request->timeout_seconds;

    return timeout < CONNECT_TIMEOUT_SECONDS ? timeout : CONNECT_TIMEOUT_SECONDS;
}

/* curl's own limits leave whoever judges his time, which is not for the server to spend. */
static bool is_too_slow(const Transaction *t)
{
    unsigned limit = t->judge.asked ? t->request->timeout_seconds : connect_timeout(t);

    return t->request->judged &&
           clock_usec(CLOCK_MONOTONIC) - t->begun > t->judge.waited_usec + limit * USEC_PER_SEC;
}

/* About once a second, also while nothing arrives; and at each step, which is more often than
 * anybody has to be looked at. */
static int on_progress(void *userdata, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    Transaction *t = userdata;
    struct pollfd p = {.fd = t->client_fd, .events = POLLRDHUP};
    const uint64_t now = clock_usec(CLOCK_MONOTONIC);

    if (now < t->looked + LOOK_USEC)
        return 0;
    t->looked = now;
    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)))
        t->client_gone = true;
    t->too_slow = is_too_slow(t);
    return t->client_gone || t->too_slow;
}

/* --- Options ---------------------------------------------------------------------------------- */

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(curl, option, value) != CURLE_OK)                                     \
            return -EIO;                                                                           \
    } while (0)

static bool is_directory(const char *url)
{
    return strncasecmp(url, "ldap:", STRLEN("ldap:")) == 0;
}

/* By their own, so that a libcurl without one of them does all the others. */
static const char *protocols_of(const char *url)
{
    return is_directory(url) ? "ldap" : fetch_url_is_ssh(url) ? "sftp,scp" : "http,https,ftp,tftp";
}

static int set_protocol(CURL *curl, Transaction *t)
{
    SET(CURLOPT_URL, t->request->url);
    SET(CURLOPT_PROTOCOLS_STR, protocols_of(t->request->url));
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_USERAGENT, "chancery");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_PROXY, ""); /* not even one from the environment */
    SET(CURLOPT_NOPROXY, ""); /* and no way around the one that is named */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, t->curl_error);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    return 0;
}

static int set_limits(CURL *curl, Transaction *t)
{
    unsigned timeout = t->request->timeout_seconds;
    unsigned judging = t->request->judged ? FETCH_JUDGE_SECONDS : 0;

    SET(CURLOPT_TIMEOUT, (long)(timeout + judging));
    SET(CURLOPT_CONNECTTIMEOUT, (long)(connect_timeout(t) + judging));
    SET(CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
    SET(CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
    /* What the server announces; what it sends is counted as it comes. */
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->request->size_max);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, t);
    return 0;
}

static CURLcode on_tls_context(CURL *curl, void *context, void *userdata)
{
    Transaction *t = userdata;

    refusal_watch(context);
    if (judge_use(&t->judge, context) < 0)
        return CURLE_OUT_OF_MEMORY;
    if (t->key && client_key_use(t->key, context) < 0)
        return CURLE_SSL_CERTPROBLEM;
    if (!t->request->unverified && !t->request->route.address_names &&
        server_name_use(context, t->request->url) < 0)
        return CURLE_OUT_OF_MEMORY;
    return anchors_use(context, &t->anchors) < 0 ? CURLE_OUT_OF_MEMORY : CURLE_OK;
}

/* The caller's trust anchors and nothing else: curl's built-in file and folder are taken away. */
static int set_tls(CURL *curl, Transaction *t)
{
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, t->request->unverified ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, t->request->unverified ? 0L : 2L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    SET(CURLOPT_SSL_CTX_DATA, t);
    return 0;
}

/* With HTTP only when the server asks for them, and as it asks. */
static int set_credentials(CURL *curl, Transaction *t)
{
    const char *user = t->request->credentials;

    if (!user)
        return 0;
    SET(CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    SET(CURLOPT_USERNAME, user);
    SET(CURLOPT_PASSWORD, user + strlen(user) + 1);
    return 0;
}

static int add_header(HeaderList **headers, const char *line)
{
    HeaderList *longer = curl_slist_append(*headers, line);

    if (!longer)
        return -ENOMEM;
    *headers = longer;
    return 0;
}

static int set_etag(Transaction *t, HeaderList **headers)
{
    _cleanup_free_ char *line = NULL;

    if (!t->request->etag)
        return 0;
    if (asprintf(&line, "If-None-Match: %s", t->request->etag) < 0)
        return -ENOMEM;
    return add_header(headers, line);
}

static int set_body(CURL *curl, Transaction *t, HeaderList **headers)
{
    _cleanup_free_ char *line = NULL;
    int r;

    if (!t->request->body)
        return 0;
    if (fetch_url_is_tftp(t->request->url) || fetch_url_is_sftp(t->request->url)) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->request->body_size);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, t);
        return 0;
    }
    if (asprintf(&line, "Content-Type: %s",
                 t->request->content_type ?: "application/octet-stream") < 0)
        return -ENOMEM;
    r = add_header(headers, line);
    if (r >= 0)
        r = add_header(headers, "Expect:"); /* many small servers never send "100 Continue" */
    if (r < 0)
        return r;
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request->body_size);
    SET(CURLOPT_POSTFIELDS, t->request->body);
    return 0;
}

/* --- Outcome ---------------------------------------------------------------------------------- */

static int reply_error(Reply *reply, const char *error, const char *format, ...) _printf_(3, 4);

static int reply_error(Reply *reply, const char *error, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        return -ENOMEM;
    if (n > ERROR_TEXT_MAX)
        text[ERROR_TEXT_MAX] = 0;
    reply->error = error;
    reply->message = fetch_clean_text(TAKE_PTR(text));
    return 0;
}

static bool is_hang_up(CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SEND_ERROR ||
           code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
}

static int explain_failure(Transaction *t, CURLcode code, Reply *reply)
{
    /* Of tftp, which has no connection, curl tells that it failed to find out about its connection.
     */
    bool specific = t->curl_error[0] && strncasecmp(t->request->url, "tftp:", STRLEN("tftp:")) != 0;
    const char *text = specific ? t->curl_error : curl_easy_strerror(code), *refusal;

    if (t->client_gone || t->judge.error == -ECANCELED)
        return -ECANCELED;
    if (t->too_slow)
        return reply_error(reply, "unreachable", "The server takes too long to %s",
                           t->judge.asked ? "answer" : "begin with TLS");
    if (t->judge.error < 0)
        return reply_error(reply, "failed", "Nobody has judged the server's certificate: %s",
                           strerror(-t->judge.error));
    if (t->key && client_key_error(t->key))
        return reply_error(reply, "failed", "The certificate cannot be shown to the server: %s",
                           client_key_error(t->key));
    if (t->error < 0)
        return reply_error(reply, "failed", "The reply cannot be kept: %s", strerror(-t->error));
    if (t->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return reply_error(
            reply, "too-large",
            "The server's reply is larger than %zu bytes, or its header is too large",
            t->request->size_max);
    if (t->address_refused)
        return reply_error(reply, "unreachable",
                           "The server's address is link-local, multicast or unspecified: refused");
    if (t->ssh.refused)
        return reply_error(
            reply, "unreachable",
            "The server's host key is %s, which is not the one that is known: refused",
            t->ssh.presented);
    if (t->family_refused && !t->family_found)
        return reply_error(reply, "unreachable",
                           "There is no way from the %s address of interface %s: the other side "
                           "has none of this family",
                           t->request->route.source_ipv6 ? "IPv6" : "IPv4",
                           t->request->route.source);
    if (code == CURLE_INTERFACE_FAILED)
        return reply_error(reply, "unreachable", "The address %s of interface %s cannot be used",
                           t->source, t->request->route.source);
    if (code == CURLE_LOGIN_DENIED)
        return reply_error(reply, "unreachable",
                           "The server lets nobody in with this user and password");
    if (t->device_error < 0)
        return reply_error(reply, "unreachable", "The interface %s cannot be used: %s",
                           t->request->route.device, strerror(-t->device_error));
    if (t->headers == 0 && is_hang_up(code) &&
        (refusal = refusal_words(client_key_was_shown(t->key))))
        return reply_error(reply, "unreachable", "%s", refusal);
    return reply_error(reply, "unreachable", "%s", text);
}

static int copy_content_type(CURL *curl, Reply *reply)
{
    const char *text = NULL;

    if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &text) != CURLE_OK || !text ||
        strlen(text) > FETCH_CONTENT_TYPE_MAX)
        return 0;
    reply->content_type = strdup(text);
    if (!reply->content_type)
        return -ENOMEM;
    (void)fetch_clean_text(reply->content_type);
    return 0;
}

/* A version without a name, or with one that cannot be sent back, is fetched anew the next time. */
static int copy_etag(CURL *curl, Reply *reply)
{
    struct curl_header *header;

    if (curl_easy_header(curl, "ETag", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        !fetch_etag_is_valid(header->value))
        return 0;
    reply->etag = strdup(header->value);
    return reply->etag ? 0 : -ENOMEM;
}

/* Seconds or a date: curl knows both. */
static void copy_retry_after(CURL *curl, Reply *reply)
{
    curl_off_t seconds = 0;

    if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
        reply->retry_after =
            seconds < FETCH_RETRY_AFTER_MAX ? (unsigned)seconds : FETCH_RETRY_AFTER_MAX;
}

static int take_answer(CURL *curl, Transaction *t, Reply *reply)
{
    long status = 0;
    int r;

    if (!fetch_url_is_http(t->request->url))
        status = HTTP_OK; /* or curl would not have come here */
    else if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 100 ||
             status > 599)
        return reply_error(reply, "unreachable", "The server's answer has no valid HTTP status");
    r = copy_content_type(curl, reply);
    if (r >= 0)
        r = copy_etag(curl, reply);
    if (r < 0)
        return r;
    copy_retry_after(curl, reply);
    r = memfd_seal(t->body_fd);
    if (r < 0)
        return r;
    reply->status = status;
    reply->body_fd = TAKE_FD(t->body_fd);
    return 0;
}

/* What the server has shown in the handshake, which ends only when it has the leaf's key. */
static int take_shown(CURL *curl, Transaction *t, Reply *reply)
{
    const struct curl_certinfo *shown = NULL;

    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &shown) != CURLE_OK || !shown)
        return -EIO;
    for (int i = 0; i < shown->num_of_certs; i++)
        for (const struct curl_slist *line = shown->certinfo[i]; line; line = line->next) {
            const char *pem = line->data + STRLEN("Cert:");

            if (strncmp(line->data, "Cert:", STRLEN("Cert:")) != 0)
                continue;
            if (on_body((char *)(uintptr_t)pem, 1, strlen(pem), t) != strlen(pem) ||
                on_body((char[]){"\n"}, 1, 1, t) != 1)
                return explain_failure(t, CURLE_WRITE_ERROR, reply);
        }
    if (memfd_seal(t->body_fd) < 0)
        return -EIO;
    reply->status = HTTP_OK;
    reply->body_fd = TAKE_FD(t->body_fd);
    return 0;
}

static int probe(CURL *curl, Transaction *t, Reply *reply)
{
    CURLcode code;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 0L);
    SET(CURLOPT_SSL_VERIFYHOST, 0L);
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_CERTINFO, 1L);
    code = curl_easy_perform(curl);
    return code != CURLE_OK ? explain_failure(t, code, reply) : take_shown(curl, t, reply);
}

/* --- The way ---------------------------------------------------------------------------------- */

/* The proxy's address is the one that is looked at when it is connected to; what the URL itself
 * says is looked at here, and what a name stands for is the proxy's to know. */
static bool target_is_allowed(const char *url)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {.any.sa_family = AF_UNSPEC};
    CURLU *parts = curl_url();
    char *host = NULL, *zone;
    bool allowed = false;

    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        zone = host + strcspn(host, "]%");
        allowed = true;
        if (*host == '[') {
            *zone = '\0';
            address.ipv6.sin6_family = AF_INET6;
            allowed = inet_pton(AF_INET6, host + 1, &address.ipv6.sin6_addr) == 1 &&
                      address_is_allowed(&address.any, sizeof address.ipv6);
        } else if (inet_pton(AF_INET, host, &address.ipv4.sin_addr) == 1) {
            address.ipv4.sin_family = AF_INET;
            allowed = address_is_allowed(&address.any, sizeof address.ipv4);
        }
    }
    curl_free(host);
    curl_url_cleanup(parts);
    return allowed;
}

static int set_proxy(CURL *curl, Transaction *t)
{
    const FetchRoute *route = &t->request->route;
    char name[PROXY_NAME_MAX + 3];

    (void)snprintf(name, sizeof name, strchr(route->proxy, ':') ? "[%s]" : "%s", route->proxy);
    SET(CURLOPT_PROXY, name);
    SET(CURLOPT_PROXYPORT, (long)route->proxy_port);
    SET(CURLOPT_PROXYTYPE, (long)CURLPROXY_HTTP);
    return 0;
}

static int set_source(CURL *curl, Transaction *t)
{
    char name[sizeof t->source + STRLEN("host!")];

    (void)snprintf(name, sizeof name, "host!%s", t->source);
    SET(CURLOPT_INTERFACE, name);
    return 0;
}

/* Returns 1 when it can be gone; else what is wrong is in the reply. */
static int set_route(CURL *curl, Transaction *t, Reply *reply)
{
    const FetchRoute *route = &t->request->route;
    int r = 0;

    if (route->source[0] && !source_find(route->source, route->source_ipv6, t->source))
        return reply_error(reply, "unreachable", "The interface %s has no %s address to come from",
                           route->source, route->source_ipv6 ? "IPv6" : "IPv4");
    if (route->proxy[0] && !target_is_allowed(t->request->url))
        return reply_error(reply, "unreachable",
                           "The server's address is link-local, multicast or unspecified: refused");
    if (t->source[0])
        r = set_source(curl, t);
    if (r >= 0 && route->proxy[0])
        r = set_proxy(curl, t);
    return r < 0 ? r : 1;
}

static int run(CURL *curl, Transaction *t, Reply *reply)
{
    _cleanup_(curl_slist_free_allp) HeaderList *headers = NULL;
    CURLcode code;
    int r;

    r = set_protocol(curl, t);
    if (r >= 0)
        r = set_route(curl, t, reply);
    if (r <= 0)
        return r;
    r = set_limits(curl, t);
    if (r >= 0 && t->request->probe)
        return probe(curl, t, reply);
    if (r >= 0)
        r = set_tls(curl, t);
    if (r >= 0)
        r = set_credentials(curl, t);
    if (r >= 0)
        r = ssh_prepare(curl, &t->ssh);
    if (r >= 0)
        r = set_body(curl, t, &headers);
    if (r >= 0)
        r = set_etag(t, &headers);
    if (r < 0)
        return r;
    SET(CURLOPT_HTTPHEADER, headers);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return explain_failure(t, code, reply);
    return take_answer(curl, t, reply);
}

int transaction_run(const Request *request, Peer *peer, int client_fd, Reply *ret)
{
    _cleanup_close_ int body_fd = memfd_new("fetch-reply");
    Transaction t = {.request = request,
                     .anchors = {request->trust_anchors, request->trust_anchors_size},
                     .ssh = {.request = request},
                     .client_fd = client_fd,
                     .begun = clock_usec(CLOCK_MONOTONIC),
                     .judge = {.client_fd = request->judged ? client_fd : -EBADF},
                     .body_fd = body_fd};
    Reply reply = {.body_fd = -EBADF};
    int r = 0;

    if (body_fd < 0)
        return body_fd;
    refusal_begin();
    curl_easy_reset(peer->curl); /* which leaves the connection */
    if (request->certificates)
        r = client_key_new(request, &t.key);
    if (r == -EBADMSG)
        return reply_error(ret, "invalid",
                           "The request is refused: the client's certificates are malformed");
    if (r >= 0)
        r = run(peer->curl, &t, &reply);
    client_key_free(t.key);
    body_fd = t.body_fd; /* taken when it is part of the reply */
    if (r < 0) {
        reply_done(&reply);
        return r;
    }
    *ret = reply;
    return 0;
}
