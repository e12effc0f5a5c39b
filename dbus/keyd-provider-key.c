/* SPDX-License-Identifier: Apache-2.0 */
/* Key objects: the public half is an ordinary key of the default provider, the private one a
 * reference. */
#include <openssl/core_names.h>
#include <openssl/proverr.h>
#include <openssl/x509.h>

#include "der.h"
#include "keyd-provider-internal.h"
#include "openssl-util.h"

#define RSA_MODULUS_MAX 1024U /* bytes: 8192 bits */

static KeydKey *key_new(OSSL_LIB_CTX *context, const char *type)
{
    KeydKey *key = calloc(1, sizeof(*key));

    if (!key)
        return NULL;
    atomic_init(&key->references, 1);
    key->context = context;
    key->type = type;
    return key;
}

KeydKey *keyd_key_ref(KeydKey *key)
{
    atomic_fetch_add(&key->references, 1);
    return key;
}

void keyd_key_unref(void *data)
{
    KeydKey *key = data;

    if (!key || atomic_fetch_sub(&key->references, 1) > 1)
        return;
    EVP_PKEY_free(key->public_key);
    free(key->reference.algorithm);
    free(key->reference.label);
    free(key->reference.purpose);
    free(key->reference.certificate);
    free(key->reference.pair);
    free(key);
}

static void *key_new_rsa(void *provctx)
{
    return key_new(provctx, "RSA");
}

static void *key_new_ec(void *provctx)
{
    return key_new(provctx, "EC");
}

static void *key_new_ed25519(void *provctx)
{
    return key_new(provctx, "ED25519");
}

static void *key_new_dsa(void *provctx)
{
    return key_new(provctx, "DSA");
}

int keyd_key_has(const void *data, int selection)
{
    const KeydKey *key = data;

    if (!key || !key->public_key)
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->reference.algorithm != NULL;
}

static int key_match(const void *data1, const void *data2, int selection)
{
    const KeydKey *key1 = data1, *key2 = data2;

    if (!key1->public_key || !key2->public_key)
        return 0;
    if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
        return EVP_PKEY_parameters_eq(key1->public_key, key2->public_key) == 1;
    return EVP_PKEY_eq(key1->public_key, key2->public_key) == 1;
}

static int text_param(const OSSL_PARAM params[], const char *name, char **ret)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    const char *text;

    if (!p || OSSL_PARAM_get_utf8_string_ptr(p, &text) != 1)
        return 0;
    *ret = strdup(text);
    return *ret != NULL;
}

/* The number of an INTEGER, as OpenSSL's parameters have it: in the order of the machine. */
static bool to_native(DerSpan number, uint8_t out[static RSA_MODULUS_MAX + 1])
{
    _cleanup_(BN_freep) BIGNUM *bn =
        number.size <= RSA_MODULUS_MAX + 1 ? BN_bin2bn(number.data, (int)number.size, NULL) : NULL;

    return bn && BN_bn2nativepad(bn, out, (int)number.size) == (int)number.size;
}

/* RSAPublicKey within SubjectPublicKeyInfo. -EBADMSG for what is not exactly one. */
static int read_rsa(const void *der, size_t size, DerSpan *ret_modulus, DerSpan *ret_exponent)
{
    static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
    DerSpan whole, algorithm, oid, null, bits, inner;

    if (der_read_only((DerSpan){der, size}, DER_SEQUENCE, &whole) < 0 ||
        der_read(&whole, DER_SEQUENCE, &algorithm) < 0 ||
        der_read(&algorithm, DER_OID, &oid) < 0 || !der_equal(oid, rsa, sizeof(rsa)) ||
        der_read(&algorithm, DER_NULL, &null) < 0 || null.size > 0 || der_end(&algorithm) < 0 ||
        der_read(&whole, DER_BIT_STRING, &bits) < 0 || der_end(&whole) < 0 || bits.size < 1 ||
        bits.data[0] != 0)
        return -EBADMSG;
    bits = (DerSpan){bits.data + 1, bits.size - 1};
    if (der_read_only(bits, DER_SEQUENCE, &inner) < 0 ||
        der_read(&inner, DER_INTEGER, ret_modulus) < 0 ||
        der_read(&inner, DER_INTEGER, ret_exponent) < 0 || der_end(&inner) < 0 ||
        ret_modulus->size == 0 || ret_exponent->size == 0 || ret_modulus->data[0] & 0x80 ||
        ret_exponent->data[0] & 0x80)
        return -EBADMSG;
    return 0;
}

/* A decoder of OpenSSL's takes twenty times as long, most of it to find out what it is to decode.
 * NULL: one is needed. */
static EVP_PKEY *make_rsa(OSSL_LIB_CTX *context, const void *der, size_t size)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker = NULL;
    DerSpan modulus, exponent;
    EVP_PKEY *key = NULL;
    uint8_t n[RSA_MODULUS_MAX + 1], e[RSA_MODULUS_MAX + 1];
    OSSL_PARAM params[3];

    if (read_rsa(der, size, &modulus, &exponent) < 0 || !to_native(modulus, n) ||
        !to_native(exponent, e))
        return NULL;
    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, modulus.size);
    params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, exponent.size);
    params[2] = OSSL_PARAM_construct_end();
    maker = EVP_PKEY_CTX_new_from_name(context, "RSA", DEFAULT_QUERY);
    if (!maker || EVP_PKEY_fromdata_init(maker) != 1 ||
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        ERR_clear_error();
    return key;
}

