/* SPDX-License-Identifier: Apache-2.0 */
#include "scep-url.h"

#include <ctype.h>

#include "cleanup.h"
#include "fetch-url.h"

#define DEFAULT_PATH "/cgi-bin/pkiclient.exe"

int scep_url_check(const char *url, const char **ret_reason)
{
    int r = fetch_url_check(url, ret_reason);

    if (r < 0)
        return r;
    if (strncasecmp(url, "http://", STRLEN("http://")) != 0)
        *ret_reason =
            "the URL of a SCEP server begins with http://: its messages protect themselves";
    else if (strchr(url, '#'))
        *ret_reason = "the URL has a fragment";
    else if (strlen(url) > SCEP_URL_MAX)
        *ret_reason = "the URL is longer than 800 characters";
    else
        return 0;
    return -EINVAL;
}

/* With a host only, the path is the one that SCEP servers began with; any other stands as it is. */
static const char *default_path(const char *url)
{
    const char *host = url + STRLEN("http://"), *rest = host + strcspn(host, "/?");

    if (*rest == '\0')
        return DEFAULT_PATH;
    return streq(rest, "/") ? &DEFAULT_PATH[1] : "";
}

static char *escape(const char *text)
{
    char *out = malloc(3 * strlen(text) + 1), *p = out;

    for (; out && *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            *p++ = *text;
        else
            p += snprintf(p, 4, "%%%02X", (unsigned char)*text);
    if (out)
        *p = '\0';
    return out;
}

int scep_url_new(const char *base, const char *operation, const char *message, char **ret)
{
    _cleanup_free_ char *escaped = message ? escape(message) : NULL;
    char *url;

    if (message && !escaped)
        return -ENOMEM;
    if (asprintf(&url, "%s%s%coperation=%s%s%s", base, default_path(base),
                 strchr(base, '?') ? '&' : '?', operation, escaped ? "&message=" : "",
                 escaped ? escaped : "") < 0)
        return -ENOMEM;
    if (strlen(url) > FETCH_URL_MAX) {
        free(url);
        return -EMSGSIZE;
    }
    *ret = url;
    return 0;
}
