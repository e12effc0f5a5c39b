/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "fetch-message.h"
#include "fetch-url.h"
#include "json-util.h"
#include "memfd.h"

Request *request_free(Request *request)
{
    if (request) {
        free(request->url);
        free(request->body);
        free(request->content_type);
        free(request->etag);
        free(request->trust_anchors);
        free(request->host_key);
        if (request->credentials)
            explicit_bzero(request->credentials, request->credentials_size);
        free(request->credentials);
        free(request->certificates);
        free(request);
    }
    return NULL;
}

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EINVAL;
}

static int parse_url(json_object *o, Request *request, const char **ret_reason)
{
    const char *url;

    if (json_get_string(o, "url", &url) < 0)
        return refuse(ret_reason, "\"url\" is missing or no string");
    if (fetch_url_check_any(url, ret_reason) < 0)
        return -EINVAL;
    request->url = strdup(url);
    return request->url ? 0 : -ENOMEM;
}

static int parse_limits(json_object *o, Request *request, const char **ret_reason)
{
    uint64_t size_max, timeout;

    if (json_get_uint64(o, "size-max", &size_max) < 0 || size_max > FETCH_REPLY_BODY_MAX)
        return refuse(ret_reason, "\"size-max\" is missing or out of range");
    if (json_get_uint64(o, "timeout-seconds", &timeout) < 0 || timeout < FETCH_TIMEOUT_MIN ||
        timeout > FETCH_TIMEOUT_MAX)
        return refuse(ret_reason, "\"timeout-seconds\" is missing or out of range");
    request->size_max = (size_t)size_max;
    request->timeout_seconds = (unsigned)timeout;
    return 0;
}

