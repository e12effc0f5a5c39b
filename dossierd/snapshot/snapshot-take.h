/* SPDX-License-Identifier: Apache-2.0 */
/* Takes one snapshot: asks the scanner (dossierd/scan), and keeps what it says. */
#pragma once

#include "json-util.h"
#include "snapshot-store.h"

typedef struct SnapshotRequest {
    int dirfd;   /* the store */
    int root_fd; /* for the packages' databases */
    bool is_full;
    bool no_digests;
    uint64_t rate;             /* bytes a second, 0 for no limit */
    json_object *skip_folders; /* arrays of paths; NULL for none */
    json_object *skip_files;
    json_object *folders; /* only these; NULL for all */
    json_object *always;  /* folders that are left out whatever the configuration says; NULL */
    int cancel_fd;        /* readable when it is to stop; -1 */
    int socket;           /* a connection to the scanner */
    void (*progress)(void *userdata, uint64_t n_records); /* may be NULL */
    void *userdata;
} SnapshotRequest;

typedef struct SnapshotResult {
    uint64_t number, base;
    uint64_t n_files;            /* that there are */
    uint64_t n_records;          /* in the block */
    uint64_t n_digests, n_bytes; /* that were read */
    uint64_t bytes;              /* of the block */
    bool index_was_bad;
} SnapshotResult;

/* To chancery-scan's socket. */
int snapshot_connect(void);

/* Returns -ECANCELED; -EPROTO when the scanner did not answer as it should, or ended early. What
 * was read until then is not read again by the next one. */
int snapshot_take(const SnapshotRequest *request, SnapshotResult *ret);
