/* SPDX-License-Identifier: Apache-2.0 */
#include "services.h"

#include <arpa/inet.h>

#include "json-util.h"
#include "label.h"

#define RATE_LIMIT_MAX 600U

static int read_true(json_object *o, const char *name, bool *ret)
{
    int r = json_get_bool(o, name, ret);

    if (r == -ENOENT)
        return 0;
    return r < 0 ? r : *ret ? 0 : -EBADMSG;
}

static int read_names(json_object *o, const char *name, NameList *ret)
{
    json_object *array;
    int r = json_get_array(o, name, &array);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (json_object_array_length(array) > SERVICES_LIST_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        json_object *item = json_object_array_get_idx(array, i);

        if (!json_object_is_type(item, json_type_string) ||
            !label_is_valid(json_object_get_string(item)) ||
            strlen(json_object_get_string(item)) != (size_t)json_object_get_string_len(item))
            return -EBADMSG;
        ret->names[ret->n++] = json_object_get_string(item);
    }
    return 0;
}

static int read_ssh(json_object *ssh, Services *s)
{
    static const char *const members[] = {"v2", "rate-limit", "vrf", "netconf", NULL};
    static const char *const netconf_members[] = {"vrf", NULL};
    json_object *netconf;
    uint64_t limit = 0;
    int r = json_only_members(ssh, members);

    if (r >= 0)
        r = read_true(ssh, "v2", &s->ssh_v2);
    if (r >= 0)
        r = read_names(ssh, "vrf", &s->ssh_vrfs);
    if (r < 0)
        return r;
    r = json_get_uint64(ssh, "rate-limit", &limit);
    if ((r < 0 && r != -ENOENT) || (r >= 0 && (limit < 1 || limit > RATE_LIMIT_MAX)))
        return -EBADMSG;
    s->ssh_rate_limit = (unsigned)limit;
    r = json_get_object(ssh, "netconf", &netconf);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = json_only_members(netconf, netconf_members);
    return r < 0 ? r : read_names(netconf, "vrf", &s->netconf_vrfs);
}

static int read_netconf(json_object *netconf, Services *s)
{
    static const char *const members[] = {"agent", NULL}, *const agent_members[] = {"ssh", NULL};
    json_object *agent;
    int r = json_only_members(netconf, members);

    if (r >= 0)
        r = json_get_object(netconf, "agent", &agent);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = json_only_members(agent, agent_members);
    return r < 0 ? r : read_true(agent, "ssh", &s->netconf_agent_ssh);
}

static int read_hosts(json_object *snmp, Services *s)
{
    struct in_addr address;
    json_object *hosts;
    int r = json_get_object(snmp, "host", &hosts);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if ((size_t)json_object_object_length(hosts) > SERVICES_LIST_MAX)
        return -EBADMSG;
    json_object_object_foreach(hosts, name, unused)
    {
        const char *community;

        (void)unused;
        r = json_get_string(hosts, name, &community);
        if (r < 0 || inet_pton(AF_INET, name, &address) != 1 || !label_is_valid(community))
            return -EBADMSG;
        s->trap_hosts[s->n_trap_hosts++] = (TrapHost){name, community};
    }
    return 0;
}

static int read_snmp(json_object *snmp, Services *s)
{
    static const char *const members[] = {"community", "host", "traps", NULL},
                             *const trap_members[] = {"pki", NULL};
    json_object *traps;
    int r = json_only_members(snmp, members);

    if (r >= 0)
        r = read_names(snmp, "community", &s->communities);
    if (r >= 0)
        r = read_hosts(snmp, s);
    if (r >= 0)
        r = json_get_object(snmp, "traps", &traps);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = json_only_members(traps, trap_members);
    return r < 0 ? r : read_true(traps, "pki", &s->traps_pki);
}

int services_read(json_object *section, Services *ret)
{
    static const char *const members[] = {"ssh", "netconf-yang", "snmp", NULL};
    static const struct {
        const char *name;
        int (*read)(json_object *o, Services *s);
    } parts[] = {{"ssh", read_ssh}, {"netconf-yang", read_netconf}, {"snmp", read_snmp}};
    int r = json_only_members(section, members);

    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++) {
        json_object *o;

        r = json_get_object(section, parts[i].name, &o);
        if (r >= 0)
            r = parts[i].read(o, ret);
        else if (r == -ENOENT)
            r = 0;
    }
    return r;
}
