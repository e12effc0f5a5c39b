/* SPDX-License-Identifier: Apache-2.0 */
#include "sshd-effective.h"

#include <stdio.h>

#include "cleanup.h"
#include "render.h"

#define LINE_SIZE 160U /* of a line of the configuration */
#define VALUE_SIZE 64U

typedef struct Effective {
    const Services *services;
    bool has_netconf;          /* a subsystem of that name */
    char startups[VALUE_SIZE]; /* "10:30:100" */
    char stranger[VALUE_SIZE]; /* an address to listen at that is none of ours */
} Effective;

/* "0.0.0.0:22", "[::]:830 rdomain mgmt": the wildcards are ours, in a VRF that is served; the port
 * may be sshd's own. */
static bool is_ours(const Services *s, const char *value)
{
    static const char *const hosts[] = {"0.0.0.0:", "[::]:"};
    static const char domain[] = " rdomain ";
    const char *vrf = strstr(value, domain);

    for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
        if (strncmp(value, hosts[i], strlen(hosts[i])) != 0)
            continue;
        if (!vrf)
            return true;
        vrf += STRLEN(domain);
        for (size_t j = 0; j < s->ssh_vrfs.n; j++)
            if (streq(s->ssh_vrfs.names[j], vrf))
                return true;
        for (size_t j = 0; j < s->netconf_vrfs.n; j++)
            if (streq(s->netconf_vrfs.names[j], vrf))
                return true;
    }
    return false;
}

static void take_line(Effective *e, const char *key, const char *value)
{
    if (streq(key, "maxstartups"))
        (void)snprintf(e->startups, sizeof e->startups, "%s", value);
    else if (streq(key, "subsystem") && strncmp(value, "netconf ", STRLEN("netconf ")) == 0)
        e->has_netconf = true;
    else if (streq(key, "listenaddress") && !is_ours(e->services, value))
        (void)snprintf(e->stranger, sizeof e->stranger, "%s", value);
}

static int read_output(Effective *e, const char *text, size_t size)
{
    _cleanup_free_ char *copy = size <= SSHD_OUTPUT_MAX ? strndup(text, size) : NULL;
    char *rest = copy;

    if (!copy)
        return size <= SSHD_OUTPUT_MAX ? -ENOMEM : -EFBIG;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, ' ');

        if (!value)
            continue;
        *value++ = '\0';
        take_line(e, line, value);
    }
    return 0;
}

static int each_name(const NameList *list, const char *head, const char *reason,
                     sshd_problem_t problem, void *userdata)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < list->n; i++) {
        char line[LINE_SIZE];

        (void)snprintf(line, sizeof line, "%s %s", head, list->names[i]);
        r = problem(line, reason, userdata);
    }
    return r;
}

static int each_netconf(const Services *s, const char *reason, sshd_problem_t problem,
                        void *userdata)
{
    int r = each_name(&s->netconf_vrfs, "ssh server netconf vrf", reason, problem, userdata);

    return r >= 0 && s->netconf_agent_ssh ? problem("netconf-yang agent ssh", reason, userdata) : r;
}

static int check_rate_limit(const Effective *e, sshd_problem_t problem, void *userdata)
{
    unsigned limit = e->services->ssh_rate_limit;
    char line[LINE_SIZE], wanted[VALUE_SIZE], reason[LINE_SIZE];

    if (limit == 0)
        return 0;
    (void)snprintf(wanted, sizeof wanted, "%u:100:%u", limit, limit);
    if (streq(wanted, e->startups))
        return 0;
    (void)snprintf(line, sizeof line, "ssh server rate-limit %u", limit);
    (void)snprintf(reason, sizeof reason,
                   "It would have no effect: sshd's own configuration says MaxStartups %s",
                   e->startups);
    return problem(line, reason, userdata);
}

int sshd_effective_check(const char *text, size_t size, const Services *services,
                         sshd_problem_t problem, void *userdata)
{
    Effective e = {.services = services};
    char reason[2 * LINE_SIZE];
    int r = read_output(&e, text, size);

    if (r >= 0)
        r = check_rate_limit(&e, problem, userdata);
    if (r >= 0 && !e.has_netconf)
        r = each_netconf(
            services, "There is no NETCONF server on this system: sshd has no subsystem 'netconf'",
            problem, userdata);
    if (r < 0 || !sshd_listens_as_told(services) || !e.stranger[0])
        return r < 0 ? r : 0;
    (void)snprintf(reason, sizeof reason,
                   "sshd's own configuration says where it listens: ListenAddress %s", e.stranger);
    r = each_name(&services->ssh_vrfs, "ssh server vrf", reason, problem, userdata);
    return r < 0 ? r
                 : each_name(&services->netconf_vrfs, "ssh server netconf vrf", reason, problem,
                             userdata);
}

int sshd_every_line(const Services *services, const char *reason, sshd_problem_t problem,
                    void *userdata)
{
    char line[LINE_SIZE];
    int r = services->ssh_v2 ? problem("ssh server v2", reason, userdata) : 0;

    if (r >= 0 && services->ssh_rate_limit > 0) {
        (void)snprintf(line, sizeof line, "ssh server rate-limit %u", services->ssh_rate_limit);
        r = problem(line, reason, userdata);
    }
    if (r >= 0)
        r = each_name(&services->ssh_vrfs, "ssh server vrf", reason, problem, userdata);
    return r < 0 ? r : each_netconf(services, reason, problem, userdata);
}
