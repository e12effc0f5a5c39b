/* SPDX-License-Identifier: Apache-2.0 */
/* Files against the digests that they should have. Batches are numbers of 32 bits, little-endian,
 * and so many bytes: records of an algorithm, the size of the digest, the digest, the size of the
 * path (16 bits), and the path. The answer to a batch is a byte for each record. A batch of no
 * bytes is the end. The first batch is a number of 64 bits: how many bytes a second may be read, 0
 * for no limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BATCH_MAX (64U << 10)

typedef enum DigestVerdict {
    DIGEST_SAME = 's',
    DIGEST_CHANGED = 'c',
    DIGEST_MISSING = 'm',
    DIGEST_UNREADABLE = 'u',
} DigestVerdict;

typedef struct DigestRecord {
    const char *algorithm; /* of OpenSSL */
    const uint8_t *digest;
    size_t digest_size;
    const char *path; /* not ended by a zero byte */
    size_t path_size;
} DigestRecord;

/* The record at *at of a batch. Returns 1, 0 at the end, -EBADMSG. */
int digest_record_next(const uint8_t *batch, size_t size, size_t *at, DigestRecord *ret);

/* Paths are from root_fd; no symlink is followed in the last place. Until the end, or until the
 * client has gone. */
int probe_digests(int root_fd, int fd);
