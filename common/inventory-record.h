/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of the filesystem inventory, in the form in which it is digested:
 * little-endian, of known layout, so that whoever holds a dossier can make the same bytes again and
 * check what the chain of blocks says about them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INVENTORY_PATH_MAX 16384U
#define INVENTORY_TARGET_MAX 4096U
#define INVENTORY_NAME_MAX 1024U
#define INVENTORY_DIGEST_SIZE 32U
#define INVENTORY_RECORD_MAX                                                                       \
    (256U + INVENTORY_PATH_MAX + INVENTORY_TARGET_MAX + 2 * INVENTORY_NAME_MAX)

typedef enum InventoryChange {
    INVENTORY_AS_IT_IS, /* of a full block; unchanged, in an index */
    INVENTORY_CREATED,
    INVENTORY_CONTENTS_MODIFIED,
    INVENTORY_DELETED,
    INVENTORY_METADATA_MODIFIED,
    _INVENTORY_CHANGE_MAX,
} InventoryChange;

typedef enum InventoryAlgorithm {
    INVENTORY_NO_DIGEST,
    INVENTORY_SHA256,
    /* Of a file with large holes: SHA-256 over, for each stretch of data, its offset and its length
     * (64 bits each, little-endian) and its bytes. */
    INVENTORY_SHA256_EXTENTS,
    _INVENTORY_ALGORITHM_MAX,
} InventoryAlgorithm;

typedef enum InventoryPackageKind {
    INVENTORY_NO_PACKAGE,
    INVENTORY_DPKG,
    INVENTORY_RPM,
    _INVENTORY_PACKAGE_KIND_MAX,
} InventoryPackageKind;

enum {
    INVENTORY_RACY = 1 << 0,         /* changed in the moment of the scan: to be read again */
    INVENTORY_OTHER_SYSTEM = 1 << 1, /* a mount point that was not entered */
    INVENTORY_TOO_DEEP = 1 << 2,     /* a folder that was not entered */
    _INVENTORY_FLAGS_ALL = (1 << 3) - 1,
};

typedef struct InventoryTime {
    int64_t seconds;
    uint32_t nanoseconds;
} InventoryTime;

typedef struct InventoryText {
    const char *data;
    size_t size;
} InventoryText;

typedef struct InventoryRecord {
    uint8_t change, flags, algorithm, package_kind;
    uint16_t error; /* errno of reading the file or the folder; ESTALE: it changed meanwhile */
    uint32_t mode, uid, gid, links;
    uint64_t device, special, inode, size, blocks;
    InventoryTime accessed, modified, changed, created;
    uint8_t digest[INVENTORY_DIGEST_SIZE]; /* zeros without an algorithm */
    InventoryText path;                    /* absolute */
    InventoryText target;                  /* of a symlink */
    InventoryText package, version;
} InventoryRecord;

size_t inventory_record_size(const InventoryRecord *r);
/* Writes exactly inventory_record_size() bytes. */
void inventory_record_encode(const InventoryRecord *r, uint8_t *buffer);
/* Texts point into data. Returns the bytes used, 0 when there are too few yet, -EBADMSG. */
int inventory_record_decode(const void *data, size_t size, InventoryRecord *ret);

/* How many bytes both begin with. */
size_t inventory_path_shared(InventoryText a, InventoryText b);
/* A folder comes right before what is in it, names in the order of their bytes. */
int inventory_path_compare(InventoryText a, InventoryText b);
/* Is it the folder itself, or below it? */
bool inventory_path_is_below(InventoryText path, const char *folder, size_t folder_size);

/* "executable", "directory", "config", "volatile", "library", "unclassified" */
const char *inventory_classify(InventoryText path, uint32_t mode);

/* What a block says about itself, and the digest that the next block repeats. */
typedef struct InventoryBlock {
    uint64_t number;
    uint64_t base; /* number of the full block that it builds on; its own when it is full */
    uint64_t begin_usec, end_usec; /* of the scan, since the epoch */
    uint64_t n_records;
    uint8_t content[INVENTORY_DIGEST_SIZE];  /* SHA-256 of all records in their order */
    uint8_t scope[INVENTORY_DIGEST_SIZE];    /* SHA-256 of what says which files it is about */
    uint8_t previous[INVENTORY_DIGEST_SIZE]; /* digest of the block before; zeros for the first */
} InventoryBlock;
/* What a dossier says of a block that is not as it was. */
#define INVENTORY_REASON_GONE "There is no block of this number any more"
int inventory_block_digest(const InventoryBlock *block, uint8_t ret[INVENTORY_DIGEST_SIZE]);
