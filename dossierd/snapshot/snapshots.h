/* SPDX-License-Identifier: Apache-2.0 */
/* The filesystem inventory in the daemon: when snapshots are taken, one at a time, each by a job
 * (snapshot-take.h), and what there is of them. */
#pragma once

#include "config-owner.h"
#include "job.h"
#include "server.h"

typedef struct Snapshots Snapshots;

int snapshots_new(Server *server, int root_fd, Snapshots **ret);
Snapshots *snapshots_free(Snapshots *s);
/* The folder of snapshot-store.h. */
/* How many bytes a second may be read, as configured; 0 for no limit. */
uint64_t snapshots_rate(const Snapshots *s);
int snapshots_fd(const Snapshots *s);

/* o: the object of "filesystem-inventory", NULL without it. */
int snapshots_check(json_object *o, ConfigProblems *problems);
int snapshots_apply(Snapshots *s, json_object *o);

/* The handlers. */
int snapshots_take(Snapshots *s, sd_bus_message *m, bool is_full, uint32_t dir_set,
                   sd_bus_error *reterr_error);
int snapshots_describe(Snapshots *s, sd_bus_message *m, sd_bus_error *reterr_error);
