/* SPDX-License-Identifier: Apache-2.0 */
/* Between chancery-poold and chancery-system-trust: what is to be in the system's list, and what of
 * it came from here. */
#pragma once

#define SYSTEM_TRUST_UNIT "chancery-system-trust.service"

#define SYSTEM_TRUST_TOOL "/usr/sbin/update-ca-certificates"

/* What is wanted, in PEM; empty: nothing. */
#define SYSTEM_TRUST_FROM "/run/chancery-trust"
#define SYSTEM_TRUST_FILE "system-trust.pem"
#define SYSTEM_TRUST_MAX (96U << 20)

/* Where the system's own tool finds it. Both files name certificates that are, or may be, in the
 * system's list for our sake. */
#define SYSTEM_TRUST_NAME "chancery"
#define SYSTEM_TRUST_FOLDER "/usr/local/share/ca-certificates/" SYSTEM_TRUST_NAME
#define SYSTEM_TRUST_NEXT "next.pem"
#define SYSTEM_TRUST_DONE "done.pem"
