/* SPDX-License-Identifier: Apache-2.0 */
#include "cmp-message.h"

#include <strings.h>

#include "cleanup.h"
#include "fetch-url.h"

int cmp_url_check(const char *url, const char **ret_reason)
{
    int r = fetch_url_check(url, ret_reason);

    if (r < 0)
        return r;
    if (strncasecmp(url, "http://", STRLEN("http://")) != 0)
        *ret_reason =
            "the URL of a CMP server begins with http://: its messages protect themselves";
    else if (strpbrk(url, "?#"))
        *ret_reason = "the URL of a CMP server has neither a query nor a fragment";
    else if (strlen(url) > CMP_URL_MAX)
        *ret_reason = "the URL is longer than 800 characters";
    else
        return 0;
    return -EINVAL;
}

int cmp_url_new(const char *url, char **ret)
{
    const char *host = url + STRLEN("http://"), *path = host + strcspn(host, "/");

    if (path[strspn(path, "/")])
        return (*ret = strdup(url)) ? 0 : -ENOMEM;
    return asprintf(ret, "%.*s/.well-known/cmp", (int)(path - url), url) < 0 ? -ENOMEM : 0;
}
