/* SPDX-License-Identifier: Apache-2.0 */
/* Earlier configurations, by the words in which commands name them. */
#pragma once

#include <systemd/sd-bus.h>

#include "commit-store.h"

/* What commits changed. kind: "all", "last" (which: how many), "since" (which: an id or label, that
 * commit included), "commit" (that one only). Two new trees: before and after. */
int history_changes(const CommitStore *store, const char *kind, const char *which,
                    json_object **ret_old, json_object **ret_new, sd_bus_error *reterr_error);

/* The configuration after a rollback. kind: "last" (which: how many), "to" (that commit is undone
 * too), "to-exclude" (as it was after that commit), "commit" (its changes only are undone). */
int history_rollback(const CommitStore *store, const char *kind, const char *which,
                     json_object **ret, sd_bus_error *reterr_error);
