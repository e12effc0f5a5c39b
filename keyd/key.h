/* SPDX-License-Identifier: Apache-2.0 */
/* One key pair. It does not change after it was made, but for what threads change together, so that
 * any thread may use it that holds a reference. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "algorithm.h"
#include "cleanup.h"
#include "openssl-util.h"
#include "signer.h"
#include "unwrap.h"

#define KEY_USAGE_GENERAL "general"
/* Usage keys: two pairs of one label, each for one thing and nothing else. */
#define KEY_USAGE_SIGNATURE "signature"
#define KEY_USAGE_ENCRYPTION "encryption"

/* While a key is renewed there are up to three of one name; nobody but the renewal sees the other
 * two. */
typedef enum KeySlot {
    KEY_CURRENT,
    KEY_NEXT,     /* made, not yet used */
    KEY_PREVIOUS, /* replaced, until its successor has proved itself */
} KeySlot;

typedef struct Key {
    atomic_uint references;
    const KeyAlgorithm *algorithm;
    char *label;
    const char *usage; /* static */
    KeySlot slot;
    uint64_t created; /* microseconds since the epoch */
    bool exportable;  /* as backup.h says; as it was made */
    unsigned bits;
    uint8_t *public_key; /* DER SubjectPublicKeyInfo; of OpenSSL's memory */
    size_t public_key_size;
    EVP_PKEY *pkey;
    struct Key *encryption; /* of a signature pair: the other one */
    /* What changes. */
    UnwrapBudget budget;
    Signers signers;
} Key;

/* Takes over pkey. -EINVAL when it is not a key of the algorithm. */
int key_new(const KeyAlgorithm *algorithm, const char *label, const char *usage, uint64_t created,
            EVP_PKEY *pkey, Key **ret);
/* Takes over encryption, on failure too: the partner of a signature pair that nobody else uses yet.
 * -EINVAL when they do not go together. */
int key_join(Key *signature, Key *encryption);
/* Encryption pairs do not, except for their certificates: typed-sign.h. */
bool key_signs(const Key *k);
Key *key_ref(Key *k);
Key *key_unref(Key *k);
DEFINE_TRIVIAL_CLEANUP_FUNC(Key *, key_unref);

bool key_is(const Key *k, const char *algorithm, const char *label);
/* The same key pair in another slot. -EOPNOTSUPP for usage keys. */
int key_move(const Key *k, KeySlot slot, Key **ret);
bool key_is_same_pair(const Key *a, const Key *b);
DerSpan key_public_key(const Key *k);

/* Makes a pair; may take minutes. is_cancelled is polled meanwhile (may be NULL): -ECANCELED. bits
 * is for rsa only. -ENOMEM when memory for secrets is short. */
int key_generate(const KeyAlgorithm *algorithm, unsigned bits, bool (*is_cancelled)(void *userdata),
                 void *userdata, EVP_PKEY **ret);

/* Signs: PKCS#1 v1.5, ECDSA-Sig-Value or 64 bytes of ed25519. The input is handed to check piece by
 * piece before it goes into the digest (may be NULL); its error ends it. -EINVAL for a digest that
 * the key does not take. *ret is to be freed with free(). */
int key_sign(Key *k, Digest digest, DerSpan input, int (*check)(DerSpan piece, void *userdata),
             void *userdata, uint8_t **ret, size_t *ret_size);
/* The same of what has gone into a hash of that digest already. -EINVAL also for ed25519. */
int key_sign_hashed(Key *k, Digest digest, const EVP_MD_CTX *hash, uint8_t **ret, size_t *ret_size);
