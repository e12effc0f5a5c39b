/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of the configuration, sealed: the configuration has text that only this router can
 * open, and each only for what it was sealed for. The key for that is keyd's own, one file sealed
 * under the key-encryption key, so that the texts outlive a change of the latter.
 *
 * The file: "CHANBOX" and the version, 1; 16 bytes: id of the key-encryption key; 12: nonce; 32:
 * the key under AES-256-GCM; 16: tag. What stands before the nonce is associated data. The text:
 * base64url, without padding, of the version, 1; 12 bytes: nonce; a multiple of 64 bytes of content
 * under AES-256-GCM, which is the password and zeros; 16: tag. The purpose is associated data. */
#pragma once

#include "der.h"
#include "kek.h"

#define SECRET_BOX_FILE "secrets"
#define SECRET_MAX 255U
#define SECRET_TEXT_MAX 500U

typedef struct SecretBox SecretBox;

/* Makes the file when there is none. -ENOKEY: sealed under another key-encryption key; -EBADMSG,
 * -EKEYREJECTED: damaged. */
int secret_box_open(int dirfd, const Kek *kek, SecretBox **ret);
SecretBox *secret_box_free(SecretBox *box);
DEFINE_TRIVIAL_CLEANUP_FUNC(SecretBox *, secret_box_free);
/* Seals the file anew. Returns 1, or 0 when that was done already or there is none; errors as
 * above. */
int secret_box_rekey(int dirfd, const Kek *from, const Kek *to);

/* 1 to SECRET_MAX bytes, none of them zero, else -EINVAL. */
int secret_box_seal(const SecretBox *box, const char *purpose, DerSpan clear, char **ret);
/* *ret ends with a zero byte, is in memory for secrets, and is to be given back with secure_free().
 * -EBADMSG: no such text, not of this router, or for something else. */
int secret_box_unseal(const SecretBox *box, const char *purpose, const char *text, char **ret);
