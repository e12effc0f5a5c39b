/* SPDX-License-Identifier: Apache-2.0 */
/* The key-encryption key, under which private keys lie on disk. systemd decrypts it (TPM2, or the
 * host's key) into $CREDENTIALS_DIRECTORY; here it is in memory for secrets only. */
#pragma once

#include <stdint.h>

#include "cleanup.h"

#define KEK_CREDENTIAL "chancery-kek"
#define KEK_SIZE 32U
#define KEK_ID_SIZE 16U

typedef struct Kek {
    uint8_t key[KEK_SIZE];
    uint8_t id[KEK_ID_SIZE]; /* says nothing about the key; tells files of another KEK from damaged
                                ones */
} Kek;

int kek_new(const uint8_t key[KEK_SIZE], Kek **ret);
/* -ENXIO without $CREDENTIALS_DIRECTORY, -ENOENT without the credential, -EBADMSG when it is not
 * KEK_SIZE bytes. */
int kek_load(const char *credential, Kek **ret);
Kek *kek_free(Kek *k);
DEFINE_TRIVIAL_CLEANUP_FUNC(Kek *, kek_free);
