/* SPDX-License-Identifier: Apache-2.0 */
#include "tftp-url.h"

#include <ctype.h>
#include <strings.h>

#include "fetch-url.h"

#define SCHEME "tftp://"
#define SFTP_SCHEME "sftp://"
#define SFTP_USER_MAX 64U
#define URL_MAX 800U

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
    const char *host = url + (has_scheme(url)          ? STRLEN(SCHEME)
                              : fetch_url_is_sftp(url) ? STRLEN(SFTP_SCHEME)
                                                       : 0);
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

bool sftp_user_is_valid(const char *user)
{
    for (const char *p = user; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
            return false;
    return *user && strlen(user) <= SFTP_USER_MAX;
}

int sftp_url_check(const char *url, const char **ret_reason)
{
    const Parts parts = split(url);
    _cleanup_free_ char *full = NULL;

    if (parts.host_size > strlen(url) || memchr(parts.host, '@', parts.host_size)) {
        *ret_reason = "the user is named by 'sftp-username', not by the URL";
        return -EINVAL;
    }
    if (strlen(url) > URL_MAX || strpbrk(parts.path, "?#;") || parts.vrf) {
        *ret_reason = "the URL is longer than 800 characters, or holds '?', '#' or ';'";
        return -EINVAL;
    }
    /* As it is asked for. */
    if (asprintf(&full, SFTP_SCHEME "user@%s", parts.host) < 0) {
        full = NULL;
        return -ENOMEM;
    }
    return fetch_url_check_file(full, ret_reason);
}

int tftp_url_new(const char *base, const char *user, const char *name, KeyPair pair,
                 const char *suffix, char **ret)
{
    static const char *const infixes[_PAIR_MAX] = {
        [PAIR_GENERAL] = "", [PAIR_SIGNATURE] = "-sign", [PAIR_ENCRYPTION] = "-encr"};
    const Parts parts = split(base);
    /* A folder only: the router's name is that of the files. */
    size_t n = strlen(parts.path);
    bool named = n > 0 && parts.path[n - 1] != '/';

    return asprintf(ret, "%s%s%s%.*s/%s%s%s.%s", user ? SFTP_SCHEME : SCHEME, user ? user : "",
                    user ? "@" : "", (int)parts.host_size, parts.host, parts.path,
                    named ? "" : name, infixes[pair], suffix) < 0
               ? -ENOMEM
               : 0;
}
