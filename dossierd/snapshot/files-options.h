/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks of the filesystem inventory of which nodes a dossier is to have, as the collector
 * says it: {"0/RP0/CPU0": {"block_start": 5, "count": 1}}. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node-name.h"

#define FILES_REASON_SIZE 256U

typedef struct FilesOptions {
    uint64_t block_start;
    uint64_t count; /* UINT64_MAX: all */
} FilesOptions;

typedef struct FilesChoice {
    size_t n;
    struct {
        char name[NODE_NAME_SIZE];
        FilesOptions options;
    } nodes[NODES_MAX + 1];
} FilesChoice;

/* NULL when the node is not named. */
const FilesOptions *files_choice_find(const FilesChoice *c, const char *node);

/* is_node: can a dossier have that node? At least one is named. Returns -EINVAL with where (a JSON
 * path) and why in reason. */
int files_options_parse(const char *text, bool (*is_node)(const void *userdata, const char *name),
                        const void *userdata, FilesChoice *ret,
                        char reason[static FILES_REASON_SIZE]);
