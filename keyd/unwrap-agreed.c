/* SPDX-License-Identifier: Apache-2.0 */
/* The content key of a KeyAgreeRecipientInfo: ECDH with the ephemeral key, the key derivation of
 * X9.63 (RFC 5753 section 7.2), and AES Key Wrap (RFC 3394), whose check is one over 64 bits that
 * nobody can make good without what was agreed upon. Unlike a padding it tells an attacker nothing,
 * so that what fails may say so; it is counted all the same, because nobody has a reason to try.
 *
 * SHA-1 and SHA-224 are derived with as well: RFC 5753 section 8 lets senders do so, OpenSSL's do
 * when nobody tells them otherwise, and a derivation needs none of what SHA-1 has lost. Whether a
 * trustpoint takes it is for enrolld to say, as it is with ciphers. */
#include "unwrap.h"

#include <openssl/ec.h>

#include "key-agreement.h"
#include "openssl-util.h"

#define WRAP_KEY_MAX 32U

/* ECC-CMS-SharedInfo, in OpenSSL's memory. */
static int shared_info_new(const KeyAgreement *a, unsigned char **ret, int *ret_size)
{
    const unsigned char *p = a->wrap.data;
    X509_ALGOR *wrap = d2i_X509_ALGOR(NULL, &p, (long)a->wrap.size);
    ASN1_OCTET_STRING *material = NULL;
    int size = -1;

    if (a->user_keying_material.data) {
        material = ASN1_OCTET_STRING_new();
        if (material && ASN1_OCTET_STRING_set(material, a->user_keying_material.data,
                                              (int)a->user_keying_material.size) != 1) {
            ASN1_OCTET_STRING_free(material);
            material = NULL;
        }
    }
    if (wrap && (material || !a->user_keying_material.data))
        size = CMS_SharedInfo_encode(ret, wrap, material, (int)a->wrap_key_size);
    ASN1_OCTET_STRING_free(material);
    X509_ALGOR_free(wrap);
    if (size <= 0)
        return -EIO;
    *ret_size = size;
    return 0;
}

/* The context takes over the shared information. */
static int set_derivation(EVP_PKEY_CTX *context, const KeyAgreement *a)
{
    _cleanup_openssl_free_ unsigned char *shared = NULL;
    const EVP_MD *md = EVP_get_digestbyname(a->digest);
    int size, r;

    r = shared_info_new(a, &shared, &size);
    if (r < 0)
        return r;
    if (!md || EVP_PKEY_CTX_set_ecdh_kdf_type(context, EVP_PKEY_ECDH_KDF_X9_63) != 1 ||
        EVP_PKEY_CTX_set_ecdh_kdf_md(context, md) != 1 ||
        EVP_PKEY_CTX_set_ecdh_kdf_outlen(context, (int)a->wrap_key_size) != 1 ||
        EVP_PKEY_CTX_set0_ecdh_kdf_ukm(context, shared, size) != 1)
        return -EIO;
    shared = NULL;
    return 0;
}

static int derive(EVP_PKEY *pkey, EVP_PKEY *peer, const KeyAgreement *a,
                  uint8_t ret[static WRAP_KEY_MAX])
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    size_t size = a->wrap_key_size;
    int r;

    if (!context)
        return -ENOMEM;
    if (EVP_PKEY_derive_init(context) != 1)
        return -EIO;
    r = set_derivation(context, a);
    if (r < 0)
        return r;
    return EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                   EVP_PKEY_derive(context, ret, &size) == 1 && size == a->wrap_key_size
               ? 0
               : -EIO;
}

/* -EBADMSG when it is not what was wrapped. */
static int unwrap_key(const KeyAgreement *a, const uint8_t *wrap_key, uint8_t *key, size_t size)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, a->wrap_cipher, NULL);
    int n = 0, r = -EIO;

    if (context && cipher) {
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (EVP_DecryptInit_ex2(context, cipher, wrap_key, NULL, NULL) == 1)
            r = EVP_DecryptUpdate(context, key, &n, a->wrapped_key.data,
                                  (int)a->wrapped_key.size) == 1 &&
                        (size_t)n == size
                    ? 0
                    : -EBADMSG;
    }
    EVP_CIPHER_free(cipher);
    return r;
}

static int agree(EVP_PKEY *pkey, const KeyAgreement *a, uint8_t *key, size_t size)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *peer = NULL;
    uint8_t wrap_key[WRAP_KEY_MAX];
    const char *reason;
    int r;

    if (key_agreement_peer(a, pkey, &peer, &reason) < 0)
        return -EBADMSG;
    r = derive(pkey, peer, a, wrap_key);
    if (r >= 0)
        r = unwrap_key(a, wrap_key, key, size);
    explicit_bzero(wrap_key, sizeof wrap_key);
    return r;
}

int unwrap_agreed(EVP_PKEY *pkey, DerSpan info, size_t size, UnwrapBudget *b, uint8_t **ret)
{
    KeyAgreement agreement;
    const char *reason;
    uint8_t *key;
    int r;

    if (!unwrap_size_is_valid(size) || key_agreement_parse(info, &agreement, &reason) < 0 ||
        size < KEY_AGREEMENT_CONTENT_KEY_MIN ||
        agreement.wrapped_key.size != size + KEY_AGREEMENT_WRAP_OVERHEAD)
        return -EBADMSG;
    key = malloc(size);
    if (!key)
        return -ENOMEM;
    r = agree(pkey, &agreement, key, size);
    ERR_clear_error();
    if (r < 0) {
        if (r == -EBADMSG)
            atomic_fetch_add(&b->failures, 1);
        explicit_bzero(key, size);
        free(key);
        return r;
    }
    *ret = key;
    return 0;
}
