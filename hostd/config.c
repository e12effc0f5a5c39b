/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of the configuration that are made effective here. */
#include <arpa/inet.h>
#include <fcntl.h>

#include "atomic-file.h"
#include "hostd.h"
#include "json-util.h"
#include "label.h"
#include "names.h"
#include "render.h"

#define SWITCH_FILE "/etc/nsswitch.conf"
#define SWITCH_MAX 65536U
#define SOURCE "chancery"
#define LINE_SIZE 320U

/* --- "system": domain ... --------------------------------------------------------------------- */

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        size_t n = strcspn(text, " \t");

        if (n == length && strncmp(text, word, n) == 0)
            return true;
        text += n;
    }
    return false;
}

/* Does the C library ask our source for the addresses of hosts? */
static bool system_resolves(void)
{
    _cleanup_free_ void *data = NULL;
    char *rest;
    size_t size;

    if (read_file_at(AT_FDCWD, SWITCH_FILE, SWITCH_MAX, &data, &size) < 0)
        return false;
    rest = data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        line[strcspn(line, "#")] = '\0';
        line += strspn(line, " \t");
        if (strncmp(line, "hosts:", STRLEN("hosts:")) == 0)
            return has_word(line + STRLEN("hosts:"), SOURCE);
    }
    return false;
}

typedef struct HostKind {
    const char *member, *word;
    int family;
    size_t addresses_max;
} HostKind;

static const HostKind host_kinds[] = {
    {"ipv4-host", "ipv4", AF_INET, 8},
    {"ipv6-host", "ipv6", AF_INET6, 4},
};

static bool is_address(json_object *o, int family)
{
    struct in6_addr any;

    return json_object_is_type(o, json_type_string) &&
           inet_pton(family, json_object_get_string(o), &any) == 1;
}

/* NULL when it is well. */
static const char *host_reason(const HostKind *kind, const char *name, json_object *addresses,
                               char reason[LINE_SIZE])
{
    if (!hostname_is_valid(name) || !json_object_is_type(addresses, json_type_array) ||
        json_object_array_length(addresses) == 0)
        return "This is no host with addresses";
    if (json_object_array_length(addresses) > kind->addresses_max) {
        (void)snprintf(reason, LINE_SIZE, "A host can have at most %zu addresses",
                       kind->addresses_max);
        return reason;
    }
    for (size_t i = 0; i < json_object_array_length(addresses); i++)
        if (!is_address(json_object_array_get_idx(addresses, i), kind->family))
            return "This is no host with addresses";
    return system_resolves() ? NULL
                             : "The system would not know the name: 'hosts' in " SWITCH_FILE
                               " does not name the source '" SOURCE "'";
}

static int check_hosts(const HostKind *kind, json_object *domain, ConfigProblems *problems)
{
    json_object *hosts;
    int r = json_get_object(domain, kind->member, &hosts);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    json_object_object_foreach(hosts, name, addresses)
    {
        char line[LINE_SIZE], text[LINE_SIZE];
        const char *reason = host_reason(kind, name, addresses, text);

        if (!reason)
            continue;
        (void)snprintf(line, sizeof line, "domain %s host %s", kind->word, name);
        r = config_problem(problems, line, "%s", reason);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_system(void *userdata, json_object *section, ConfigProblems *problems)
{
    json_object *domain;
    int r = json_get_object(section, "domain", &domain);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    for (size_t i = 0; i < ELEMENTSOF(host_kinds); i++) {
        r = check_hosts(&host_kinds[i], domain, problems);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_system(void *userdata, uint64_t commit, json_object *section)
{
    _cleanup_free_ char *text = render_hosts(section);

    return text ? apply_hosts(userdata, text) : -ENOMEM;
}

/* --- "services": ssh server, netconf-yang agent, snmp-server ---------------------------------- */

static int check(void *userdata, json_object *section, ConfigProblems *problems)
{
    return check_services(userdata, section, problems);
}

static int apply(void *userdata, uint64_t commit, json_object *section)
{
    Hostd *hostd = userdata;
    Services services;
    int r = services_read(section, &services);

    if (r < 0)
        return r;
    json_object_put(hostd->applied);
    hostd->applied = json_object_get(section);
    return apply_services(hostd, &services);
}

const ConfigSection hostd_config_sections[] = {
    {SECTION_SYSTEM, check_system, apply_system},
    {SECTION_SERVICES, check, apply},
    {NULL, NULL, NULL},
};
