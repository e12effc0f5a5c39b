/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the inventory one after the other, each as what is different from the one before: a
 * fifth of the bytes to be carried, compressed and kept.
 *
 * A record that says DELETED is none that others differ from: without those, and with what
 * inventory_packed_set_*() change, the rest reads as it did. */
#pragma once

#include "inventory-record.h"

/* The size of the record with itself, little-endian; 0 is none. */
typedef uint16_t InventoryPackedSize;

/* What a record differs from. */
typedef struct InventoryPackBase {
    uint32_t mode, uid, gid;
    uint64_t device, inode;
    InventoryTime changed, modified, created, accessed;
} InventoryPackBase;

typedef struct InventoryPack {
    InventoryPackBase last;
    size_t path_size, package_size, version_size;
    uint8_t package_kind;
    char path[INVENTORY_PATH_MAX], package[INVENTORY_NAME_MAX], version[INVENTORY_NAME_MAX];
} InventoryPack;
/* Before the first record. */
void inventory_pack_begin(InventoryPack *p);

typedef struct InventoryPackOptions {
    bool with_outcome; /* room for a digest and an error, also when there is none yet */
    bool whole_name;   /* the last component of the path ends the record */
} InventoryPackOptions;
/* Writes at most INVENTORY_RECORD_MAX bytes; how many is returned. The flags as they are. */
size_t inventory_pack(InventoryPack *p, const InventoryRecord *r,
                      const InventoryPackOptions *options, uint8_t *buffer);
/* Texts point into data and into p, until the next record. Returns the bytes used, 0 when there
 * are too few yet, -EBADMSG. */
int inventory_unpack(InventoryPack *p, const void *data, size_t size, InventoryRecord *ret);

/* Changes in a record that is packed already, of any form. */
void inventory_packed_set_change(uint8_t *record, InventoryChange change);
/* Only of one with an outcome. */
void inventory_packed_set_outcome(uint8_t *record, InventoryAlgorithm algorithm,
                                  const uint8_t digest[INVENTORY_DIGEST_SIZE], uint16_t error);
