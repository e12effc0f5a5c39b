/* SPDX-License-Identifier: Apache-2.0 */
#include "tftp-client.h"

#include <strings.h>

#define SCHEME "tftp://"
#define TIMEOUT_SECONDS 60U
#define URL_MAX 800U
#define ANSWER_MAX 64U

/* --- URLs ------------------------------------------------------------------------------------- */

static bool has_scheme(const char *url)
{
    return strncasecmp(url, SCHEME, STRLEN(SCHEME)) == 0;
}

bool tftp_url_is(const char *url)
{
    return has_scheme(url) || (!strstr(url, "://") && strchr(url, ';'));
}

/* Its parts: host, what stands between ';' and '/', what follows the '/'. */
typedef struct Parts {
    const char *host, *vrf, *path;
    size_t host_size, vrf_size;
} Parts;

static Parts split(const char *url)
{
    const char *host = has_scheme(url) ? url + STRLEN(SCHEME) : url;
    size_t authority = strcspn(host, "/");
    const char *semicolon = memchr(host, ';', authority);
    const char *path = host + authority;

    return (Parts){
        .host = host,
        .host_size = semicolon ? (size_t)(semicolon - host) : authority,
        .vrf = semicolon ? semicolon + 1 : NULL,
        .vrf_size = semicolon ? authority - (size_t)(semicolon + 1 - host) : 0,
        .path = *path ? path + 1 : path,
    };
}

int tftp_url_check(const char *url, char ret_vrf[INTERFACE_NAME_SIZE], const char **ret_reason)
{
    const Parts parts = split(url);
    char vrf[INTERFACE_NAME_SIZE] = "";
    _cleanup_free_ char *plain = NULL;

    if (parts.vrf && parts.vrf_size < sizeof(vrf))
        (void)snprintf(vrf, sizeof(vrf), "%.*s", (int)parts.vrf_size, parts.vrf);
    if (asprintf(&plain, SCHEME "%.*s/%s", (int)parts.host_size, parts.host, parts.path) < 0) {
        plain = NULL;
        return -ENOMEM;
    }
    if (strlen(url) > URL_MAX)
        *ret_reason = "the URL is longer than 800 characters";
    else if (parts.vrf && !interface_name_is_valid(vrf))
        *ret_reason = "the VRF in the URL is no name of an interface, of 1 to 15 characters";
    else if (strpbrk(parts.path, "?#;"))
        *ret_reason = "the name of the files holds '?', '#' or ';'";
    else if (fetch_url_check_file(plain, ret_reason) < 0)
        return -EINVAL;
    else {
        (void)snprintf(ret_vrf, INTERFACE_NAME_SIZE, "%s", vrf);
        return 0;
    }
    return -EINVAL;
}

int tftp_url_new(const char *base, const char *name, KeyPair pair, const char *suffix, char **ret)
{
    static const char *const infixes[_PAIR_MAX] = {
        [PAIR_GENERAL] = "", [PAIR_SIGNATURE] = "-sign", [PAIR_ENCRYPTION] = "-encr"};
    const Parts parts = split(base);
    /* A folder only: the router's name is that of the files. */
    size_t n = strlen(parts.path);
    bool named = n > 0 && parts.path[n - 1] != '/';

    return asprintf(ret, SCHEME "%.*s/%s%s%s.%s", (int)parts.host_size, parts.host, parts.path,
                    named ? "" : name, infixes[pair], suffix) < 0
               ? -ENOMEM
               : 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

static int explain(char reason[TFTP_REASON_SIZE], int error, const char *url, const char *why)
{
    (void)snprintf(reason, TFTP_REASON_SIZE, "%.300s: %.180s", url, why);
    return error;
}

static int transfer(const FetchRequest *request, int cancel_fd, FetchReply *reply,
                    char reason[TFTP_REASON_SIZE])
{
    int r = fetch(request, cancel_fd, reply);

    if (r == -EMSGSIZE)
        return explain(reason, r, request->url, "the file is too large");
    if (r < 0)
        return explain(reason, r, request->url, reply->error ? reply->error : strerror(-r));
    return 0;
}

int tftp_get(const char *url, const FetchRoute *route, int cancel_fd, ReceivedList *ret,
             char reason[TFTP_REASON_SIZE])
{
    const FetchRequest request = {.url = url,
                                  .size_max = RECEIVED_SIZE_MAX,
                                  .timeout_seconds = TIMEOUT_SECONDS,
                                  .route = route};
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    const char *why = "";
    int r = transfer(&request, cancel_fd, &reply, reason);

    if (r < 0)
        return r;
    r = received_parse(reply.body ? reply.body : "", reply.body_size, ret, &why);
    return r == -EBADMSG || r == -EMSGSIZE ? explain(reason, r, url, why) : r;
}

int tftp_put(const char *url, const FetchRoute *route, int cancel_fd, const char *text,
             char reason[TFTP_REASON_SIZE])
{
    const FetchRequest request = {.url = url,
                                  .body = text,
                                  .body_size = strlen(text),
                                  .size_max = ANSWER_MAX,
                                  .timeout_seconds = TIMEOUT_SECONDS,
                                  .route = route};
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};

    return transfer(&request, cancel_fd, &reply, reason);
}
