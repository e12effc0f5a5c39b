/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel writes about processes and about capabilities of files, parsed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct MapLine {
    uint64_t device, inode; /* the device is the kernel's own number, not always that of stat() */
    bool is_executable;
    const char *path; /* in the line, a newline as \012; "" for what has none */
    size_t path_size;
} MapLine;

/* A line of /proc/PID/maps, without its newline. -EBADMSG. */
int map_line_parse(const char *line, size_t size, MapLine *ret);

/* The path with its newlines, into a buffer of at least that size; returns its size. A name that
 * has \012 in it looks the same. */
size_t map_path_unescape(const char *path, size_t size, char *buffer);

#define PATH_DELETED " (deleted)"
/* The size of path without the kernel's word that it was deleted; the same size if there is none.
 */
size_t path_without_deleted(const char *path, size_t size);

typedef struct FileCapabilities {
    uint64_t permitted, inheritable;
    uint32_t root_uid; /* of the user namespace that they are for; 0 for the first one */
    bool effective;
} FileCapabilities;

/* The attribute security.capability, all its revisions. -EBADMSG. */
int file_capabilities_parse(const void *data, size_t size, FileCapabilities *ret);
/* "cap_net_raw"; NULL for one without a name here. */
const char *capability_name(unsigned bit);
