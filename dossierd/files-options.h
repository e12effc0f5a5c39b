/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks of the filesystem inventory a dossier is to have, as the collector says it:
 * {"0/RP0/CPU0": {"block_start": 5, "count": 1}}. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FILES_NODE "0/RP0/CPU0"
#define FILES_REASON_SIZE 256U

typedef struct FilesOptions {
    uint64_t block_start;
    uint64_t count; /* UINT64_MAX: all */
} FilesOptions;

/* Returns -EINVAL with where (a JSON path) and why in reason. */
int files_options_parse(const char *text, FilesOptions *ret, char reason[static FILES_REASON_SIZE]);
