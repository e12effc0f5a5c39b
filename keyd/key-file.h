/* SPDX-License-Identifier: Apache-2.0 */
/* A key on disk. All numbers are big-endian.
 *
 *     8 bytes   "CHANKEY" and the version, 1
 *     16        id of the key-encryption key
 *     2, n      algorithm
 *     2, n      label
 *     2, n      usage
 *     8         creation, microseconds since the epoch
 *     2, n      public key, DER SubjectPublicKeyInfo
 *     12        nonce, new for each file
 *     n         the private key: PKCS#8 under AES-256-GCM
 *     16        tag
 *
 * Everything before the nonce is associated data: a file whose label, algorithm or public key was
 * changed, or that was put together from two, does not open. */
#pragma once

#include <stddef.h>

#include "kek.h"
#include "key.h"

#define KEY_FILE_SIZE_MAX 16384U

/* *ret_data holds nothing that is secret, and is to be freed with free(). */
int key_file_seal(const Kek *kek, const Key *key, void **ret_data, size_t *ret_size);

/* -EBADMSG: not such a file; -ENOKEY: sealed with another KEK; -EKEYREJECTED: changed since it was
 * sealed; -ENOMEM. */
int key_file_open(const Kek *kek, const void *data, size_t size, Key **ret);
