/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a candidate by the services themselves: are they running, and does sshd take it? */
#include <fcntl.h>

#include "atomic-file.h"
#include "hostd.h"
#include "json-util.h"
#include "log.h"
#include "render.h"
#include "sshd-effective.h"

#define CHECK_UNIT "chancery-check-sshd.service"
#define CANDIDATE "sshd.conf"
#define OUTPUT "/run/chancery-check/sshd.effective"
#define COMPLAINTS "/run/chancery-check/sshd.errors"
#define DEVICES "/sys/class/net/"
#define UEVENT_MAX 4096U
#define REASON_SIZE 400U
/* policyd waits for one, and may have given up waiting for others. */
#define CHECKS_MAX 8U

typedef struct Check {
    Hostd *hostd;
    json_object *section; /* holds the strings of services */
    Services services;
    ConfigProblems *problems;
    unsigned pending;
    struct Check *next;
} Check;

static Check *check_free(Check *check)
{
    if (!check)
        return NULL;
    for (Check **at = &check->hostd->checks; *at; at = &(*at)->next)
        if (*at == check) {
            *at = check->next;
            break;
        }
    json_object_put(check->section);
    free(check);
    return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Check *, check_free);

static void answer(Check *check, int r)
{
    if (check->problems)
        config_problems_answer(TAKE_PTR(check->problems), r);
}

static int start(Check *check);

/* Two at once would share the candidate and what sshd says of it. */
static void start_next(Hostd *hostd)
{
    for (Check *check; (check = hostd->checks);) {
        int r = start(check);

        if (r < 0 || check->pending == 0)
            answer(check, r);
        if (check->pending > 0)
            return;
        check_free(check);
    }
}

static void step_done(Check *check, int r)
{
    Hostd *hostd = check->hostd;

    if (r < 0)
        answer(check, r);
    if (--check->pending > 0)
        return;
    answer(check, 0);
    check_free(check);
    start_next(hostd);
}

static int add(const char *line, const char *reason, void *userdata)
{
    Check *check = userdata;

    return check->problems ? config_problem(check->problems, line, "%s", reason) : 0;
}

/* --- Is it there? ----------------------------------------------------------------------------- */

/* A VRF is a network device of that type. */
static bool is_vrf(const char *name)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;

    if (streq(name, VRF_DEFAULT))
        return true;
    if (strlen(name) > VRF_NAME_MAX || asprintf(&path, DEVICES "%s/uevent", name) < 0)
        return false;
    return read_file_at(AT_FDCWD, path, UEVENT_MAX, &data, &size) >= 0 &&
           strstr(data, "DEVTYPE=vrf\n");
}

/* Returns how many are missing. */
static int check_vrfs(Check *check, const NameList *list, const char *head)
{
    int n = 0;

    for (size_t i = 0; i < list->n; i++) {
        _cleanup_free_ char *line = NULL, *reason = NULL;
        int r;

        if (is_vrf(list->names[i]))
            continue;
        if (asprintf(&line, "%s %s", head, list->names[i]) < 0 ||
            asprintf(&reason, "There is no VRF '%s' on this system", list->names[i]) < 0)
            return -ENOMEM;
        r = add(line, reason, check);
        if (r < 0)
            return r;
        n++;
    }
    return n;
}

static void describe_state(char reason[REASON_SIZE], const char *unit, const char *state,
                           const char *why)
{
    if (state)
        (void)snprintf(reason, REASON_SIZE,
                       "It would have no effect: %s is not running on this system (%s)", unit,
                       state);
    else
        (void)snprintf(reason, REASON_SIZE, "systemd does not say whether %s is running: %s", unit,
                       why);
}

static bool is_running(const char *state)
{
    return state &&
           (streq(state, "active") || streq(state, "reloading") || streq(state, "activating"));
}

/* --- SNMP ------------------------------------------------------------------------------------- */

static int every_snmp_line(Check *check, const char *reason)
{
    const Services *s = &check->services;
    int r = s->traps_pki ? add("snmp-server traps pki", reason, check) : 0;

    for (size_t i = 0; r >= 0 && i < s->communities.n; i++) {
        _cleanup_free_ char *line = NULL;

        r = asprintf(&line, "snmp-server community %s RO", s->communities.names[i]) < 0
                ? -ENOMEM
                : add(line, reason, check);
    }
    for (size_t i = 0; r >= 0 && i < s->n_trap_hosts; i++) {
        _cleanup_free_ char *line = NULL;

        r = asprintf(&line, "snmp-server host %s traps version 2c %s", s->trap_hosts[i].address,
                     s->trap_hosts[i].community) < 0
                ? -ENOMEM
                : add(line, reason, check);
    }
    return r;
}

/* The names that everybody tries first. */
static int warn_of_communities(Check *check)
{
    const Services *s = &check->services;
    int r = 0;

    for (size_t i = 0; check->problems && r >= 0 && i < s->communities.n; i++) {
        const char *name = s->communities.names[i];
        char line[64];

        if (!streq(name, "public") && !streq(name, "private"))
            continue;
        (void)snprintf(line, sizeof line, "snmp-server community %s RO", name);
        r = config_warning(check->problems, line, "Everybody tries this name first");
    }
    return r;
}

