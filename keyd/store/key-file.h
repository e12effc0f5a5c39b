/* SPDX-License-Identifier: Apache-2.0 */
/* A key on disk. All numbers are big-endian.
 *
 *     8 bytes   "CHANKEY" and the version, 2
 *     16        id of the key-encryption key
 *     2, n      algorithm
 *     2, n      label
 *     2, n      usage: general, or signature: then two pairs, the second is for encryption
 *     4         flags: 1 the key is exportable, 2 it is a name's next key, 4 its previous one (not
 *               both); the others are 0
 *     8         creation, microseconds since the epoch
 *     2, n      public key, DER SubjectPublicKeyInfo
 *     2, n      the second pair's, else empty
 *     12        nonce, new for each file
 *     n         the private keys, one after the other: PKCS#8 under AES-256-GCM
 *     16        tag
 *
 * Version 1 has neither flags nor a second public key; it is read, and never written. Two pairs of
 * one label are one file, so that a kill never leaves one without, or with the wrong, other.
 *
 * Everything before the nonce is associated data: a file whose label, usage, flags or public key
 * was changed, or that was put together from two, does not open. */
#pragma once

#include <stddef.h>

#include "kek.h"
#include "key.h"

#define KEY_FILE_SIZE_MAX 16384U

/* *ret_data holds nothing that is secret, and is to be freed with free(). */
int key_file_seal(const Kek *kek, const Key *key, void **ret_data, size_t *ret_size);

/* The part that is associated data, with a key-encryption key of zeros; as above. And back, from it
 * and what was sealed. */
int key_file_describe(const Key *key, void **ret_data, size_t *ret_size);
int key_file_assemble(DerSpan description, DerSpan private_keys, Key **ret);

/* -EBADMSG: not such a file; -ENOKEY: sealed with another KEK; -EKEYREJECTED: changed since it was
 * sealed; -ENOMEM. */
int key_file_open(const Kek *kek, const void *data, size_t size, Key **ret);
