/* SPDX-License-Identifier: Apache-2.0 */
#include "dsa.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/param_build.h>
#include <stdbool.h>

#include "openssl-util.h"


DEFINE_TRIVIAL_CLEANUP_FUNC(BIGNUM *, BN_clear_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(BN_CTX *, BN_CTX_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(OSSL_PARAM *, OSSL_PARAM_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);

/* Below 2048 bits as FIPS 186-2 has it, since later editions have nothing below 1024. */
static int parameters_generate(unsigned bits, EVP_PKEY_gen_cb *callback, void *app_data,
                               EVP_PKEY **ret)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    bool is_old = bits < 2048;

    if (!context || EVP_PKEY_paramgen_init(context) != 1 ||
        EVP_PKEY_CTX_set_dsa_paramgen_bits(context, (int)bits) != 1 ||
        EVP_PKEY_CTX_set_dsa_paramgen_q_bits(context, is_old ? 160 : 256) != 1 ||
        EVP_PKEY_CTX_set_dsa_paramgen_type(context, is_old ? "fips186_2" : "fips186_4") != 1)
        return -EIO;
    EVP_PKEY_CTX_set_app_data(context, app_data);
    EVP_PKEY_CTX_set_cb(context, callback);
    return EVP_PKEY_paramgen(context, ret) == 1 ? 0 : -EIO;
}

static int pair_assemble(const BIGNUM *p, const BIGNUM *q, const BIGNUM *g, const BIGNUM *x,
                         const BIGNUM *y, EVP_PKEY **ret)
{
    _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    _cleanup_(OSSL_PARAM_freep) OSSL_PARAM *parameters = NULL;

    if (!builder || !context || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_P, p) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_Q, q) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_FFC_G, g) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, x) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PUB_KEY, y) != 1)
        return -EIO;
    parameters = OSSL_PARAM_BLD_to_param(builder);
    if (!parameters || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, ret, EVP_PKEY_KEYPAIR, parameters) != 1)
        return -EIO;
    return 0;
}

/* OpenSSL makes no pair for parameters of less than 1024 bits: x from 1 to q - 1, and y = g^x. */
static int pair_generate(const EVP_PKEY *parameters, EVP_PKEY **ret)
{
    _cleanup_(BN_clear_freep) BIGNUM *x = BN_secure_new();
    _cleanup_(BN_freep) BIGNUM *p = NULL, *q = NULL, *g = NULL, *y = BN_new();
    _cleanup_(BN_CTX_freep) BN_CTX *context = BN_CTX_secure_new();

    if (!x || !y || !context || EVP_PKEY_get_bn_param(parameters, OSSL_PKEY_PARAM_FFC_P, &p) != 1 ||
        EVP_PKEY_get_bn_param(parameters, OSSL_PKEY_PARAM_FFC_Q, &q) != 1 ||
        EVP_PKEY_get_bn_param(parameters, OSSL_PKEY_PARAM_FFC_G, &g) != 1)
        return -EIO;
    do {
        if (BN_priv_rand_range(x, q) != 1)
            return -EIO;
    } while (BN_is_zero(x));
    BN_set_flags(x, BN_FLG_CONSTTIME);
    if (BN_mod_exp(y, g, x, p, context) != 1)
        return -EIO;
    return pair_assemble(p, q, g, x, y, ret);
}

int dsa_generate(unsigned bits, EVP_PKEY_gen_cb *callback, void *app_data, EVP_PKEY **ret)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *parameters = NULL;
    int r;

    r = parameters_generate(bits, callback, app_data, &parameters);
    return r < 0 ? r : pair_generate(parameters, ret);
}
