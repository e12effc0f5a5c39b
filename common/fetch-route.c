/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch-route.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json-util.h"

#define PORT_MAX 65535U
#define CRL_TIMEOUT_MIN 5U
#define CRL_TIMEOUT_MAX 300U

bool interface_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length >= INTERFACE_NAME_SIZE || streq(name, ".") || streq(name, ".."))
        return false;
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '/' || *p == ':' || *p == ';')
            return false;
    return true;
}

bool proxy_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    struct in6_addr address;

    if (length == 0 || length > PROXY_NAME_MAX)
        return false;
    if (strchr(name, ':'))
        return inet_pton(AF_INET6, name, &address) == 1;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-' && *p != '_')
            return false;
    return *name != '-';
}

/* --- In messages ------------------------------------------------------------------------------ */

int fetch_route_write(const FetchRoute *route, bool is_http, json_object *o)
{
    const char *device = route->device[0] || !is_http ? route->device : route->http_device;
    int r = 0;

    if (device[0])
        r = json_add(o, "device", json_object_new_string(device));
    if (r >= 0 && route->source[0])
        r = json_add(o, "source", json_object_new_string(route->source));
    if (r >= 0 && route->source[0] && route->source_ipv6)
        r = json_add(o, "source-ipv6", json_object_new_boolean(true));
    if (r >= 0 && route->proxy[0])
        r = json_add(o, "proxy", json_object_new_string(route->proxy));
    if (r >= 0 && route->proxy[0])
        r = json_add(o, "proxy-port", json_object_new_int64(route->proxy_port));
    if (r >= 0 && route->address_names)
        r = json_add(o, "address-names", json_object_new_boolean(true));
    return r;
}

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EINVAL;
}

/* May be missing; else it has to be good. Returns 1 when it is there. */
static int read_text(json_object *o, const char *member, bool (*is_valid)(const char *text),
                     char *ret, size_t size)
{
    const char *text;
    int r = json_get_string(o, member, &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0 || !is_valid(text) || strlen(text) >= size)
        return -EINVAL;
    memcpy(ret, text, strlen(text) + 1);
    return 1;
}

static int read_proxy(json_object *o, FetchRoute *ret, const char **ret_reason)
{
    int host = read_text(o, "proxy", proxy_name_is_valid, ret->proxy, sizeof ret->proxy), port;
    uint64_t number = 0;

    port = json_get_uint64(o, "proxy-port", &number);
    if (host == 0 && port == -ENOENT)
        return 0;
    if (host <= 0 || port < 0 || number < 1 || number > PORT_MAX)
        return refuse(ret_reason, "\"proxy\" and \"proxy-port\" are no host and its port");
    ret->proxy_port = (unsigned)number;
    return 0;
}

int fetch_route_read(json_object *o, FetchRoute *ret, const char **ret_reason)
{
    FetchRoute route = {.device = ""};
    int r;

    if (read_text(o, "device", interface_name_is_valid, route.device, sizeof route.device) < 0)
        return refuse(ret_reason, "\"device\" is no name of an interface");
    r = read_text(o, "source", interface_name_is_valid, route.source, sizeof route.source);
    if (r < 0)
        return refuse(ret_reason, "\"source\" is no name of an interface");
    r = json_get_bool(o, "source-ipv6", &route.source_ipv6);
    if (r != -ENOENT && (r < 0 || !route.source_ipv6 || !route.source[0]))
        return refuse(ret_reason, "\"source-ipv6\" is there and not true, or \"source\" is not");
    r = json_get_bool(o, "address-names", &route.address_names);
    if (r != -ENOENT && (r < 0 || !route.address_names))
        return refuse(ret_reason, "\"address-names\" is there and not true");
    r = read_proxy(o, &route, ret_reason);
    if (r >= 0)
        *ret = route;
    return r;
}

/* --- As configured ---------------------------------------------------------------------------- */

typedef struct Reader {
    access_report_t report;
    void *userdata;
    int error;
} Reader;

static void problem(Reader *reader, const char *line, const char *reason)
{
    if (reader->report && reader->error >= 0)
        reader->error = reader->report(reader->userdata, line, reason);
}

