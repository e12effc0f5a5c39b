/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for unit tests, made on the spot. Whatever fails here ends the test program. */
#pragma once

#include <stdbool.h>

#include "openssl-util.h"

typedef struct CertificateRecipe {
    const char *name;   /* CN */
    const char *issuer; /* CN; NULL: self-signed */
    bool version1;      /* no extensions */
    bool not_ca;        /* basicConstraints with CA:FALSE */
    bool no_basic_constraints;
    const char *key_usage; /* in OpenSSL's words; NULL: none */
    unsigned rsa_bits; /* its key is an RSA key of that size, and make_key() signs all the same */
    int days_from, days_until; /* from now; 0, 0: until 30 days from now */
} CertificateRecipe;

X509 *make_certificate(const CertificateRecipe *recipe);
/* The same in DER; the caller frees. */
void *make_certificate_der(const CertificateRecipe *recipe, size_t *ret_size);
/* The key that signs them all. */
EVP_PKEY *make_key(void);

/* Appends to a growing buffer: start with all zero. */
typedef struct Buffer {
    uint8_t *data;
    size_t size, capacity;
} Buffer;
void buffer_add(Buffer *b, const void *data, size_t size);
void buffer_add_text(Buffer *b, const char *text);
/* A PEM block with this label. */
void buffer_add_pem(Buffer *b, const char *label, const void *der, size_t size);
/* One DER element around content. */
void buffer_add_der(Buffer *b, uint8_t tag, const void *content, size_t size);
void buffer_done(Buffer *b);
