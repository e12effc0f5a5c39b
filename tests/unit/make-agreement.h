/* SPDX-License-Identifier: Apache-2.0 */
/* A KeyAgreeRecipientInfo (RFC 5652 section 6.2.2, RFC 5753) made by hand, each part of which can
 * be another one: what a sender does, down to the derivation, without the code that is tested. */
#pragma once

#include "test-common.h"

#include "key-agreement.h"
#include "openssl-util.h"

#define BYTES(text) ((DerSpan){(const uint8_t *)(text), sizeof(text) - 1})
#define SCHEME_SHA256 BYTES("\x2b\x81\x04\x01\x0b\x01")
#define SCHEME_SHA1 BYTES("\x2b\x81\x05\x10\x86\x48\x3f\x00\x02")
#define WRAP_AES128 BYTES("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x05")
#define WRAP_AES256 BYTES("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2d")
#define EC_PUBLIC_KEY BYTES("\x2a\x86\x48\xce\x3d\x02\x01")

typedef struct Buffer {
    uint8_t data[4096];
    size_t size;
} Buffer;

static inline void buffer_raw(Buffer *b, DerSpan bytes)
{
    assert_true(b->size + bytes.size <= sizeof b->data);
    if (bytes.size > 0)
        memcpy(b->data + b->size, bytes.data, bytes.size);
    b->size += bytes.size;
}

static inline void buffer_add(Buffer *b, uint8_t tag, DerSpan content)
{
    const uint8_t head[] = {tag, 0x82, (uint8_t)(content.size >> 8), (uint8_t)content.size};

    if (content.size > 0xff)
        buffer_raw(b, (DerSpan){head, 4});
    else if (content.size > 0x7f)
        buffer_raw(b, (DerSpan){(const uint8_t[]){tag, 0x81, (uint8_t)content.size}, 3});
    else
        buffer_raw(b, (DerSpan){(const uint8_t[]){tag, (uint8_t)content.size}, 2});
    buffer_raw(b, content);
}

static inline DerSpan buffer_span(const Buffer *b)
{
    return (DerSpan){b->data, b->size};
}

static inline void buffer_wrap(Buffer *b, uint8_t tag)
{
    const Buffer inner = *b;

    b->size = 0;
    buffer_add(b, tag, buffer_span(&inner));
}

/* What a part is when it is not said. */
typedef struct AgreementParts {
    const char *version;    /* one octet; NULL: 3 */
    DerSpan key_algorithm;  /* of the ephemeral key; EC_PUBLIC_KEY */
    DerSpan key_parameters; /* the same, with tag and length; none */
    DerSpan point;
    DerSpan material; /* user keying material; none */
    DerSpan scheme;   /* SCHEME_SHA256 */
    DerSpan wrap;     /* WRAP_AES128 */
    DerSpan rid;      /* with tag and length; a SEQUENCE with nothing in it */
    DerSpan wrapped;
    size_t n_keys;    /* 1 */
    uint8_t tag;      /* KEY_AGREEMENT_TAG */
    DerSpan trailing; /* after the last part */
} AgreementParts;

static inline DerSpan agreement_part(DerSpan given, DerSpan usual)
{
    return given.data ? given : usual;
}

static inline void agreement_make(const AgreementParts *parts, Buffer *ret)
{
    Buffer algorithm = {.size = 0}, key = {.size = 0}, scheme = {.size = 0}, one = {.size = 0},
           keys = {.size = 0}, material = {.size = 0}, bits = {.size = 0};

    buffer_add(&algorithm, DER_OID, agreement_part(parts->key_algorithm, EC_PUBLIC_KEY));
    buffer_raw(&algorithm, parts->key_parameters);
    buffer_add(&key, DER_SEQUENCE, buffer_span(&algorithm));
    buffer_raw(&bits, BYTES("\0"));
    buffer_raw(&bits, parts->point);
    buffer_add(&key, DER_BIT_STRING, buffer_span(&bits));
    buffer_wrap(&key, DER_CONTEXT_CONSTRUCTED(1));
    buffer_add(&scheme, DER_OID, agreement_part(parts->scheme, SCHEME_SHA256));
    buffer_raw(&scheme, agreement_part(parts->wrap, WRAP_AES128));
    buffer_raw(&one, agreement_part(parts->rid, BYTES("\x30\x00")));
    buffer_add(&one, DER_OCTET_STRING, parts->wrapped);
    buffer_wrap(&one, DER_SEQUENCE);
    for (size_t i = 0; i < (parts->n_keys ? parts->n_keys : 1); i++)
        buffer_raw(&keys, buffer_span(&one));
    ret->size = 0;
    buffer_add(ret, DER_INTEGER,
               (DerSpan){(const uint8_t *)(parts->version ? parts->version : "\3"), 1});
    buffer_add(ret, DER_CONTEXT_CONSTRUCTED(0), buffer_span(&key));
    if (parts->material.data) {
        buffer_add(&material, DER_OCTET_STRING, parts->material);
        buffer_add(ret, DER_CONTEXT_CONSTRUCTED(1), buffer_span(&material));
    }
    buffer_add(ret, DER_SEQUENCE, buffer_span(&scheme));
    buffer_add(ret, DER_SEQUENCE, buffer_span(&keys));
    buffer_raw(ret, parts->trailing);
    buffer_wrap(ret, parts->tag ? parts->tag : KEY_AGREEMENT_TAG);
}

