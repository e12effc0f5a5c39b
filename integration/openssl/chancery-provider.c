/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenSSL provider "chancery": any program that uses OpenSSL 3 for TLS takes a key that the
 * configuration grants to its user (crypto key grant), from the file that stands for it, and the
 * key stays in keyd. See chancery-openssl(7). */
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/provider.h>

#include "key-reference.h"
#include "keyd-provider-internal.h"
#include "openssl-util.h"

#define PURPOSE "tls"
/* What OpenSSL calls the inside of the file between its decoders. */
#define STRUCTURE "chancery-key-reference"

/* --- Keys from files -------------------------------------------------------------------------- */

typedef struct Decoder {
    OSSL_LIB_CTX *context;
} Decoder;

static void *decoder_new(void *provctx)
{
    Decoder *d = calloc(1, sizeof *d);

    if (d)
        d->context = provctx;
    return d;
}

static void decoder_free(void *data)
{
    free(data);
}

static const char *type_of(const char *algorithm)
{
    return strncmp(algorithm, "ecdsa", 5) == 0 ? "EC" : streq(algorithm, "rsa") ? "RSA" : "ED25519";
}

static KeydKey *key_from_reference(OSSL_LIB_CTX *context, const char *type, KeyReference *r)
{
    char purpose[] = PURPOSE;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(KEYD_PARAM_ALGORITHM, r->algorithm, 0),
        OSSL_PARAM_construct_utf8_string(KEYD_PARAM_LABEL, r->label, 0),
        OSSL_PARAM_construct_utf8_string(KEYD_PARAM_PURPOSE, purpose, 0),
        OSSL_PARAM_construct_octet_string(
            KEYD_PARAM_PUBLIC_KEY, (void *)(uintptr_t)r->public_key.data, r->public_key.size),
        OSSL_PARAM_construct_end(),
    };

    return keyd_key_from_params(context, type, params);
}

static int hand_over(KeydKey *key, const char *type, OSSL_CALLBACK *callback, void *userdata)
{
    int object = OSSL_OBJECT_PKEY, r;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)(uintptr_t)type, 0),
        /* Whoever loads it takes it, and leaves NULL. */
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
        OSSL_PARAM_construct_end(),
    };

    r = callback(params, userdata);
    keyd_key_unref(key);
    return r;
}

/* What is not ours is no error: others are asked then. */
static int decode_der(const Decoder *d, const char *type, OSSL_CORE_BIO *in,
                      OSSL_CALLBACK *callback, void *userdata)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_from_core_bio(d->context, in);
    uint8_t der[KEY_REFERENCE_SIZE_MAX + 1];
    KeyReference reference;
    KeydKey *key = NULL;
    size_t size = 0, n;

    if (!bio)
        return 0;
    while (size < sizeof der && BIO_read_ex(bio, der + size, sizeof der - size, &n) == 1)
        size += n;
    (void)ERR_set_mark();
    if (key_reference_parse((DerSpan){der, size}, &reference) >= 0 &&
        streq(type_of(reference.algorithm), type))
        key = key_from_reference(d->context, type, &reference);
    (void)ERR_pop_to_mark();
    return key ? hand_over(key, type, callback, userdata) : 1;
}

#define DECODE_FUNCTION(name, type)                                                                \
    static int name(void *data, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,         \
                    void *userdata, OSSL_PASSPHRASE_CALLBACK *passphrase,                          \
                    void *passphrase_userdata)                                                     \
    {                                                                                              \
        return decode_der(data, type, in, callback, userdata);                                     \
    }
DECODE_FUNCTION(decode_rsa, "RSA")
DECODE_FUNCTION(decode_ec, "EC")
DECODE_FUNCTION(decode_ed25519, "ED25519")

