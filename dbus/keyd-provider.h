/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the built-in provider: OpenSSL's side (keyd-provider.c) and the bus
 * side (keyd-client.c). */
#pragma once

#include <openssl/core.h>
#include <stddef.h>
#include <stdint.h>

#define KEYD_PROVIDER_NAME "keyd"
#define DEFAULT_QUERY "provider=default"

/* Parameters with which EVP_PKEY_fromdata() makes a key of this provider that stands for one in
 * keyd. Text is UTF-8, the rest octet strings. */
#define KEYD_PARAM_ALGORITHM "keyd-algorithm"
#define KEYD_PARAM_LABEL "keyd-label"
#define KEYD_PARAM_PURPOSE "keyd-purpose"
#define KEYD_PARAM_CERTIFICATE "keyd-certificate"
#define KEYD_PARAM_PAIR "keyd-pair"
#define KEYD_PARAM_KEY_SIZE "keyd-key-size"
#define KEYD_PARAM_PUBLIC_KEY "keyd-public-key" /* DER SubjectPublicKeyInfo */

/* Parameters of a signature that is begun: what is to be signed is in that sealed memory file
 * (int), from there (size_t) to its end. */
#define KEYD_PARAM_INPUT_FILE "keyd-input-file"
#define KEYD_PARAM_INPUT_OFFSET "keyd-input-offset"

/* Which key, and what it is used for. */
typedef struct KeydReference {
    char *algorithm;
    char *label;
    char *purpose;
    void *certificate; /* DER; NULL when there is none */
    size_t certificate_size;
    char *pair;      /* "encryption"; NULL: the one that is for the purpose */
    size_t key_size; /* of keys that are unwrapped; 0: none are */
} KeydReference;

/* What is to be signed: a sealed memory file, from the offset on. */
typedef struct KeydInput {
    int fd;
    size_t offset;
} KeydInput;

/* Asks keyd to sign it. digest: "sha256", ...; "" for ed25519. The caller owns *ret_signature.
 * -EINVAL: whoever reaches keyd over a channel takes whole files only. */
int keyd_sign(const KeydReference *reference, const char *digest, KeydInput input,
              void **ret_signature, size_t *ret_size);

/* Asks keyd for the content key in a key transport, or a key agreement. The caller wipes and frees
 * *ret_key, which has reference->key_size bytes. */
int keyd_unwrap(const KeydReference *reference, const void *encrypted, size_t encrypted_size,
                void **ret_key);

int keyd_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **ret_out, void **ret_provctx);
