/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a tree of files and saying what is in it (common/inventory-record.h), in the order of
 * paths and in memory that does not grow with the tree.
 *
 * Everything below the root is hostile: names are bytes, folders change while they are read, files
 * are replaced by what must not be opened. So every step is from a descriptor to one name, no
 * symlink is followed, and what was looked at is what is opened or it is said that it was not. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "inventory-record.h"

#define SCAN_SKIP_MAX 256U
#define SCAN_THREADS_MAX 8U
/* Descriptors that a scan may need at a time. */
#define SCAN_FILES_MAX 4096U

/* Which mounts belong to the inventory: those of file systems that are kept (no proc, no tmpfs, no
 * network), each part of them once, whatever bind mounts show it again. */
typedef struct Mounts Mounts;
/* From the text of /proc/self/mountinfo. with_memory: file systems that lie in memory (tmpfs) too.
 */
int mounts_new(FILE *f, bool with_memory, Mounts **ret);
Mounts *mounts_free(Mounts *m);
DEFINE_TRIVIAL_CLEANUP_FUNC(Mounts *, mounts_free);
bool mounts_enter(const Mounts *m, uint64_t mount_id);
/* A file system that can have no programs in it, such as proc. */
bool mounts_is_of_kernel(const Mounts *m, uint64_t mount_id);

/* A list of absolute paths; ends with NULL. */
typedef struct ScanPaths {
    char *paths[SCAN_SKIP_MAX + 1];
    size_t n;
} ScanPaths;
bool scan_paths_have(const ScanPaths *list, InventoryText path);
bool scan_paths_are_above(const ScanPaths *list, InventoryText path);

typedef struct ScanRequest {
    bool no_digests;
    bool scoped;   /* only what is below the folders of scope; the rest stays as the index has it */
    uint64_t rate; /* bytes of contents in a second; 0 for no limit */
    ScanPaths skip_folders, skip_files, scope;
    int index_fd; /* what was there before (zstd), -1 for nothing */
    int hint_fd;  /* digests of a scan that was cut off (zstd), -1 for none */
    unsigned threads;
} ScanRequest;

/* scan-request.c: from JSON. paths_done() for the rest. */
int scan_request_parse(const char *text, size_t size, ScanRequest *ret);
void scan_request_done(ScanRequest *request);

/* After the last record (inventory-pack.h) there is a record size of 0 and this. */
typedef struct ScanEnd {
    uint64_t error; /* errno; EBADMSG: the index cannot be read */
    uint64_t n_records, n_digests, n_bytes;
} ScanEnd;

/* Writes records and the end to output. mounts may be NULL: nothing but the root's own mount.
 * Returns an error of output; everything else is in what it writes. */
int scan_run(int root_fd, const ScanRequest *request, const Mounts *mounts, int output);

/* scan-serve.c: a whole connection, with one thread for each processor. Waits at most half a minute
 * for the request. */
int scan_serve(int fd, int root_fd, const Mounts *mounts);
