/* SPDX-License-Identifier: Apache-2.0 */
/* The public keys that let users in over ssh: one list, which is never changed but replaced. It is
 * one file of the state, and one file for sshd's helper, so that a change of many keys is as atomic
 * as that of one. */
#pragma once

#include "user-key.h"

#define USER_KEYS_MAX 256U
#define USER_KEY_SLOTS 4U
#define USER_KEYS_FILE "user-keys"
/* In $RUNTIME_DIRECTORY, for everybody: lines of user, "ssh-rsa" and base64. */
#define USER_KEYS_EXPORT "authorized-keys"

typedef struct UserKeyEntry {
    char user[USER_NAME_MAX + 1];
    unsigned slot;     /* 1 to USER_KEY_SLOTS */
    uint64_t imported; /* microseconds since the epoch */
    UserKey key;
} UserKeyEntry;

typedef struct UserKeys {
    size_t n;
    UserKeyEntry entries[];
} UserKeys;

UserKeys *user_keys_free(UserKeys *u);
DEFINE_TRIVIAL_CLEANUP_FUNC(UserKeys *, user_keys_free);

UserKeys *user_keys_new_empty(void);
/* An empty list when there is no file. -EBADMSG when it is damaged. */
int user_keys_load(int dirfd, UserKeys **ret);
/* From any thread; block. What a killed process left behind is cleared by store_open() in the state
 * directory, and by exporting in the other. */
int user_keys_save(int dirfd, const UserKeys *u);
int user_keys_export(int dirfd, const UserKeys *u);
/* Both. When the list has been saved it is the one that counts, although it may not be exported:
 * then nothing is, as sshd must never go on with a key that is gone. */
int user_keys_put(int state_fd, int runtime_fd, const UserKeys *u, bool *ret_saved);

const UserKeyEntry *user_keys_find(const UserKeys *u, const char *user, unsigned slot);
/* A copy with that entry, whose key is taken over, in place of the one in its slot. -EDQUOT when
 * there would be more than USER_KEYS_MAX. */
int user_keys_with(const UserKeys *u, UserKeyEntry *entry, UserKeys **ret);
/* A copy without some: user NULL is everybody, slot 0 each. Its size tells whether there were any.
 */
int user_keys_without(const UserKeys *u, const char *user, unsigned slot, UserKeys **ret);
