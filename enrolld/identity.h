/* SPDX-License-Identifier: Apache-2.0 */
/* How the router names itself in its certificates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The serial number: the manufacturer's, where the firmware tells a sane one, else 8 hex digits
 * that are derived from, and don't betray, the machine ID. Read once, before the sandbox. The
 * caller frees. */
int router_serial_number(char **ret);

/* Does the firmware's text look like a serial number, and not like what vendors leave in the field?
 */
bool serial_number_is_sane(const char *text);

/* HOSTNAME.DOMAIN. hostname may be NULL: the system's is taken, up to its first dot. -ENODATA
 * without a domain, -EINVAL for what is no host name. The caller frees. */
int router_fqdn(const char *hostname, const char *domain, char **ret);