static void read_source(Reader *reader, json_object *section, FetchRoute *route)
{
    static const char *const known[] = {"family", "interface", NULL};
    static const char line[] = "crypto ca source interface";
    const char *family, *name;
    json_object *o;
    int r = json_get_object(section, "source-interface", &o);

    if (r == -ENOENT)
        return;
    if (r < 0 || json_only_members(o, known) < 0 || json_get_string(o, "family", &family) < 0 ||
        json_get_string(o, "interface", &name) < 0 ||
        (!streq(family, "ipv4") && !streq(family, "ipv6")))
        problem(reader, line, "needs ipv4 or ipv6, and an interface");
    else if (!interface_name_is_valid(name))
        problem(reader, line, "must have the name of an interface, 1 to 15 characters");
    else {
        (void)snprintf(route->source, sizeof route->source, "%s", name);
        route->source_ipv6 = streq(family, "ipv6");
    }
}

static void read_http_proxy(Reader *reader, json_object *section, FetchRoute *route)
{
    static const char *const known[] = {"host", "port", NULL};
    static const char line[] = "crypto ca http-proxy";
    const char *host, *port;
    unsigned long number;
    json_object *o;
    int r = json_get_object(section, "http-proxy", &o);

    if (r == -ENOENT)
        return;
    if (r < 0 || json_only_members(o, known) < 0 || json_get_string(o, "host", &host) < 0 ||
        json_get_string(o, "port", &port) < 0) {
        problem(reader, line, "needs a host and a port");
        return;
    }
    number = strlen(port) <= 5 && strspn(port, "0123456789") == strlen(port)
                 ? strtoul(port, NULL, 10)
                 : 0;
    if (!proxy_name_is_valid(host))
        problem(reader, line,
                "must have the name or address of a host, 1 to 64 characters, and no URL");
    else if (number < 1 || number > PORT_MAX)
        problem(reader, line, "must have a port from 1 to 65535");
    else {
        (void)snprintf(route->proxy, sizeof route->proxy, "%s", host);
        route->proxy_port = (unsigned)number;
    }
}

static void read_timeout(Reader *reader, json_object *section, unsigned *ret)
{
    uint64_t seconds;
    int r = json_get_uint64(section, "crl-timeout", &seconds);

    if (r == -ENOENT)
        return;
    if (r < 0 || seconds < CRL_TIMEOUT_MIN || seconds > CRL_TIMEOUT_MAX)
        problem(reader, "crypto ca crl curl-timeout", "must be 5 to 300 seconds");
    else
        *ret = (unsigned)seconds;
}

static void read_http_client(Reader *reader, json_object *section, FetchRoute *route)
{
    static const char *const known[] = {"vrf", NULL};
    const char *vrf;
    json_object *o;
    int r = json_get_object(section, "http-client", &o);

    if (r == -ENOENT)
        return;
    if (r < 0 || json_only_members(o, known) < 0 || json_get_string(o, "vrf", &vrf) < 0 ||
        !interface_name_is_valid(vrf))
        problem(reader, "http client vrf",
                "must have the name of the VRF's interface, 1 to 15 characters");
    else
        (void)snprintf(route->http_device, sizeof route->http_device, "%s", vrf);
}

int fetch_access_read(json_object *section, access_report_t report, void *userdata,
                      FetchAccess *ret)
{
    static const char *const known[] = {"source-interface", "http-proxy",         "crl-timeout",
                                        "http-client",      "fqdn-check-address", NULL};
    Reader reader = {report, userdata, 0};

    *ret = (FetchAccess){.crl_timeout = CRL_TIMEOUT_DEFAULT};
    if (json_only_members(section, known) < 0)
        problem(&reader, "crypto ca", "has a line that this release does not know");
    read_source(&reader, section, &ret->route);
    read_http_proxy(&reader, section, &ret->route);
    read_timeout(&reader, section, &ret->crl_timeout);
    read_http_client(&reader, section, &ret->route);
    (void)json_get_bool(section, "fqdn-check-address", &ret->route.address_names);
    return reader.error < 0 ? reader.error : 0;
}

FetchRoute fetch_access_route(const FetchAccess *access, const char *device)
{
    FetchRoute route = access->route;

    (void)snprintf(route.device, sizeof route.device, "%s", device);
    return route;
}

bool fetch_route_equal(const FetchRoute *a, const FetchRoute *b)
{
    return streq(a->device, b->device) && streq(a->source, b->source) &&
           a->source_ipv6 == b->source_ipv6 && streq(a->proxy, b->proxy) &&
           a->proxy_port == b->proxy_port && streq(a->http_device, b->http_device) &&
           a->address_names == b->address_names;
}
