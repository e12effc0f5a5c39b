/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted and would be better otherwise: told at the commit that brings it about, and not
 * at each one after it. */
#pragma once

#include "config-tree.h"
#include "failures.h"

/* Those about users and groups. */
int warn_of_users(json_object *section, FailureList *warnings);

/* Drops the warnings about lines and objects in which nothing changes. */
int warnings_keep_changed(FailureList *warnings, json_object *running, json_object *candidate);
