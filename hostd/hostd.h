/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-hostd: makes those lines effective that belong to other services of the system: the SSH
 * server's, the SNMP agent's, names of hosts.
 *
 * 1. It owns one folder, /var/lib/chancery-host, with a file for each service: sshd.conf,
 * snmpd.conf, hosts. The services are told once, by files that come with the package, to read them;
 * nothing outside of the folder is ever written.
 * 2. Whoever may write what sshd reads is as good as root. That is why this is a process of its own
 * and not policyd: it takes typed values from policyd and from nobody else (config-owner.h),
 * renders them with the words in render.c, and has neither network nor capabilities nor programs to
 * run.
 * 3. Before a commit is accepted, sshd itself reads the candidate: systemd runs
 * chancery-check-sshd.service, "sshd -T" in a mount namespace in which the candidate stands in the
 * folder's place. So the whole configuration is checked as sshd would read it, and sshd says which
 * values then hold. A line that another file overrides, or that this system cannot carry out, is
 * refused with the reason.
 * 4. After the commit the file is replaced atomically and the service reloads it; policyd is
 * answered when it has.
 * 5. systemd starts, reloads and restarts for this user nothing but what 50-chancery-hostd.rules
 * names: four pairs of a unit and a verb.
 * 6. A note on disk says that a service has yet to read its file. So whoever is killed in between
 * goes on after the restart, and the files are there when the services start at boot, before any of
 * us runs.
 * 7. What sshd -T prints is parsed with limits: it is the output of a program that reads files of
 * others. */
#pragma once

#include "config-owner.h"
#include "server.h"
#include "services.h"
#include "unit-job.h"

#define SSH_UNIT "ssh.service"
#define SNMP_UNIT "snmpd.service"
#define SNMP_AGENT_UNIT "chancery-snmp.service"

/* Files that a service reads. */
#define DROP_INS 3U

typedef struct Hostd {
    Server *server;
    UnitJobs *jobs;
    unsigned readings[DROP_INS]; /* how often the service of each was made to read it */
    int state_fd, runtime_fd; /* never change after start */
    struct Check *checks;     /* the first one is under way, the others wait for it */
    json_object *applied;     /* the section "services" as it was applied last; NULL: never */
} Hostd;

/* config.c */
extern const ConfigSection hostd_config_sections[];

/* check.c: adds the reasons why the services cannot carry out the section, and answers, now or
 * later. */
int check_services(Hostd *hostd, json_object *section, ConfigProblems *problems);
void check_drop(Hostd *hostd);

/* apply.c: writes the files and has the services read them. Services that were told before and did
 * not answer are told again. */
int apply_services(Hostd *hostd, const Services *services);
int apply_hosts(Hostd *hostd, const char *text);
int apply_init(Hostd *hostd); /* the interface at the root object */
