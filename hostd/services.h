/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration section "services", typed. Strings are borrowed from the section. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define SERVICES_LIST_MAX 256U /* CONFIG_ITEMS_MAX of policyd's */
#define VRF_DEFAULT "default"
#define VRF_NAME_MAX 15U /* of a network device's name */

typedef struct NameList {
    const char *names[SERVICES_LIST_MAX];
    size_t n;
} NameList;

typedef struct TrapHost {
    const char *address, *community;
} TrapHost;

typedef struct Services {
    bool ssh_v2;
    unsigned ssh_rate_limit; /* 0: none */
    NameList ssh_vrfs, netconf_vrfs;
    bool netconf_agent_ssh;
    NameList communities;
    TrapHost trap_hosts[SERVICES_LIST_MAX];
    size_t n_trap_hosts;
    bool traps_pki;
} Services;

/* Nothing unknown passes. -EBADMSG when something is not what policyd's grammar lets through. */
int services_read(json_object *section, Services *ret);

static inline bool services_have_ssh(const Services *s)
{
    return s->ssh_v2 || s->ssh_rate_limit > 0 || s->ssh_vrfs.n > 0 || s->netconf_vrfs.n > 0 ||
           s->netconf_agent_ssh;
}

static inline bool services_have_snmp(const Services *s)
{
    return s->communities.n > 0 || s->n_trap_hosts > 0 || s->traps_pki;
}

static inline bool services_have_traps(const Services *s)
{
    return s->traps_pki;
}
