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
#define KEYD_PARAM_PUBLIC_KEY "keyd-public-key" /* DER SubjectPublicKeyInfo */

/* Which key, and what it is used for. */
typedef struct KeydReference {
    char *algorithm;
    char *label;
    char *purpose;
    void *certificate; /* DER; NULL when there is none */
    size_t certificate_size;
} KeydReference;

/* Asks keyd to sign the content of a sealed memory file. digest: "sha256", ...; "" for ed25519. The
 * caller owns *ret_signature. */
int keyd_sign(const KeydReference *reference, const char *digest, int to_be_signed,
              void **ret_signature, size_t *ret_size);

int keyd_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **ret_out, void **ret_provctx);
