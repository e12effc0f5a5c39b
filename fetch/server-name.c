/* SPDX-License-Identifier: Apache-2.0 */
#include "server-name.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <string.h>

static bool is_address(const char *text)
{
    struct in6_addr address;

    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* Without the brackets and the zone of IPv6. */
static char *bare(char *host)
{
    if (*host != '[')
        return host;
    host[strcspn(host, "]%")] = '\0';
    return host + 1;
}

int server_name_use(SSL_CTX *context, const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL, *name;
    int r = -ENOMEM;

    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        name = bare(host);
        r = !is_address(name) ||
                    X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), name) == 1
                ? 0
                : -ENOMEM;
    }
    curl_free(host);
    curl_url_cleanup(parts);
    return r;
}
