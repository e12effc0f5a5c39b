/* SPDX-License-Identifier: Apache-2.0 */
/* What users ask keyd to sign for TLS and SSH. */
#include <stdlib.h>

#include "secure-memory.h"
#include "ssh-input.h"
#include "tls-input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The seed is its private key: what the corpus has the public key of. */
static Key *key_of_zeros(void)
{
    static const uint8_t zeros[32];
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    if (secure_memory_init() >= 0)
        pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, zeros, sizeof zeros);
    if (!pkey ||
        key_new(key_algorithm_find("ed25519"), "fuzz", KEY_USAGE_GENERAL, 0, pkey, &key) < 0)
        abort();
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Key *key;
    const DerSpan input = {data, size};
    const char *reason = NULL;

    if (!key)
        key = key_of_zeros();
    /* Nothing is both. */
    if (ssh_input_check(input, key, DIGEST_NONE, &reason) >= 0 &&
        tls_input_check(input, TLS_SERVER | TLS_CLIENT, &reason) >= 0)
        abort();
    return 0;
}