/* It becomes a line of the header that is sent: nothing in it may end that line. */
static int parse_content_type(json_object *o, bool has_body, Request *request,
                              const char **ret_reason)
{
    const char *text;
    int r = json_get_string(o, "content-type", &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || !has_body)
        return refuse(ret_reason, "\"content-type\" is no string, or there is no body");
    if (*text == 0 || strlen(text) > FETCH_CONTENT_TYPE_MAX)
        return refuse(ret_reason, "\"content-type\" is empty or too long");
    for (const char *p = text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            return refuse(ret_reason,
                          "\"content-type\" holds characters that are not printable ASCII");
    request->content_type = strdup(text);
    return request->content_type ? 0 : -ENOMEM;
}

/* As above. */
static int parse_etag(json_object *o, Request *request, const char **ret_reason)
{
    const char *text;
    int r = json_get_string(o, "etag", &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || !fetch_etag_is_valid(text) || !fetch_url_is_http(request->url))
        return refuse(ret_reason,
                      "\"etag\" is no printable string, or the URL is not one of http or https");
    request->etag = strdup(text);
    return request->etag ? 0 : -ENOMEM;
}

static int parse_host_key(json_object *o, Request *request, const char **ret_reason)
{
    const char *text;
    int r = json_get_string(o, "host-key", &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || !fetch_host_key_is_valid(text) || !fetch_url_is_ssh(request->url))
        return refuse(ret_reason,
                      "\"host-key\" is no SHA-256 fingerprint, or the URL is not one of "
                      "sftp or scp");
    request->host_key = strdup(text);
    return request->host_key ? 0 : -ENOMEM;
}

/* True or absent. */
static int parse_flag(json_object *o, const char *name, bool *ret)
{
    int r = json_get_bool(o, name, ret);

    if (r == -ENOENT) {
        *ret = false;
        return 0;
    }
    return r < 0 || !*ret ? -EINVAL : 0;
}

/* What comes with a request, in the order of its descriptors. */
typedef struct Attached {
    bool body, anchors, credentials, certificate;
} Attached;

static int read_file(const int **fd, size_t max, void **ret, size_t *ret_size,
                     const char **ret_reason, const char *reason)
{
    int r = memfd_read(*(*fd)++, max, ret, ret_size);

    return r < 0 && r != -ENOMEM ? refuse(ret_reason, reason) : r;
}

static int read_credentials(const int **fd, Request *request, const char **ret_reason)
{
    static const char reason[] = "the credentials are no user and password in a sealed memory file";
    void *text = NULL;
    int r =
        read_file(fd, FETCH_CREDENTIALS_MAX, &text, &request->credentials_size, ret_reason, reason);

    if (r < 0)
        return r;
    request->credentials = text;
    /* The user ends there, and the password with the file. */
    return memchr(text, 0, request->credentials_size) ? 0 : refuse(ret_reason, reason);
}

static int read_descriptors(const int *fd, const Attached *has, Request *request,
                            const char **ret_reason)
{
    int r = 0;

    if (has->body)
        r = read_file(&fd, FETCH_REQUEST_BODY_MAX, &request->body, &request->body_size, ret_reason,
                      "the body is no sealed memory file or too large");
    if (r >= 0 && has->anchors)
        r = read_file(&fd, FETCH_TRUST_ANCHORS_MAX, &request->trust_anchors,
                      &request->trust_anchors_size, ret_reason,
                      "the trust anchors are no sealed memory file or too large");
    if (r >= 0 && has->credentials)
        r = read_credentials(&fd, request, ret_reason);
    if (r >= 0 && has->certificate) {
        r = read_file(&fd, FETCH_CERTIFICATES_MAX, &request->certificates,
                      &request->certificates_size, ret_reason,
                      "the client's certificates are no sealed memory file or too large");
        request->key_fd = *fd;
    }
    return r;
}

/* Who is known to nobody is told nothing and asked nothing but what everybody may know. Where TLS
 * wants to know who asks, it may: what is signed is of no use in another connection. */
static int check_https(const Request *request, const Attached *has, const char **ret_reason)
{
    bool https = strncasecmp(request->url, "https:", STRLEN("https:")) == 0;

    if (https && request->trust_anchors_size == 0 && !request->unverified && !request->probe)
        return refuse(ret_reason, "https needs trust anchors");
    if (request->probe && !https)
        return refuse(ret_reason, "only https servers show a certificate");
    if (request->judged && (!https || request->unverified || request->probe))
        return refuse(ret_reason, "only an https server that is verified can be judged");
    if (!https && (request->unverified || has->certificate ||
                   (has->credentials && !fetch_url_is_ssh(request->url))))
        return refuse(ret_reason, "only https has a server to verify, and clients with secrets");
    if (request->unverified && (has->anchors || has->body || has->credentials))
        return refuse(ret_reason, "a server that is not verified is sent nothing");
    return 0;
}

/* The URL names the user; nobody else logs in. */
static int check_ssh(const Request *request, const Attached *has, const char **ret_reason)
{
    _cleanup_free_ char *user = NULL;

    if (!fetch_url_is_ssh(request->url))
        return 0;
    user = fetch_url_user(request->url);
    if (!request->host_key || !has->credentials || !user || !streq(request->credentials, user))
        return refuse(ret_reason, "sftp and scp need the fingerprint of the host key, and the "
                                  "password of the user in the URL");
    return 0;
}

int request_parse(json_object *o, const int *fds, size_t n_fds, Request **ret,
                  const char **ret_reason)
{
    static const char *const members[] = {"url",
                                          "size-max",
                                          "timeout-seconds",
                                          "body",
                                          "content-type",
                                          "trust-anchors",
                                          "host-key",
                                          "etag",
                                          "probe",
                                          "keep",
                                          "unverified",
                                          "judged",
                                          "credentials",
                                          "client-certificate",
                                          FETCH_ROUTE_MEMBERS,
                                          NULL};
    _cleanup_(request_freep) Request *request = calloc(1, sizeof *request);
    Attached has;
    int r;

    if (!request)
        return -ENOMEM;
    if (json_only_members(o, members) < 0)
        return refuse(ret_reason, "it has members that are not known");
    request->key_fd = -EBADF;
    if (parse_flag(o, "body", &has.body) < 0 || parse_flag(o, "trust-anchors", &has.anchors) < 0 ||
        parse_flag(o, "unverified", &request->unverified) < 0 ||
        parse_flag(o, "judged", &request->judged) < 0 ||
        parse_flag(o, "credentials", &has.credentials) < 0 ||
        parse_flag(o, "client-certificate", &has.certificate) < 0)
        return refuse(ret_reason, "something that may be true is there and not true");
    if (parse_flag(o, "probe", &request->probe) < 0 || (request->probe && n_fds > 0))
        return refuse(ret_reason, "\"probe\" is there and not true, or something comes with it");
    if (parse_flag(o, "keep", &request->keep) < 0)
        return refuse(ret_reason, "\"keep\" is there and not true");
    if (n_fds != (size_t)has.body + has.anchors + has.credentials + 2U * has.certificate)
        return refuse(ret_reason, "the number of descriptors does not match");
    r = parse_url(o, request, ret_reason);
    if (r >= 0)
        r = parse_limits(o, request, ret_reason);
    if (r >= 0)
        r = parse_content_type(o, has.body, request, ret_reason);
    if (r >= 0)
        r = parse_etag(o, request, ret_reason);
    if (r >= 0)
        r = parse_host_key(o, request, ret_reason);
    if (r >= 0)
        r = fetch_route_read(o, &request->route, ret_reason);
    if (r >= 0)
        r = read_descriptors(fds, &has, request, ret_reason);
    if (r < 0)
        return r;
    if (check_https(request, &has, ret_reason) < 0 || check_ssh(request, &has, ret_reason) < 0)
        return -EINVAL;
    if (request->route.proxy[0] && !fetch_url_is_http(request->url))
        return refuse(ret_reason, "only http and https go through an HTTP proxy");
    /* Who a server is, and who we are, is looked at for each request anew. */
    if (request->keep && (!fetch_url_is_http(request->url) || fetch_url_is_https(request->url)))
        return refuse(ret_reason, "only connections over http are kept");
    if (has.body && !fetch_url_is_http(request->url) && !fetch_url_is_tftp(request->url) &&
        !fetch_url_is_sftp(request->url))
        return refuse(ret_reason, "only http, https, tftp and sftp have a body to send");
    *ret = TAKE_PTR(request);
    return 0;
}
