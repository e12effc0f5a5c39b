/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch-url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"

/* What follows the scheme and "://", or NULL when the URL has another scheme. */
static const char *skip_scheme(const char *url, const char *const *schemes)
{
    for (; *schemes; schemes++)
        if (strncasecmp(url, *schemes, strlen(*schemes)) == 0)
            return url + strlen(*schemes);
    return NULL;
}

static const char *const schemes_http[] = {"http://", "https://", NULL};
static const char *const schemes_unattended[] = {"http://", "https://", "ftp://", "tftp://", NULL};
static const char *const schemes_ssh[] = {"sftp://", "scp://", NULL};

/* The user of sftp and scp: a name, and no password behind it. */
static const char *find_user_fault(const char *user, size_t length)
{
    if (length == 0)
        return "the URL has no user before the host, which sftp and scp need";
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)user[i]) && !strchr("._-", user[i]))
            return "the URL holds a password, or a user whose name has other characters than "
                   "letters, digits, '.', '_' and '-'";
    return NULL;
}

static const char *const schemes_crl[] = {"http://", "ldap://", NULL};

static const char *find_fault(const char *url, const char *host)
{
    size_t authority = strcspn(host, "/?#");
    const char *at = memchr(host, '@', authority), *fault = NULL;

    if (strlen(url) > FETCH_URL_MAX)
        return "the URL is too long";
    if (fetch_url_is_ssh(url)) {
        fault = find_user_fault(host, at ? (size_t)(at - host) : 0);
        if (fault)
            return fault;
        authority -= (size_t)(at + 1 - host);
        host = at + 1;
        at = memchr(host, '@', authority);
    }
    if (authority == 0 || *host == ':')
        return "the URL has no host";
    if (at)
        return "the URL holds a user name or password, which is not supported";
    for (const char *p = url; *p; p++)
        if (*p <= 0x20 || *p > 0x7e || strchr("\"<>\\^`{|}", *p))
            return "the URL holds characters that have to be percent-encoded";
    return NULL;
}

int fetch_url_check(const char *url, const char **ret_reason)
{
    const char *host = skip_scheme(url, schemes_http);

    *ret_reason = host ? find_fault(url, host) : "the URL does not begin with http:// or https://";
    return *ret_reason ? -EINVAL : 0;
}

int fetch_url_check_file(const char *url, const char **ret_reason)
{
    const char *host = skip_scheme(url, schemes_unattended) ?: skip_scheme(url, schemes_ssh);

    *ret_reason = host ? find_fault(url, host)
                       : "the URL does not begin with http://, https://, ftp://, tftp://, sftp:// "
                         "or scp://";
    return *ret_reason ? -EINVAL : 0;
}

int fetch_url_check_crl(const char *url, const char **ret_reason)
{
    const char *host = skip_scheme(url, schemes_crl);

    *ret_reason = host ? find_fault(url, host) : "the URL does not begin with http:// or ldap://";
    return *ret_reason ? -EINVAL : 0;
}

int fetch_url_check_any(const char *url, const char **ret_reason)
{
    return skip_scheme(url, schemes_crl) ? fetch_url_check_crl(url, ret_reason)
                                         : fetch_url_check_file(url, ret_reason);
}

int fetch_url_check_unattended(const char *url, const char **ret_reason)
{
    const char *host = skip_scheme(url, schemes_unattended);

    *ret_reason = host ? find_fault(url, host)
                  : fetch_url_is_ssh(url)
                      ? "somebody has to be there to enter the password of sftp "
                        "or scp"
                      : "the URL does not begin with http://, https://, ftp:// "
                        "or tftp://";
    return *ret_reason ? -EINVAL : 0;
}

bool fetch_url_is_ssh(const char *url)
{
    return skip_scheme(url, schemes_ssh);
}

bool fetch_url_is_sftp(const char *url)
{
    return strncasecmp(url, "sftp://", STRLEN("sftp://")) == 0;
}

char *fetch_url_user(const char *url)
{
    const char *user = skip_scheme(url, schemes_ssh) ?: "";

    return strndup(user, strcspn(user, "@"));
}

bool fetch_host_key_is_valid(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t prefix = STRLEN(FETCH_HOST_KEY_PREFIX);

    return strncmp(text, FETCH_HOST_KEY_PREFIX, prefix) == 0 &&
           strlen(text) == FETCH_HOST_KEY_SIZE - 1 &&
           strspn(text + prefix, digits) == strlen(text + prefix);
}

bool fetch_url_is_tftp(const char *url)
{
    return strncasecmp(url, "tftp://", STRLEN("tftp://")) == 0;
}

bool fetch_url_is_http(const char *url)
{
    return skip_scheme(url, schemes_http);
}

bool fetch_url_is_https(const char *url)
{
    return strncasecmp(url, "https:", STRLEN("https:")) == 0;
}
