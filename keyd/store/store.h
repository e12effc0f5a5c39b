/* SPDX-License-Identifier: Apache-2.0 */
/* All keys: loaded and unsealed once, found by algorithm and label; on disk one sealed file each
 * (key-file.h), under a name that is a hash. Main loop only, but for store_write(). */
#pragma once

#include "kek.h"
#include "key.h"

#define STORE_KEYS_MAX 1024U
/* Keys that are next or previous, besides. */
#define STORE_ASIDE_MAX 512U

typedef struct Store Store;

/* A name that a key's file may have. */
bool store_is_file_name(const char *name);

/* Takes over kek, which may be NULL: then no key can be opened, and none be made (-ENOKEY); and
 * dirfd, on failure too. Clears what a killed process left behind, loads every key file; what is
 * damaged is moved aside, what another KEK sealed is left alone, both are logged.
 */
int store_open(int dirfd, Kek *kek, Store **ret);
Store *store_free(Store *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Store *, store_free);

/* Is there a key-encryption key? */
bool store_is_open(const Store *s);

/* Borrowed; NULL when there is none. Only current keys are found, counted and got. */
Key *store_find(Store *s, const char *algorithm, const char *label);
Key *store_find_slot(Store *s, const char *algorithm, const char *label, KeySlot slot);
size_t store_count(Store *s);
Key *store_get(Store *s, size_t i);

/* Claims a name for a key that is about to be made, so that no other takes it meanwhile. -EEXIST
 * when there is a key and it is not to be replaced; -ENOKEY when there is no key-encryption key;
 * -EBUSY when the name is claimed; -EDQUOT when there would be more than STORE_KEYS_MAX. */
int store_claim(Store *s, const KeyAlgorithm *algorithm, const char *label, bool replace);
void store_unclaim(Store *s, const KeyAlgorithm *algorithm, const char *label);

/* Seals the key and makes it durable, replacing what was there. From any thread; blocks. */
int store_write(Store *s, const Key *key);
/* Removes the key's file for good. From any thread; blocks. -ENOENT. */
int store_erase(Store *s, const Key *key);
/* Removes the files of the next and the previous key of that name, if there are any: before the
 * current one is replaced or removed by somebody. The same. */
int store_erase_aside(Store *s, const KeyAlgorithm *algorithm, const char *label);
/* The key, whose file has been erased, is known no more; nor are the next and the previous one. */
void store_forget(Store *s, const KeyAlgorithm *algorithm, const char *label);
void store_forget_slot(Store *s, const KeyAlgorithm *algorithm, const char *label, KeySlot slot);
/* The key, which has been written, becomes visible in its slot, replacing what was there. Returns 1
 * when it replaced one. */
int store_publish(Store *s, Key *key);
