/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of the configuration section "dossier": {"NAME": {"host": ..., "port": ..., "user":
 * ..., "host-key": [...], "timeout": ...}}, or with "container" in the place of the first four. */
#pragma once

#include "config-owner.h"
#include "node-name.h"

/* o: the object of the table, NULL without one. */
int node_table_check(json_object *o, ConfigProblems *problems);

bool node_table_has(json_object *o, const char *name);

/* A node that a dossier is to have, as the job that collects takes it along. */
typedef struct NodeRequest {
    char name[NODE_NAME_SIZE];
    bool is_container;
    unsigned timeout_seconds;
    bool has_files; /* its filesystem inventory, which may be large */
    char *question; /* JSON, for chancery-node@(8) */
} NodeRequest;

/* selectors, nonce and files (JSON) are what that node is asked for; the last two may be NULL. */
int node_request_new(json_object *table, const char *name, json_object *selectors,
                     const char *nonce, const char *files, NodeRequest *ret);
void node_request_done(NodeRequest *r);
