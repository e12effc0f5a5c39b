/* SPDX-License-Identifier: Apache-2.0 */
#include "est-url.h"

#include <strings.h>

#include "cleanup.h"
#include "fetch-url.h"

#define WELL_KNOWN "/.well-known/est"

int est_url_check(const char *url, const char **ret_reason)
{
    int r = fetch_url_check(url, ret_reason);

    if (r < 0)
        return r;
    if (strncasecmp(url, "https://", STRLEN("https://")) != 0)
        *ret_reason = "the URL of an EST server begins with https://";
    else if (strpbrk(url, "?#"))
        *ret_reason = "the URL of an EST server has neither a query nor a fragment";
    else if (strlen(url) > EST_URL_MAX)
        *ret_reason = "the URL is longer than 800 characters";
    else
        return 0;
    return -EINVAL;
}

int est_url_new(const char *base, const char *operation, char **ret)
{
    const char *host = base + STRLEN("https://"), *path = host + strcspn(host, "/");
    size_t size = strlen(base);

    while (size > 0 && base[size - 1] == '/')
        size--;
    return asprintf(ret, "%.*s%s/%s", (int)size, base, path[strspn(path, "/")] ? "" : WELL_KNOWN,
                    operation) < 0
               ? -ENOMEM
               : 0;
}
