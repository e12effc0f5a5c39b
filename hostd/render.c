/* SPDX-License-Identifier: Apache-2.0 */
#include "render.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "hosts-file.h"
#include "json-util.h"
#include "label.h"

#define HEAD                                                                                       \
    "# Made by chancery-hostd from the configuration. Do not edit: see chancery-hostd(8).\n"

/* --- sshd ------------------------------------------------------------------------------------- */

static bool has_name(const NameList *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (streq(list->names[i], name))
            return true;
    return false;
}

bool sshd_serves_default(const Services *s)
{
    return s->ssh_v2 || s->ssh_vrfs.n == 0 || has_name(&s->ssh_vrfs, VRF_DEFAULT);
}

bool sshd_listens_as_told(const Services *s)
{
    return s->netconf_vrfs.n > 0 || s->ssh_vrfs.n > (has_name(&s->ssh_vrfs, VRF_DEFAULT) ? 1U : 0U);
}

/* Port 0: the ones of sshd's own configuration. */
static void put_listen(FILE *f, const char *vrf, unsigned port)
{
    static const char *const hosts[] = {"0.0.0.0", "[::]"};

    for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
        fprintf(f, "ListenAddress %s", hosts[i]);
        if (port > 0)
            fprintf(f, ":%u", port);
        if (!streq(vrf, VRF_DEFAULT))
            fprintf(f, " rdomain %s", vrf);
        fputc('\n', f);
    }
}

static void put_sshd(FILE *f, const Services *s)
{
    if (s->ssh_rate_limit > 0)
        fprintf(f, "MaxStartups %u:100:%u\n", s->ssh_rate_limit, s->ssh_rate_limit);
    if (!sshd_listens_as_told(s))
        return;
    if (sshd_serves_default(s))
        put_listen(f, VRF_DEFAULT, 0);
    for (size_t i = 0; i < s->ssh_vrfs.n; i++)
        if (!streq(s->ssh_vrfs.names[i], VRF_DEFAULT))
            put_listen(f, s->ssh_vrfs.names[i], 0);
    for (size_t i = 0; i < s->netconf_vrfs.n; i++)
        put_listen(f, s->netconf_vrfs.names[i], NETCONF_PORT);
}

char *render_sshd(const Services *services)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fputs(HEAD, f);
    put_sshd(f, services);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

/* --- snmpd ------------------------------------------------------------------------------------ */

char *render_snmpd(const Services *services)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fputs(HEAD, f);
    /* The PKI's notifications come from an agent of their own, which is in this group. */
    if (services->traps_pki)
        fputs("master agentx\nagentXPerms 0660 0711 root chancery-snmp\n", f);
    for (size_t i = 0; i < services->communities.n; i++)
        fprintf(f, "rocommunity %s\nrocommunity6 %s\n", services->communities.names[i],
                services->communities.names[i]);
    for (size_t i = 0; i < services->n_trap_hosts; i++)
        fprintf(f, "trap2sink %s %s\n", services->trap_hosts[i].address,
                services->trap_hosts[i].community);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

char *render_snmp_agent(const Services *services)
{
    return strdup(services->traps_pki ? HEAD "traps pki\n" : "");
}

/* --- Names of hosts --------------------------------------------------------------------------- */

static bool is_address(json_object *o)
{
    struct in6_addr any;
    const char *text = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";

    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

/* One line for each address. The default domain completes names without one; the other way round
 * its hosts have short names. */
static void put_host(FILE *f, const char *name, const char *domain, json_object *addresses)
{
    const char *dot = strchr(name, '.');

    if (!hostname_is_valid(name) || !json_object_is_type(addresses, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(addresses); i++) {
        if (!is_address(json_object_array_get_idx(addresses, i)))
            continue;
        fprintf(f, "%s %s", json_object_get_string(json_object_array_get_idx(addresses, i)), name);
        if (domain && !dot && strlen(name) + 1 + strlen(domain) <= HOSTS_NAME_MAX)
            fprintf(f, " %s.%s", name, domain);
        else if (domain && dot && streq(dot + 1, domain))
            fprintf(f, " %.*s", (int)(dot - name), name);
        fputc('\n', f);
    }
}

static void put_hosts(FILE *f, json_object *section, const char *member, const char *domain)
{
    json_object *hosts;

    if (json_get_object(section, member, &hosts) < 0)
        return;
    json_object_object_foreach(hosts, name, addresses)
    {
        put_host(f, name, domain, addresses);
    }
}

/* The router's own name with its domain, at the address that Debian gives it. */
static void put_own_name(FILE *f, json_object *system, const char *domain)
{
    const char *name;

    if (json_get_string(system, "hostname", &name) >= 0 && hostname_is_valid(name) &&
        !strchr(name, '.') && strlen(name) + 1 + strlen(domain) <= HOSTS_NAME_MAX)
        fprintf(f, "127.0.1.1 %s.%s %s\n", name, domain, name);
}

char *render_hosts(json_object *system)
{
    const char *name = NULL;
    json_object *domain;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fputs(HEAD, f);
    if (json_get_object(system, "domain", &domain) >= 0) {
        if (json_get_string(domain, "name", &name) < 0 || !hostname_is_valid(name))
            name = NULL;
        if (name)
            put_own_name(f, system, name);
        put_hosts(f, domain, "ipv4-host", name);
        put_hosts(f, domain, "ipv6-host", name);
    }
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}