static EVP_PKEY *decode_public_key(OSSL_LIB_CTX *context, const char *type, const void *der,
                                   size_t size)
{
    EVP_PKEY *key = streq(type, "RSA") ? make_rsa(context, der, size) : NULL;
    const unsigned char *p = der;

    if (!key)
        key = d2i_PUBKEY_ex(NULL, &p, (long)size, context, DEFAULT_QUERY);
    else
        p += size;
    if (key && (p != (const unsigned char *)der + size || !EVP_PKEY_is_a(key, type))) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

/* A key that stands for one in keyd; see keyd_key_new(). */
static int key_import_reference(KeydKey *key, const OSSL_PARAM params[],
                                const OSSL_PARAM *algorithm)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, KEYD_PARAM_PUBLIC_KEY);
    KeydReference *reference = &key->reference;

    if (!p || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > LONG_MAX)
        return 0;
    key->public_key = decode_public_key(key->context, key->type, p->data, p->data_size);
    if (!key->public_key)
        return 0;
    p = OSSL_PARAM_locate_const(params, KEYD_PARAM_CERTIFICATE);
    if (p && (p->data_type != OSSL_PARAM_OCTET_STRING ||
              OSSL_PARAM_get_octet_string(p, &reference->certificate, SIZE_MAX,
                                          &reference->certificate_size) != 1))
        return 0;
    p = OSSL_PARAM_locate_const(params, KEYD_PARAM_KEY_SIZE);
    if (p && OSSL_PARAM_get_size_t(p, &reference->key_size) != 1)
        return 0;
    if (OSSL_PARAM_locate_const(params, KEYD_PARAM_PAIR) &&
        !text_param(params, KEYD_PARAM_PAIR, &reference->pair))
        return 0;
    return text_param(params, KEYD_PARAM_LABEL, &reference->label) &&
           text_param(params, KEYD_PARAM_PURPOSE, &reference->purpose) &&
           text_param(algorithm, KEYD_PARAM_ALGORITHM, &reference->algorithm);
}

/* What OpenSSL does when it compares one of ours with a foreign key. Only the public half is taken,
 * whatever is offered. */
static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker = NULL;
    const OSSL_PARAM *algorithm = OSSL_PARAM_locate_const(params, KEYD_PARAM_ALGORITHM);
    KeydKey *key = data;

    if (key->public_key)
        return 0;
    if (algorithm)
        return key_import_reference(key, params, algorithm);
    if (!(selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY))
        return 0;
    maker = EVP_PKEY_CTX_new_from_name(key->context, key->type, DEFAULT_QUERY);
    return maker && EVP_PKEY_fromdata_init(maker) == 1 &&
           EVP_PKEY_fromdata(maker, &key->public_key, EVP_PKEY_PUBLIC_KEY,
                             (OSSL_PARAM *)(uintptr_t)params) == 1;
}

KeydKey *keyd_key_from_params(OSSL_LIB_CTX *context, const char *type, const OSSL_PARAM params[])
{
    const OSSL_PARAM *algorithm = OSSL_PARAM_locate_const(params, KEYD_PARAM_ALGORITHM);
    KeydKey *key = key_new(context, type);

    if (!key)
        return NULL;
    if (!algorithm || key_import_reference(key, params, algorithm) != 1) {
        keyd_key_unref(key);
        return NULL;
    }
    return key;
}

/* A reference is the address of a pointer to a key, which changes hands. */
static void *key_load(const void *reference, size_t size)
{
    KeydKey **holder = (KeydKey **)(uintptr_t)reference, *key;

    if (size != sizeof key)
        return NULL;
    key = *holder;
    *holder = NULL;
    return key;
}

static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *userdata)
{
    const KeydKey *key = data;

    if (!key->public_key ||
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && key->reference.algorithm)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_NOT_A_PRIVATE_KEY);
        return 0;
    }
    return EVP_PKEY_export(key->public_key, selection & ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY, callback,
                           userdata);
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM public_params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? public_params : NULL;
}

static const OSSL_PARAM *dsa_key_types(int selection)
{
    static const OSSL_PARAM public_params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_FFC_P, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_FFC_Q, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_FFC_G, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? public_params : NULL;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const KeydKey *key = data;

    return key->public_key && EVP_PKEY_get_params(key->public_key, params) == 1;
}

static const OSSL_PARAM *key_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    return gettable;
}

static const char *ec_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE     ? "ECDSA"
           : operation == OSSL_OP_ASYM_CIPHER ? "EC"
                                              : NULL;
}

#define KEY_FUNCTIONS(new, types)                                                                  \
    {OSSL_FUNC_KEYMGMT_NEW, FUNCTION(new)}, {OSSL_FUNC_KEYMGMT_FREE, FUNCTION(keyd_key_unref)},    \
        {OSSL_FUNC_KEYMGMT_LOAD, FUNCTION(key_load)},                                              \
        {OSSL_FUNC_KEYMGMT_HAS, FUNCTION(keyd_key_has)},                                           \
        {OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(key_match)},                                            \
        {OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(key_import)},                                          \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(types)},                                         \
        {OSSL_FUNC_KEYMGMT_EXPORT, FUNCTION(key_export)},                                          \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FUNCTION(types)},                                         \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(key_get_params)},                                  \
    {                                                                                              \
        OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(key_gettable_params)                           \
    }

const OSSL_DISPATCH keyd_rsa_key_functions[] = {KEY_FUNCTIONS(key_new_rsa, key_types), {0, NULL}};
const OSSL_DISPATCH keyd_ed25519_key_functions[] = {KEY_FUNCTIONS(key_new_ed25519, key_types),
                                                    {0, NULL}};
const OSSL_DISPATCH keyd_dsa_key_functions[] = {KEY_FUNCTIONS(key_new_dsa, dsa_key_types),
                                                {0, NULL}};
const OSSL_DISPATCH keyd_ec_key_functions[] = {
    KEY_FUNCTIONS(key_new_ec, key_types),
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(ec_operation_name)},
    {0, NULL},
};
