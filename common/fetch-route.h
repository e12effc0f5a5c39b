/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a transaction goes. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#define INTERFACE_NAME_SIZE 16U /* as the kernel has it */
#define PROXY_NAME_MAX 64U

/* Empty: as the system's routes have it. */
typedef struct FetchRoute {
    char device[INTERFACE_NAME_SIZE]; /* sockets are bound to it: a VRF is one */
    char source[INTERFACE_NAME_SIZE]; /* connections come from its address */
    bool source_ipv6;                 /* from that of IPv6, else of IPv4 */
    char proxy[PROXY_NAME_MAX + 1];   /* http and https go through this host, and nothing else
                                         goes */
    unsigned proxy_port;
    char http_device[INTERFACE_NAME_SIZE]; /* of http and https, when there is no other device */
    bool address_names; /* an https server that is called by an address may have it as its common
                           name */
} FetchRoute;

bool interface_name_is_valid(const char *name);
bool fetch_route_equal(const FetchRoute *a, const FetchRoute *b);
/* A name, or an address of IPv4 or IPv6. */
bool proxy_name_is_valid(const char *name);

/* In the messages of fetch-client.h. Writing returns 0 or -ENOMEM, reading 0 or -EINVAL with
 * *ret_reason (static), half a sentence. */
int fetch_route_write(const FetchRoute *route, bool is_http, json_object *o);
int fetch_route_read(json_object *o, FetchRoute *ret, const char **ret_reason);

#define FETCH_ROUTE_MEMBERS                                                                        \
    "device", "source", "source-ipv6", "proxy", "proxy-port", "address-names"

/* How CAs and what belongs to them are reached: the configuration section "ca-access", all of it
 * optional: {"source-interface": {"family": "ipv4" or "ipv6", "interface": name}, "http-proxy":
 * {"host": name, "port": "8080"}, "crl-timeout": seconds, "http-client": {"vrf": name},
 * "fqdn-check-address": true}. */
#define CRL_TIMEOUT_DEFAULT 20U

typedef struct FetchAccess {
    FetchRoute route;     /* has no device but that of http */
    unsigned crl_timeout; /* seconds for each CRL, and each answer of a responder */
} FetchAccess;

typedef int (*access_report_t)(void *userdata, const char *line, const char *reason);

/* Every problem is reported (report may be NULL), and leaves what it is about as it is without
 * configuration. Returns 0 or what report() returned. */
int fetch_access_read(json_object *section, access_report_t report, void *userdata,
                      FetchAccess *ret);
/* By this device; "" for none. */
FetchRoute fetch_access_route(const FetchAccess *access, const char *device);
