/* SPDX-License-Identifier: Apache-2.0 */
/* The types of arguments: a row for each. */
#include <arpa/inet.h>
#include <ctype.h>

#include "grammar-internal.h"
#include "label.h"
#include "nonce.h"

static bool check_any(const char *value)
{
    return true;
}

static bool check_number(const char *value)
{
    return value[strspn(value, "0123456789")] == '\0' && strlen(value) <= 19;
}

static bool check_ipv4(const char *value)
{
    struct in_addr address;

    return inet_pton(AF_INET, value, &address) == 1;
}

static bool check_ipv6(const char *value)
{
    struct in6_addr address;

    return inet_pton(AF_INET6, value, &address) == 1;
}

/* scheme://something, in visible ASCII (RFC 3986). What may follow the scheme is the business of
 * whoever opens it. */
static bool check_url(const char *value)
{
    const char *colon = strchr(value, ':');

    if (!colon || !isalpha((unsigned char)value[0]) || strncmp(colon, "://", 3) != 0 || !colon[3])
        return false;
    for (const char *p = value; p < colon; p++)
        if (!isalnum((unsigned char)*p) && !strchr("+-.", *p))
            return false;
    for (const char *p = colon; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return true;
}

/* The same, or the router's "HOST;VRF/NAME" of a TFTP server. */
static bool check_place(const char *value)
{
    for (const char *p = value; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return check_url(value) || (strchr(value, ';') && !strstr(value, "://"));
}

static const GrammarType types[] = {
    {"word", "WORD", check_any, false, false, false, NULL},
    {"label", "WORD", label_is_valid, false, false, false, NULL},
    {"hostname", "WORD", hostname_is_valid, false, false, false, NULL},
    {"url", "WORD", check_url, false, false, false, NULL},
    {"place", "WORD", check_place, false, false, false, NULL},
    {"nonce", "WORD", nonce_is_valid, false, false, false, NONCE_RULE},
    {"ipv4", "A.B.C.D", check_ipv4, false, false, false, NULL},
    {"ipv6", "X:X::X", check_ipv6, false, false, false, NULL},
    {"quoted", "WORD", check_any, false, false, true, NULL},
    {"line", "LINE", check_any, false, true, false, NULL},
    {"number", NULL, check_number, true, false, false, NULL},
};

const GrammarType *grammar_type_find(const char *name, size_t length)
{
    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        if (strlen(types[i].name) == length && strncmp(types[i].name, name, length) == 0)
            return &types[i];
    return NULL;
}

bool grammar_accepts(const GrammarInstruction *argument, const char *value)
{
    const GrammarType *type = argument->type;
    uint64_t size = strlen(value);

    if (size == 0 && !type->is_quoted)
        return false;
    if (!type->check(value))
        return false;
    if (type->is_number)
        size = strtoull(value, NULL, 10);
    return size >= argument->min && size <= argument->max;
}
