/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of the filesystem inventory in a dossier, one after the other: each file becomes the
 * record again that the digests are over. */
#pragma once

#include <stdbool.h>

#include "inventory-record.h"

#define INVENTORY_NODE_MAX 128U
#define INVENTORY_REASON_MAX 256U

typedef struct ReadBlock {
    bool has_number, has_about;
    InventoryBlock about;                   /* content: as the dossier says */
    uint8_t content[INVENTORY_DIGEST_SIZE]; /* of the files that are here */
    uint8_t digest[INVENTORY_DIGEST_SIZE];  /* as the dossier says */
    uint64_t n_files;
    bool has_odd_file; /* one that is no record, the first is number n_odd */
    uint64_t n_odd;
    bool is_success;                   /* what the device says about it */
    char reason[INVENTORY_REASON_MAX]; /* the same; without control characters */
} ReadBlock;

typedef struct ReadNode {
    char name[INVENTORY_NODE_MAX]; /* without control characters */
    bool has_range;
    uint64_t first, last;
} ReadNode;

typedef struct InventoryReader {
    /* When a node begins, after its name and range; and after each of its blocks. 0 or -ENOMEM. */
    int (*node)(const ReadNode *node, void *userdata);
    int (*block)(const ReadBlock *block, void *userdata);
    void *userdata;
} InventoryReader;

/* 0, also without an inventory; -EBADMSG when it is not of this form; what a function returned. */
int inventory_read(const void *payload, size_t size, const InventoryReader *reader);
