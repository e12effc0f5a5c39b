/* SPDX-License-Identifier: Apache-2.0 */
#include "signer.h"

#include <openssl/rsa.h>

#include "openssl-util.h"

/* Of all keys: they take memory for secrets, of which there is little. */
#define KEPT_OF_ALL_MAX 64U

static atomic_uint kept_of_all;

struct Signer {
    Digest digest;
    EVP_MD *md;
    EVP_MD_CTX *hash;
    EVP_PKEY_CTX *key;
};

Signer *signer_free(Signer *s)
{
    if (!s)
        return NULL;
    EVP_PKEY_CTX_free(s->key);
    EVP_MD_CTX_free(s->hash);
    EVP_MD_free(s->md);
    free(s);
    return NULL;
}

static Signer *take_kept(Signers *signers, size_t i)
{
    Signer *s = atomic_exchange(&signers->kept[i], NULL);

    if (s)
        atomic_fetch_sub(&kept_of_all, 1);
    return s;
}

void signers_done(Signers *signers)
{
    for (size_t i = 0; i < SIGNERS_KEPT_MAX; i++)
        signer_free(take_kept(signers, i));
}

/* As TLS wants it: MGF1 with the same digest, which is the default, and as much salt. */
static int use_pss(EVP_PKEY_CTX *key)
{
    return EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) == 1
               ? 0
               : -EIO;
}

static int signer_new(EVP_PKEY *pkey, Digest digest, Signer **ret)
{
    _cleanup_(signer_freep) Signer *s = calloc(1, sizeof *s);
    const EVP_MD *md = digest_to_md(digest);

    if (!s)
        return -ENOMEM;
    if (!md)
        return -EINVAL;
    s->digest = digest;
    s->md = EVP_MD_fetch(NULL, EVP_MD_get0_name(md), NULL);
    s->hash = EVP_MD_CTX_new();
    s->key = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (!s->md || !s->hash || !s->key)
        return -ENOMEM;
    if (EVP_PKEY_sign_init(s->key) != 1 || EVP_PKEY_CTX_set_signature_md(s->key, s->md) != 1 ||
        (digest_is_pss(digest) && use_pss(s->key) < 0))
        return -EIO;
    *ret = TAKE_PTR(s);
    return 0;
}

int signer_take(Signers *signers, EVP_PKEY *pkey, Digest digest, Signer **ret)
{
    _cleanup_(signer_freep) Signer *s = NULL;

    for (size_t i = 0; i < SIGNERS_KEPT_MAX && !s; i++) {
        s = take_kept(signers, i);
        if (s && s->digest != digest)
            s = signer_free(s);
    }
    if (!s) {
        int r = signer_new(pkey, digest, &s);

        if (r < 0)
            return r;
    }
    if (EVP_DigestInit_ex2(s->hash, s->md, NULL) != 1)
        return -EIO;
    *ret = TAKE_PTR(s);
    return 0;
}

void signer_give(Signers *signers, Signer *s)
{
    size_t i = 0;

    if (atomic_fetch_add(&kept_of_all, 1) >= KEPT_OF_ALL_MAX)
        i = SIGNERS_KEPT_MAX;
    for (; i < SIGNERS_KEPT_MAX; i++) {
        Signer *none = NULL;

        if (atomic_compare_exchange_strong(&signers->kept[i], &none, s))
            return;
    }
    atomic_fetch_sub(&kept_of_all, 1);
    signer_free(s);
}

int signer_update(Signer *s, const void *data, size_t size)
{
    return EVP_DigestUpdate(s->hash, data, size) == 1 ? 0 : -EIO;
}

int signer_resume(Signer *s, const EVP_MD_CTX *hash)
{
    return EVP_MD_CTX_copy_ex(s->hash, hash) == 1 ? 0 : -EIO;
}

int signer_finish(Signer *s, uint8_t *signature, size_t *size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;

    return EVP_DigestFinal_ex(s->hash, digest, &n) == 1 &&
                   EVP_PKEY_sign(s->key, signature, size, digest, n) == 1
               ? 0
               : -EIO;
}
