/* SPDX-License-Identifier: Apache-2.0 */
/* Where snapshots of the filesystem inventory are kept: blocks, numbered without gaps and chained
 * by their digests (common/inventory-record.h), each a file of its own that is never changed; and
 * the index, which is all files as of the last block.
 *
 * Every function reads the folder anew, so that a reader needs no lock against who takes or removes
 * snapshots. */
#pragma once

#include "inventory-pack.h"
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
    bool is_packed; /* those are (inventory-pack.h); else as their digest is over them */
} SnapshotBlock;
/* -EBADMSG when it is not what was written. Its records have yet to be compared with
 * about.content, which snapshot_records_next() does. */
int snapshot_open(int dirfd, uint64_t number, SnapshotBlock *ret);
void snapshot_block_done(SnapshotBlock *b);

typedef struct SnapshotRecords SnapshotRecords;
SnapshotRecords *snapshot_records_new(const SnapshotBlock *b);
SnapshotRecords *snapshot_records_free(SnapshotRecords *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(SnapshotRecords *, snapshot_records_free);
/* Returns 1 and the next one, which stays until the next call; 0 at the end when all of them were
 * what about.content says, -EBADMSG when not. */
int snapshot_records_next(SnapshotRecords *s, InventoryRecord *ret);

/* --- Writing: one at a time ------------------------------------------------------------------- */

typedef struct SnapshotWriter SnapshotWriter;
int snapshot_writer_new(int dirfd, const InventoryBlock *about, const char *scope,
                        const uint8_t base_scope[INVENTORY_DIGEST_SIZE], SnapshotWriter **ret);
SnapshotWriter *snapshot_writer_free(SnapshotWriter *w); /* leaves the index for the next hint */
DEFINE_TRIVIAL_CLEANUP_FUNC(SnapshotWriter *, snapshot_writer_free);
/* A packed record. */
int snapshot_writer_index(SnapshotWriter *w, const void *record, size_t size);
int snapshot_writer_block(SnapshotWriter *w, const InventoryRecord *record);
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
