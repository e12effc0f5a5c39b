/* SPDX-License-Identifier: Apache-2.0 */
#include "signature-check.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "openssl-util.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(ECDSA_SIG *, ECDSA_SIG_free);

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define DSA_BITS_MIN 2048
#define DSA_BITS_MAX 3072
#define DSA_Q_BITS 256

typedef struct Algorithm {
    const char *name, *key_type, *digest, *curve;
    size_t coordinate_size;
    bool is_pss;
} Algorithm;

/* RFC 7518 sections 3.3 to 3.5 and RFC 8037 section 3.1; nothing symmetric, and no "none". */
static const Algorithm algorithms[] = {
    {"RS256", "RSA", "SHA256", NULL, 0, false},
    {"RS384", "RSA", "SHA384", NULL, 0, false},
    {"RS512", "RSA", "SHA512", NULL, 0, false},
    {"PS256", "RSA", "SHA256", NULL, 0, true},
    {"PS384", "RSA", "SHA384", NULL, 0, true},
    {"PS512", "RSA", "SHA512", NULL, 0, true},
    {"ES256", "EC", "SHA256", "prime256v1", 32, false},
    {"ES384", "EC", "SHA384", "secp384r1", 48, false},
    {"ES512", "EC", "SHA512", "secp521r1", 66, false},
    {"EdDSA", "ED25519", NULL, NULL, 0, false},
    /* A name of Chancery's own. */
    {"DSA256", "DSA", "SHA256", NULL, 32, false},
};

static const Algorithm *find_algorithm(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (streq(algorithms[i].name, name))
            return &algorithms[i];
    return NULL;
}

static bool is_strong_dsa(EVP_PKEY *key)
{
    _cleanup_(BN_freep) BIGNUM *q = NULL;
    int bits = EVP_PKEY_get_bits(key);

    return bits >= DSA_BITS_MIN && bits <= DSA_BITS_MAX &&
           EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_Q, &q) == 1 &&
           BN_num_bits(q) == DSA_Q_BITS;
}

static bool key_fits(const Algorithm *a, EVP_PKEY *key)
{
    char curve[64];

    if (!EVP_PKEY_is_a(key, a->key_type))
        return false;
    if (streq(a->key_type, "RSA"))
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN && EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
    if (streq(a->key_type, "DSA"))
        return is_strong_dsa(key);
    if (a->curve)
        return EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) == 1 &&
               streq(curve, a->curve);
    return true;
}

/* r||s of fixed size to DER, which DSA and ECDSA have in common. */
static int encode_pair(const Envelope *e, size_t coordinate_size, uint8_t **ret, size_t *ret_size)
{
    _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r, *s;
    int n;

    if (!sig || e->signature_size != 2 * coordinate_size)
        return -EKEYREJECTED;
    r = BN_bin2bn(e->signature, (int)coordinate_size, NULL);
    s = BN_bin2bn(e->signature + coordinate_size, (int)coordinate_size, NULL);
    if (!r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return -ENOMEM;
    }
    n = i2d_ECDSA_SIG(sig, ret);
    if (n <= 0)
        return -EKEYREJECTED;
    *ret_size = (size_t)n;
    return 0;
}

/* Ed25519 wants its whole input at once. */
static int verify_at_once(EVP_MD_CTX *md, const Envelope *e)
{
    size_t size = 0, done = 0;
    _cleanup_free_ uint8_t *input = NULL;

    for (size_t i = 0; i < ELEMENTSOF(e->signed_parts); i++)
        size += e->signed_parts[i].size;
    input = malloc(size);
    if (!input)
        return -ENOMEM;
    for (size_t i = 0; i < ELEMENTSOF(e->signed_parts); i++) {
        memcpy(input + done, e->signed_parts[i].data, e->signed_parts[i].size);
        done += e->signed_parts[i].size;
    }
    return EVP_DigestVerify(md, e->signature, e->signature_size, input, size) == 1 ? 0
                                                                                   : -EKEYREJECTED;
}

static int verify_in_parts(EVP_MD_CTX *md, const Envelope *e, const uint8_t *signature, size_t size)
{
    for (size_t i = 0; i < ELEMENTSOF(e->signed_parts); i++)
        if (EVP_DigestVerifyUpdate(md, e->signed_parts[i].data, e->signed_parts[i].size) != 1)
            return -EKEYREJECTED;
    return EVP_DigestVerifyFinal(md, signature, size) == 1 ? 0 : -EKEYREJECTED;
}

static int set_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
               ? 0
               : -EKEYREJECTED;
}

static int verify(const Algorithm *a, const Envelope *e, EVP_PKEY *key)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
    _cleanup_openssl_free_ uint8_t *der = NULL;
    const uint8_t *signature = e->signature;
    size_t size = e->signature_size;
    EVP_PKEY_CTX *context; /* owned by md */
    int r;

    if (!md)
        return -ENOMEM;
    if (EVP_DigestVerifyInit_ex(md, &context, a->digest, NULL, NULL, key, NULL) != 1)
        return -EKEYREJECTED;
    if (a->is_pss) {
        r = set_pss(context);
        if (r < 0)
            return r;
    }
    if (a->coordinate_size > 0) {
        r = encode_pair(e, a->coordinate_size, &der, &size);
        if (r < 0)
            return r;
        signature = der;
    }
    return a->digest ? verify_in_parts(md, e, signature, size) : verify_at_once(md, e);
}

int signature_check(const Envelope *e, X509 *signer)
{
    const Algorithm *a = find_algorithm(e->algorithm);
    EVP_PKEY *key = X509_get0_pubkey(signer);
    int r;

    /* No registry has the name. */
    if (a && streq(a->key_type, "DSA") && e->format != FORMAT_ENVELOPE)
        return -EOPNOTSUPP;
    if (!a || !key || !key_fits(a, key))
        return -EOPNOTSUPP;
    r = verify(a, e, key);
    ERR_clear_error();
    return r;
}
