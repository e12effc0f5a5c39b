/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in OpenSSL provider whose private keys are in keyd.
 *
 * A key object is the public half (an ordinary key of the default provider, which does everything
 * that needs no secret) and a reference to keyd's key. Signing spools what is to be signed into a
 * memory file, which is sealed and handed to keyd: keyd parses it, so it must see the bytes and not
 * a digest. There is therefore no EVP_PKEY_sign(), and no private half to export. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/proverr.h>
#include <string.h>

#include "cleanup.h"
#include "keyd-client.h"
#include "keyd-provider-internal.h"

/* --- Unwrapping content keys ------------------------------------------------------------------ */

static void *unwrap_new(void *provctx)
{
    return calloc(1, sizeof(KeydKey *));
}

static void unwrap_free(void *data)
{
    KeydKey **key = data;

    if (key)
        keyd_key_unref(*key);
    free(key);
}

static int unwrap_init(void *data, void *new, const OSSL_PARAM params[])
{
    KeydKey **key = data;

    if (new) {
        keyd_key_unref(*key);
        *key = keyd_key_ref(new);
    }
    if (!*key || (*key)->reference.key_size == 0) {
        ERR_raise(ERR_LIB_PROV, PROV_R_NOT_A_PRIVATE_KEY);
        return 0;
    }
    return 1;
}

static int unwrap(void *data, unsigned char *out, size_t *size, size_t room,
                  const unsigned char *in, size_t in_size)
{
    const KeydReference *reference = &(*(KeydKey **)data)->reference;
    _cleanup_free_ void *key = NULL;

    if (!out) {
        *size = reference->key_size;
        return 1;
    }
    if (room < reference->key_size) {
        ERR_raise(ERR_LIB_PROV, PROV_R_OUTPUT_BUFFER_TOO_SMALL);
        return 0;
    }
    if (keyd_unwrap(reference, in, in_size, &key) < 0) {
        ERR_raise_data(ERR_LIB_PROV, PROV_R_FAILED_TO_DECRYPT, "keyd: %s", keyd_last_error());
        return 0;
    }
    memcpy(out, key, reference->key_size);
    *size = reference->key_size;
    explicit_bzero(key, reference->key_size);
    return 1;
}

static int unwrap_set_params(void *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p =
        params ? OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE) : NULL;

    if (p && !keyd_is_pkcs1_padding(p)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE);
        return 0;
    }
    return 1;
}

static const OSSL_PARAM *unwrap_settable_params(void *data, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_END,
    };

    return settable;
}

static const OSSL_DISPATCH unwrap_functions[] = {
    {OSSL_FUNC_ASYM_CIPHER_NEWCTX, FUNCTION(unwrap_new)},
    {OSSL_FUNC_ASYM_CIPHER_FREECTX, FUNCTION(unwrap_free)},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, FUNCTION(unwrap_init)},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT, FUNCTION(unwrap)},
    {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, FUNCTION(unwrap_set_params)},
    {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, FUNCTION(unwrap_settable_params)},
    {0, NULL},
};

/* --- The provider ----------------------------------------------------------------------------- */

#define PROPERTIES "provider=" KEYD_PROVIDER_NAME

/* The names are those of the default provider: keys of both sides count as the same type. */
static const OSSL_ALGORITHM key_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, keyd_rsa_key_functions,
     "RSA keys in keyd"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, keyd_ec_key_functions, "EC keys in keyd"},
    {"ED25519:1.3.101.112", PROPERTIES, keyd_ed25519_key_functions, "Ed25519 keys in keyd"},
    {"DSA:dsaEncryption:1.2.840.10040.4.1", PROPERTIES, keyd_dsa_key_functions, "DSA keys in keyd"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, keyd_signature_functions,
     "RSA signatures by keyd"},
    {"ECDSA", PROPERTIES, keyd_signature_functions, "ECDSA signatures by keyd"},
    {"ED25519:1.3.101.112", PROPERTIES, keyd_signature_functions, "Ed25519 signatures by keyd"},
    {"DSA:dsaEncryption:1.2.840.10040.4.1", PROPERTIES, keyd_signature_functions,
     "DSA signatures by keyd"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM cipher_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, unwrap_functions,
     "RSA key transport by keyd"},
    /* What is decrypted is a KeyAgreeRecipientInfo, whole: keyd gives nobody the product of a point
     * and a key, so that there is no EVP_PKEY_derive(). */
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, unwrap_functions, "Key agreement by keyd"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *provider_query(void *provctx, int operation, int *no_cache)
{
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT       ? key_algorithms
           : operation == OSSL_OP_SIGNATURE   ? signature_algorithms
           : operation == OSSL_OP_ASYM_CIPHER ? cipher_algorithms
                                              : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(provider_query)},
    {0, NULL},
};

int keyd_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **ret_out, void **ret_provctx)
{
    OSSL_FUNC_core_get_libctx_fn *get_context = NULL;

    for (; in->function_id != 0; in++)
        if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            get_context = OSSL_FUNC_core_get_libctx(in);
    if (!get_context)
        return 0;
    /* For a built-in provider this is the application's own library context. */
    *ret_provctx = (OSSL_LIB_CTX *)get_context(handle);
    *ret_out = provider_functions;
    return 1;
}