static void on_snmp_state(const char *state, const char *why, void *userdata)
{
    Check *check = userdata;
    char reason[REASON_SIZE];

    describe_state(reason, SNMP_UNIT, state, why);
    step_done(check,
              is_running(state) ? warn_of_communities(check) : every_snmp_line(check, reason));
}

/* --- sshd ------------------------------------------------------------------------------------- */

/* The last line of what sshd complained about: earlier ones may be about what does not matter. */
static const char *last_line(char *text)
{
    char *line = text;

    for (char *p = text; *p; p++) {
        if (*p == '\n' && p[1] != '\0')
            line = p + 1;
        if (*p < ' ' || *p > '~')
            *p = *p == '\n' || *p == '\r' ? '\0' : '?';
    }
    return line;
}

static void describe_complaint(char reason[REASON_SIZE], const char *fallback)
{
    _cleanup_free_ void *data = NULL;
    const char *text = "";
    size_t size;

    if (read_file_at(AT_FDCWD, COMPLAINTS, SSHD_OUTPUT_MAX, &data, &size) >= 0)
        text = last_line(data);
    (void)snprintf(reason, REASON_SIZE, "sshd does not accept it: %s", *text ? text : fallback);
}

static int read_verdict(Check *check)
{
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r = read_file_at(AT_FDCWD, OUTPUT, SSHD_OUTPUT_MAX, &data, &size);

    return r < 0 ? r : sshd_effective_check(data, size, &check->services, add, check);
}

static void on_sshd_checked(const char *why, void *userdata)
{
    Check *check = userdata;
    char reason[REASON_SIZE];
    int r;

    if (!why) {
        r = read_verdict(check);
    } else {
        describe_complaint(reason, why);
        r = sshd_every_line(&check->services, reason, add, check);
    }
    step_done(check, r);
}

static int write_candidate(const Check *check)
{
    _cleanup_free_ char *text = render_sshd(&check->services);

    return text ? atomic_write_at(check->hostd->runtime_fd, CANDIDATE, text, strlen(text), 0644)
                : -ENOMEM;
}

static void on_ssh_state(const char *state, const char *why, void *userdata)
{
    Check *check = userdata;
    char reason[REASON_SIZE];
    int r;

    if (!is_running(state)) {
        describe_state(reason, SSH_UNIT, state, why);
        step_done(check, sshd_every_line(&check->services, reason, add, check));
        return;
    }
    r = write_candidate(check);
    if (r >= 0)
        r = unit_job(check->hostd->jobs, "StartUnit", CHECK_UNIT, on_sshd_checked, check);
    if (r < 0)
        step_done(check, r);
}

/* --- Both ------------------------------------------------------------------------------------- */

/* What stays as it is was checked before. It must not keep what has nothing to do with it from
 * being committed. */
static bool is_new(const Check *check, const char *member)
{
    json_object *old = NULL, *new = NULL;

    (void)json_object_object_get_ex(check->hostd->applied, member, &old);
    (void)json_object_object_get_ex(check->section, member, &new);
    return !json_object_equal(old, new);
}

static int start_ssh(Check *check)
{
    const Services *s = &check->services;
    int missing = check_vrfs(check, &s->ssh_vrfs, "ssh server vrf"), more;

    if (missing < 0)
        return missing;
    more = check_vrfs(check, &s->netconf_vrfs, "ssh server netconf vrf");
    /* sshd has no better reason than a VRF that is not there. */
    if (more < 0 || missing + more > 0)
        return more < 0 ? more : 0;
    more = unit_state(check->hostd->jobs, SSH_UNIT, on_ssh_state, check);
    if (more >= 0)
        check->pending++;
    return more;
}

static int start(Check *check)
{
    const Services *s = &check->services;
    int r = 0;

    if (services_have_ssh(s) && (is_new(check, "ssh") || is_new(check, "netconf-yang")))
        r = start_ssh(check);
    if (r < 0 || !services_have_snmp(s) || !is_new(check, "snmp"))
        return r;
    r = unit_state(check->hostd->jobs, SNMP_UNIT, on_snmp_state, check);
    if (r >= 0)
        check->pending++;
    return r;
}

int check_services(Hostd *hostd, json_object *section, ConfigProblems *problems)
{
    _cleanup_(check_freep) Check *check = calloc(1, sizeof *check);
    Check **last = &hostd->checks;
    unsigned n = 0;
    int r;

    if (!check)
        return -ENOMEM;
    check->hostd = hostd;
    check->section = json_object_get(section);
    check->problems = problems;
    r = services_read(check->section, &check->services);
    if (r < 0)
        return config_problem(problems, "ssh server", "The section is not what is known here");
    for (; *last; last = &(*last)->next)
        n++;
    if (n >= CHECKS_MAX)
        return -EBUSY;
    r = n == 0 ? start(check) : 0;
    if (n == 0 && check->pending == 0)
        return r;
    /* What is under way comes to an end by itself; nobody waits for it when the rest has failed. */
    if (r < 0)
        check->problems = NULL;
    else
        config_problems_later(problems);
    *last = TAKE_PTR(check);
    return r;
}

void check_drop(Hostd *hostd)
{
    while (hostd->checks)
        check_free(hostd->checks);
}
