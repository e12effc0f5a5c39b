/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer-names.h"

#include "cleanup.h"
#include "fetch-url.h"
#include "names.h"

#define UNIT_NAME_MAX 128U

bool consumer_unit_is_valid(const char *name)
{
    static const char suffix[] = ".service",
                      characters[] =
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@-";
    size_t n = strlen(name);

    return n > STRLEN(suffix) && n <= UNIT_NAME_MAX && streq(name + n - STRLEN(suffix), suffix) &&
           strspn(name, characters) == n && strncmp(name, USER_PREFIX, STRLEN(USER_PREFIX)) != 0;
}

static bool port_is_valid(const char *text)
{
    size_t n = strspn(text, "0123456789");
    long port = n >= 1 && n <= 5 ? strtol(text, NULL, 10) : 0;

    return !text[n] && port >= 1 && port <= 65535;
}

bool consumer_address_is_valid(const char *address)
{
    const char *colon = strrchr(address, ':'), *reason;
    _cleanup_free_ char *url = NULL;

    if (!colon || colon == address || !port_is_valid(colon + 1) || strpbrk(address, "/?#@"))
        return false;
    /* Other colons are those of an IPv6 address. */
    if (strchr(address, ':') != colon && (address[0] != '[' || colon[-1] != ']'))
        return false;
    if (asprintf(&url, "https://%s/", address) < 0) {
        url = NULL;
        return false;
    }
    return fetch_url_check(url, &reason) >= 0;
}

char **consumers_free(char **strings)
{
    for (char **s = strings; s && *s; s++)
        free(*s);
    free(strings);
    return NULL;
}

int consumers_copy(char *const *from, char ***ret)
{
    char **copy = calloc(CONSUMERS_MAX + 1, sizeof(*copy));

    for (size_t i = 0; copy && from && i < CONSUMERS_MAX && from[i]; i++)
        if (!(copy[i] = strdup(from[i]))) {
            consumers_free(copy);
            return -ENOMEM;
        }
    *ret = copy;
    return copy ? 0 : -ENOMEM;
}
