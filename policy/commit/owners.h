/* SPDX-License-Identifier: Apache-2.0 */
/* The daemons to which sections of the configuration belong. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "commit-store.h"

#define APPLY_TIMEOUT_USEC (10 * 1000000ULL)

typedef struct Owner {
    const char *section, *name, *path, *daemon;
} Owner;

#define OWNERS 10U
extern const Owner owners[OWNERS];

bool section_differs(json_object *a, json_object *b, const char *section);

/* The call of a ConfigOwner1 method about the owner's section of root; commit is for "Apply". */
int owner_message(sd_bus *bus, const Owner *owner, const char *method, json_object *root,
                  uint64_t commit, sd_bus_message **ret);

/* Tells the owners that are there about the last commit. */
int owners_reapply(sd_bus *bus, const CommitStore *store);