/* --- What a sender computes ------------------------------------------------------------------- */

static inline size_t agreement_point(EVP_PKEY *key, uint8_t ret[static 256])
{
    size_t size;

    assert_int_equal(EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", ret, 256, &size), 1);
    return size;
}

/* ANSI X9.63: the digest of secret, counter and what is shared, as often as is needed. */
static inline void agreement_derive(const EVP_MD *md, DerSpan secret, DerSpan shared, uint8_t *out,
                                    size_t size)
{
    uint8_t counter = 0, block[EVP_MAX_MD_SIZE];
    unsigned n;

    for (size_t at = 0; at < size; at += n) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();

        counter++;
        assert_int_equal(EVP_DigestInit_ex(context, md, NULL), 1);
        assert_int_equal(EVP_DigestUpdate(context, secret.data, secret.size), 1);
        assert_int_equal(EVP_DigestUpdate(context, (const uint8_t[]){0, 0, 0, counter}, 4), 1);
        assert_int_equal(EVP_DigestUpdate(context, shared.data, shared.size), 1);
        assert_int_equal(EVP_DigestFinal_ex(context, block, &n), 1);
        memcpy(out + at, block, n < size - at ? n : size - at);
        EVP_MD_CTX_free(context);
    }
}

static inline void agreement_shared_info(const AgreementParts *parts, size_t wrap_key_size,
                                         Buffer *ret)
{
    const uint8_t bits[] = {0, 0, (uint8_t)(wrap_key_size >> 5), (uint8_t)(wrap_key_size << 3)};
    Buffer inner = {.size = 0};

    ret->size = 0;
    buffer_raw(ret, agreement_part(parts->wrap, WRAP_AES128));
    if (parts->material.data) {
        buffer_add(&inner, DER_OCTET_STRING, parts->material);
        buffer_add(ret, DER_CONTEXT_CONSTRUCTED(0), buffer_span(&inner));
        inner.size = 0;
    }
    buffer_add(&inner, DER_OCTET_STRING, (DerSpan){bits, sizeof bits});
    buffer_add(ret, DER_CONTEXT_CONSTRUCTED(2), buffer_span(&inner));
    buffer_wrap(ret, DER_SEQUENCE);
}

static inline size_t agreement_wrap(const uint8_t *wrap_key, size_t wrap_key_size, DerSpan key,
                                    uint8_t ret[static 64])
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = wrap_key_size == 16   ? EVP_aes_128_wrap()
                               : wrap_key_size == 24 ? EVP_aes_192_wrap()
                                                     : EVP_aes_256_wrap();
    int n;

    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    assert_int_equal(EVP_EncryptInit_ex(context, cipher, NULL, wrap_key, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, ret, &n, key.data, (int)key.size), 1);
    EVP_CIPHER_CTX_free(context);
    return (size_t)n;
}

typedef struct AgreementRoom {
    uint8_t point[256], wrapped[64];
} AgreementRoom;

/* Point and wrapped key for a recipient, into room, of an ephemeral key that is given. */
static inline void agreement_seal(AgreementParts *parts, AgreementRoom *room, EVP_PKEY *ephemeral,
                                  EVP_PKEY *recipient, const char *digest, size_t wrap_key_size,
                                  DerSpan content_key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ephemeral, NULL);
    uint8_t secret[256], wrap_key[32];
    size_t n = sizeof secret;
    Buffer shared;

    assert_int_equal(EVP_PKEY_derive_init(context), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(context, recipient), 1);
    assert_int_equal(EVP_PKEY_derive(context, secret, &n), 1);
    EVP_PKEY_CTX_free(context);
    agreement_shared_info(parts, wrap_key_size, &shared);
    agreement_derive(EVP_get_digestbyname(digest), (DerSpan){secret, n}, buffer_span(&shared),
                     wrap_key, wrap_key_size);
    parts->point = (DerSpan){room->point, agreement_point(ephemeral, room->point)};
    parts->wrapped = (DerSpan){room->wrapped,
                               agreement_wrap(wrap_key, wrap_key_size, content_key, room->wrapped)};
}
