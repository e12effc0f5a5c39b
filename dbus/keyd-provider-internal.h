/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the provider: keys (keyd-provider-key.c), signatures (keyd-provider-sign.c),
 * content keys and the provider itself (keyd-provider.c). */
#pragma once

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "keyd-provider.h"

#define FUNCTION(f) ((void (*)(void))(f))

typedef struct KeydKey {
    atomic_uint references;
    OSSL_LIB_CTX *context;
    const char *type;        /* "RSA", "EC", "ED25519", "DSA" */
    EVP_PKEY *public_key;    /* of the default provider */
    KeydReference reference; /* algorithm is NULL for a key that is a public half only */
} KeydKey;

KeydKey *keyd_key_ref(KeydKey *key);
void keyd_key_unref(void *data);
/* What KEYD_PARAM_... say, as a key of a type, "RSA", "EC" or "ED25519"; NULL. */
KeydKey *keyd_key_from_params(OSSL_LIB_CTX *context, const char *type, const OSSL_PARAM params[]);
/* OSSL_FUNC_keymgmt_has */
int keyd_key_has(const void *data, int selection);

/* A parameter that asks for PKCS #1 v1.5. */
bool keyd_is_pkcs1_padding(const OSSL_PARAM *p);

extern const OSSL_DISPATCH keyd_rsa_key_functions[], keyd_ec_key_functions[],
    keyd_ed25519_key_functions[], keyd_dsa_key_functions[];
extern const OSSL_DISPATCH keyd_signature_functions[];
