/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of chancery-node@(8): what another node's dossierd says of that node. */
#pragma once

#include "collect.h"
#include "json-copy.h"
#include "node-table.h"

/* A stream that is connected to a new chancery-node. */
int node_connect(bool is_container);

/* Asks, and copies what comes; as long as there is room where the file is that it goes to. How it
 * ended is in c, whose deadline it has. */
void node_ask(int fd, const NodeRequest *node, JsonCopy *copy, int scratch_fd, Collect *c);