/* OpenSSL's own decoder of PEM leaves out what it has no name for. */
static int decode_pem(void *data, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
                      void *userdata, OSSL_PASSPHRASE_CALLBACK *passphrase,
                      void *passphrase_userdata)
{
    const Decoder *d = data;
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_from_core_bio(d->context, in);
    _cleanup_openssl_free_ char *name = NULL, *header = NULL;
    _cleanup_openssl_free_ unsigned char *der = NULL;
    char structure[] = STRUCTURE;
    int object = OSSL_OBJECT_PKEY;
    OSSL_PARAM params[4];
    long size;

    if (!bio)
        return 0;
    (void)ERR_set_mark();
    if (PEM_read_bio(bio, &name, &header, &der, &size) != 1 ||
        !streq(name, KEY_REFERENCE_PEM_LABEL)) {
        (void)ERR_pop_to_mark();
        return 1;
    }
    (void)ERR_clear_last_mark();
    params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, (size_t)size);
    params[3] = OSSL_PARAM_construct_end();
    return callback(params, userdata);
}

static int decoder_does_selection(void *provctx, int selection)
{
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
}

#define DECODER_FUNCTIONS(name)                                                                    \
    {                                                                                              \
        {OSSL_FUNC_DECODER_NEWCTX, FUNCTION(decoder_new)},                                         \
            {OSSL_FUNC_DECODER_FREECTX, FUNCTION(decoder_free)},                                   \
            {OSSL_FUNC_DECODER_DOES_SELECTION, FUNCTION(decoder_does_selection)},                  \
            {OSSL_FUNC_DECODER_DECODE, FUNCTION(name)}, {0, NULL},                                 \
    }
static const OSSL_DISPATCH rsa_decoder[] = DECODER_FUNCTIONS(decode_rsa);
static const OSSL_DISPATCH ec_decoder[] = DECODER_FUNCTIONS(decode_ec);
static const OSSL_DISPATCH ed25519_decoder[] = DECODER_FUNCTIONS(decode_ed25519);
static const OSSL_DISPATCH pem_decoder[] = DECODER_FUNCTIONS(decode_pem);

/* --- The provider ----------------------------------------------------------------------------- */

#define PROPERTIES "provider=chancery"
#define DER_INPUT ",input=der,structure=" STRUCTURE

static const OSSL_ALGORITHM key_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, keyd_rsa_key_functions, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, keyd_ec_key_functions, NULL},
    {"ED25519:1.3.101.112", PROPERTIES, keyd_ed25519_key_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, keyd_signature_functions, NULL},
    {"ECDSA", PROPERTIES, keyd_signature_functions, NULL},
    {"ED25519:1.3.101.112", PROPERTIES, keyd_signature_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM decoder_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES DER_INPUT, rsa_decoder, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES DER_INPUT, ec_decoder, NULL},
    {"ED25519:1.3.101.112", PROPERTIES DER_INPUT, ed25519_decoder, NULL},
    {"DER", PROPERTIES ",input=pem", pem_decoder, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT     ? key_algorithms
           : operation == OSSL_OP_SIGNATURE ? signature_algorithms
           : operation == OSSL_OP_DECODER   ? decoder_algorithms
                                            : NULL;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    OSSL_PARAM *p;

    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    if (p && OSSL_PARAM_set_utf8_ptr(p, "Keys in the custody of Chancery") != 1)
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
    if (p && OSSL_PARAM_set_utf8_ptr(p, VERSION) != 1)
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return !p || OSSL_PARAM_set_int(p, 1) == 1;
}

static const OSSL_PARAM *gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
        OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
        OSSL_PARAM_END,
    };

    return gettable;
}

static void teardown(void *provctx)
{
    OSSL_LIB_CTX_free(provctx);
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, FUNCTION(teardown)},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, FUNCTION(gettable_params)},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, FUNCTION(get_params)},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query)},
    {0, NULL},
};

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **ret_out, void **ret_provctx)
{
    /* What needs no secret is done by the providers that the program has loaded. */
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new_child(handle, in);

    if (!context)
        return 0;
    *ret_provctx = context;
    *ret_out = provider_functions;
    return 1;
}
