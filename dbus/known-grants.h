/* SPDX-License-Identifier: Apache-2.0 */
/* What polkit has granted to a connection a moment ago: a command is several calls, and polkit
 * takes longer for its answer than most of them. Everything is forgotten when polkit says that
 * something has changed, or is another; whoever hears from policyd that a commit is in effect can't
 * be sooner here than that. Kept for a few seconds, because there are changes that polkit does not
 * see: of a user's groups. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#define KNOWN_GRANTS_MAX 256U
#define KNOWN_GRANTS_USEC (5 * 1000000ULL)

typedef struct KnownGrants KnownGrants;

/* Without a bus nothing is watched: for tests. */
int known_grants_new(sd_bus *bus, KnownGrants **ret);
KnownGrants *known_grants_free(KnownGrants *grants);

/* sender: a unique name, which the bus gives to one connection and never again. now: of a clock
 * that is not set. */
bool known_grants_has(const KnownGrants *grants, const char *sender, const char *task,
                      uint64_t now);
/* Not kept as long as changes are not watched. */
void known_grants_add(KnownGrants *grants, const char *sender, const char *task, uint64_t now);
void known_grants_forget(KnownGrants *grants);
