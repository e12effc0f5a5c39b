/* SPDX-License-Identifier: Apache-2.0 */
/* Where snapshots of the filesystem inventory are kept: blocks, numbered without gaps and chained
 * by their digests (common/inventory-record.h), each a file of its own that is never changed; and
 * the index, which is all files as of the last block.
 *
 * Every function reads the folder anew, so that a reader needs no lock against who takes or removes
 * snapshots. */
#pragma once

#include "inventory-record.h"
#include "zstd-stream.h"

/* Oldest blocks go, a full one and all that builds on it together, while there are more. */
#define SNAPSHOT_KEEP_BLOCKS 400U
#define SNAPSHOT_KEEP_BYTES (UINT64_C(256) << 20)
/* So many blocks, then a new full one. */
#define SNAPSHOT_GENERATION_BLOCKS 96U
#define SNAPSHOT_SCOPE_MAX 8192U

typedef struct SnapshotNumbers {
    uint64_t *numbers; /* ascending */
    size_t n;
} SnapshotNumbers;
int snapshot_list(int dirfd, SnapshotNumbers *ret);
void snapshot_numbers_done(SnapshotNumbers *l);

typedef struct SnapshotBlock {
    InventoryBlock about;
    uint8_t digest[INVENTORY_DIGEST_SIZE];
    char *scope;    /* JSON: what was not looked at */
    uint64_t bytes; /* of the file */
    int fd;         /* at its records (zstd-stream.h) */
} SnapshotBlock;
/* -EBADMSG when it is not what was written. Its records have yet to be compared with
 * about.content. */
int snapshot_open(int dirfd, uint64_t number, SnapshotBlock *ret);
void snapshot_block_done(SnapshotBlock *b);

/* --- Writing: one at a time ------------------------------------------------------------------- */

typedef struct SnapshotWriter SnapshotWriter;
int snapshot_writer_new(int dirfd, const InventoryBlock *about, const char *scope,
                        const uint8_t base_scope[INVENTORY_DIGEST_SIZE], SnapshotWriter **ret);
SnapshotWriter *snapshot_writer_free(SnapshotWriter *w); /* leaves the index for the next hint */
DEFINE_TRIVIAL_CLEANUP_FUNC(SnapshotWriter *, snapshot_writer_free);
int snapshot_writer_index(SnapshotWriter *w, const void *record, size_t size);
int snapshot_writer_block(SnapshotWriter *w, const void *record, size_t size);
/* Everything appears at once, or nothing. */
int snapshot_writer_commit(SnapshotWriter *w, SnapshotBlock *ret);

/* The index of that block: a descriptor at its records. ret_scope: digest of what it leaves out. */
int snapshot_open_index(int dirfd, uint64_t number, uint8_t ret_scope[INVENTORY_DIGEST_SIZE]);
/* What a scan that was cut off has left, or -ENOENT. To be called before snapshot_writer_new(). */
int snapshot_open_hint(int dirfd);
bool snapshot_has_hint(int dirfd);
/* The index is moved aside: the next snapshot is a full one. */
int snapshot_quarantine_index(int dirfd, uint64_t number);
/* Removes what is too much, too old, or left over. Returns how many blocks were removed. */
int snapshot_clean(int dirfd);
