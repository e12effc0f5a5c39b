/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values in the words of the services that read them. The only place where text for other
 * programs is made. NULL when out of memory; the caller frees. */
#pragma once

#include <json-c/json.h>

#include "services.h"

#define NETCONF_PORT 830U

/* sshd_config(5) */
char *render_sshd(const Services *services);
/* snmpd.conf(5) */
char *render_snmpd(const Services *services);
/* What chancery-snmp.service looks for: empty when it is not to run. */
char *render_snmp_agent(const Services *services);
/* hosts(5): the section "system". */
char *render_hosts(json_object *system);

/* Does the server listen where the configuration says, instead of where sshd would by itself? */
bool sshd_listens_as_told(const Services *services);
/* In which VRFs: those that are named, and the default one when none is, or with "ssh server v2".
 */
bool sshd_serves_default(const Services *services);
