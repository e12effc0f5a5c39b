/* SPDX-License-Identifier: Apache-2.0 */
#include "unwrap.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "openssl-util.h"

#define KEY_SIZE_MAX 32U
#define PADDING_MIN 11U /* 00 02, eight bytes that are not 0, 00 */

bool unwrap_budget_left(UnwrapBudget *b, uint64_t now)
{
    unsigned failures = atomic_load(&b->failures), forgiven;
    uint64_t periods = (now - b->forgiven_at) / UNWRAP_FORGIVE_USEC;

    if (b->forgiven_at == 0 || failures == 0) {
        b->forgiven_at = now;
    } else if (periods > 0) {
        forgiven = periods < failures ? (unsigned)periods : failures;
        atomic_fetch_sub(&b->failures, forgiven); /* others only add */
        b->forgiven_at += periods * UNWRAP_FORGIVE_USEC;
        failures -= forgiven;
    }
    return failures < UNWRAP_FAILURES_MAX;
}

bool unwrap_size_is_valid(size_t size)
{
    return size == 8 || size == 16 || size == 24 || size == KEY_SIZE_MAX;
}

/* What is not the same for all that is encrypted is not looked at, but computed with: no branch, no
 * index, no length depends on it. */
static unsigned mask_if_zero(unsigned byte)
{
    return 0U - ((byte - 1U) >> (sizeof(unsigned) * 8 - 1));
}

/* em: 00 02, padding without 0, 00, the key. Where it is not, the key stays what it is. Returns 1
 * when it was not, else 0. */
static unsigned take_key(const uint8_t *em, size_t em_size, uint8_t *key, size_t size)
{
    size_t zero = em_size - size - 1;
    unsigned good = mask_if_zero(em[0]) & mask_if_zero(em[1] ^ 2U) & mask_if_zero(em[zero]);

    for (size_t i = 2; i < zero; i++)
        good &= ~mask_if_zero(em[i]);
    for (size_t i = 0; i < size; i++)
        key[i] = (uint8_t)((em[zero + 1 + i] & good) | (key[i] & ~good));
    return 1U & ~good;
}

/* The key that comes out of what is badly padded: nobody can foresee it without the private key,
 * nor tell it from another, nor see it change. The secret is the private exponent, written as
 * long as the modulus: to encode the whole private key would take a good part of the time of the
 * decryption. */
static int substitute_key(EVP_PKEY *pkey, DerSpan encrypted, uint8_t ret[static KEY_SIZE_MAX])
{
    size_t size = (size_t)EVP_PKEY_get_size(pkey);
    _cleanup_openssl_free_ uint8_t *secret = OPENSSL_zalloc(size); /* in memory for secrets */
    OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_D, secret, size),
                           OSSL_PARAM_construct_end()};
    unsigned n = KEY_SIZE_MAX;
    int r = 0;

    if (!secret)
        return -ENOMEM;
    if (EVP_PKEY_get_params(pkey, params) != 1 || !OSSL_PARAM_modified(&params[0]) ||
        !HMAC(EVP_sha256(), secret, (int)size, encrypted.data, encrypted.size, ret, &n))
        r = -EIO;
    OPENSSL_cleanse(secret, size);
    return r;
}

static int decrypt_raw(EVP_PKEY *pkey, DerSpan encrypted, uint8_t *em, size_t em_size)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    size_t n = em_size;

    if (!context)
        return -ENOMEM;
    if (EVP_PKEY_decrypt_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) != 1)
        return -EIO;
    /* The one thing that can be wrong with it is a number that is not below the modulus. */
    if (EVP_PKEY_decrypt(context, em, &n, encrypted.data, encrypted.size) != 1 || n != em_size)
        return -EBADMSG;
    return 0;
}

int unwrap(EVP_PKEY *pkey, DerSpan encrypted, size_t size, UnwrapBudget *b, uint8_t **ret)
{
    size_t em_size = (size_t)EVP_PKEY_get_size(pkey);
    _cleanup_openssl_free_ uint8_t *em = NULL;
    uint8_t substitute[KEY_SIZE_MAX] = {0}, *key;
    int r;

    if (!unwrap_size_is_valid(size) || encrypted.size != em_size || em_size < size + PADDING_MIN)
        return -EBADMSG;
    em = OPENSSL_malloc(em_size);
    if (!em)
        return -ENOMEM;
    r = substitute_key(pkey, encrypted, substitute);
    if (r >= 0)
        r = decrypt_raw(pkey, encrypted, em, em_size);
    ERR_clear_error();
    key = r < 0 ? NULL : malloc(size);
    if (key) {
        memcpy(key, substitute, size);
        atomic_fetch_add(&b->failures, take_key(em, em_size, key, size));
        *ret = key;
    } else if (r >= 0)
        r = -ENOMEM;
    explicit_bzero(substitute, sizeof substitute);
    OPENSSL_cleanse(em, em_size);
    return r;
}
