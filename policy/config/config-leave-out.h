/* SPDX-License-Identifier: Apache-2.0 */
/* For commits that take what they can get. */
#pragma once

#include "config-tree.h"

/* The candidate without its changes to the lines that were refused, named as their absolute text or
 * the first words of it: a new tree. A refused line that is not among the changes takes those of
 * its section with it. -ENODATA when no change is left, or when all are. */
int config_leave_out(json_object *running, json_object *candidate, const char *const *refused,
                     size_t n, json_object **ret);
