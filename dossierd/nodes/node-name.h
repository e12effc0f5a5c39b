/* SPDX-License-Identifier: Apache-2.0 */
/* Names of nodes: this one's, and those of the configuration's table. */
#pragma once

#include <stdbool.h>

#define NODE_SELF "0/RP0/CPU0"
#define NODE_ALL "all"
#define NODE_NAME_SIZE 33U
#define NODES_MAX 16U

/* Letters, digits and "/._-", with a letter or digit first; not "all". */
bool node_name_is_valid(const char *name);
