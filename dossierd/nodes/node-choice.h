/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a dossier is to have, and what of each: by the options "location" and
 * "filesystem-inventory-options". */
#pragma once

#include <systemd/sd-bus.h>

#include "files-options.h"
#include "node-table.h"

typedef struct NodeChoice {
    uint32_t here;      /* selectors of this node; may be none */
    FilesOptions files; /* of this node */
    size_t n_others;
    NodeRequest others[NODES_MAX];
} NodeChoice;

/* table: of the configuration; NULL without one. Strings may be NULL. */
int node_choice_make(json_object *table, uint32_t selectors, const char *location,
                     const char *nonce, const char *files, NodeChoice *ret,
                     sd_bus_error *reterr_error);
void node_choice_done(NodeChoice *c);
