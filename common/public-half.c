/* SPDX-License-Identifier: Apache-2.0 */
#include "public-half.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* An INTEGER of the key's, encoded; its size, or -1. */
static int encode_number(const EVP_PKEY *key, const char *name, unsigned char **ret)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;
    ASN1_INTEGER *integer = NULL;
    int size = -1;

    if (EVP_PKEY_get_bn_param(key, name, &number) == 1)
        integer = BN_to_ASN1_INTEGER(number, NULL);
    if (integer)
        size = i2d_ASN1_INTEGER(integer, ret);
    ASN1_INTEGER_free(integer);
    return size;
}

/* RSAPublicKey (RFC 8017 appendix A.1.1); its size, or -1. */
static int encode_rsa(const EVP_PKEY *key, unsigned char **ret)
{
    _cleanup_openssl_free_ unsigned char *modulus = NULL, *exponent = NULL;
    int n = encode_number(key, OSSL_PKEY_PARAM_RSA_N, &modulus);
    int e = encode_number(key, OSSL_PKEY_PARAM_RSA_E, &exponent);
    int size = n > 0 && e > 0 ? ASN1_object_size(1, n + e, V_ASN1_SEQUENCE) : -1;
    unsigned char *p;

    if (size < 0 || !(p = OPENSSL_malloc((size_t)size)))
        return -1;
    *ret = p;
    ASN1_put_object(&p, 1, n + e, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, modulus, (size_t)n);
    memcpy(p + n, exponent, (size_t)e);
    return size;
}

static EVP_PKEY *rsa_half_new(const EVP_PKEY *key)
{
    _cleanup_openssl_free_ unsigned char *der = NULL;
    int size = encode_rsa(key, &der);
    const unsigned char *p = der;
    EVP_PKEY *half = size > 0 ? d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, size) : NULL;

    if (!half)
        ERR_clear_error();
    return half;
}

static EVP_PKEY *plain_half_new(OSSL_LIB_CTX *context, const EVP_PKEY *key)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker =
        EVP_PKEY_CTX_new_from_name(context, EVP_PKEY_get0_type_name(key), NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *half = NULL;

    if (!maker || EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params) != 1 ||
        EVP_PKEY_fromdata_init(maker) != 1 ||
        EVP_PKEY_fromdata(maker, &half, EVP_PKEY_PUBLIC_KEY, params) != 1)
        ERR_clear_error();
    OSSL_PARAM_free(params);
    return half;
}

EVP_PKEY *public_half_new(OSSL_LIB_CTX *context, const EVP_PKEY *key)
{
    EVP_PKEY *half = EVP_PKEY_is_a(key, "RSA") ? rsa_half_new(key) : NULL;

    return half ? half : plain_half_new(context, key);
}
