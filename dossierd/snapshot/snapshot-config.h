/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of "filesystem-inventory" in the configuration section "dossier". */
#pragma once

#include "config-owner.h"
#include "json-util.h"

#define SNAPSHOT_SETS 5U

typedef struct SnapshotConfig {
    bool is_enabled;
    unsigned interval; /* quarter hours */
    bool is_full, no_digests;
    uint64_t rate; /* bytes a second */
    /* Arrays of paths, NULL without the line. */
    json_object *skip_folders, *skip_files, *sets[SNAPSHOT_SETS];
} SnapshotConfig;

/* o: the submode's object, NULL without it. problems is NULL for what has been checked before. */
int snapshot_config_read(json_object *o, SnapshotConfig *ret, ConfigProblems *problems);
void snapshot_config_done(SnapshotConfig *c);

/* "/a /b\ c", in quotes or not: absolute paths, a backslash before a blank that belongs to one.
 * -EINVAL with the reason. */
int snapshot_paths_parse(const char *text, json_object **ret, const char **ret_reason);
