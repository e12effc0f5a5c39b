/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "dsa.h"
#include "label.h"
#include "secure-memory.h"

/* Small enough that a cancelled signature ends soon, and that what was checked is still in the
 * cache when it is hashed. */
#define PIECE_SIZE (256U << 10)

static bool pkey_fits(const KeyAlgorithm *algorithm, EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    char group[32];

    switch (algorithm->family) {
    case KEY_FAMILY_RSA:
        return EVP_PKEY_is_a(pkey, "RSA") && bits > 0 &&
               key_algorithm_takes_bits(algorithm, (unsigned)bits);
    case KEY_FAMILY_DSA:
        return EVP_PKEY_is_a(pkey, "DSA") && bits > 0 &&
               key_algorithm_takes_bits(algorithm, (unsigned)bits);
    case KEY_FAMILY_ECDSA:
        return EVP_PKEY_is_a(pkey, "EC") &&
               EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1 &&
               OBJ_sn2nid(group) == EC_curve_nist2nid(algorithm->group);
    case KEY_FAMILY_ED25519:
        return EVP_PKEY_is_a(pkey, "ED25519");
    }
    return false;
}

/* The static string, or NULL: only RSA has pairs of one usage. */
static const char *usage_find(const KeyAlgorithm *algorithm, const char *name)
{
    static const char *const usages[] = {KEY_USAGE_GENERAL, KEY_USAGE_SIGNATURE,
                                         KEY_USAGE_ENCRYPTION};

    for (size_t i = 0; i < ELEMENTSOF(usages); i++)
        if (streq(usages[i], name) && (i == 0 || algorithm->family == KEY_FAMILY_RSA))
            return usages[i];
    return NULL;
}

int key_new(const KeyAlgorithm *algorithm, const char *label, const char *usage, uint64_t created,
            EVP_PKEY *pkey, Key **ret)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *owned = pkey;
    _cleanup_(key_unrefp) Key *k = NULL;
    int size;

    if (!label_is_valid(label) || !usage_find(algorithm, usage) || !pkey_fits(algorithm, pkey))
        return -EINVAL;
    k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    atomic_init(&k->references, 1);
    k->algorithm = algorithm;
    k->usage = usage_find(algorithm, usage);
    k->created = created;
    k->label = strdup(label);
    k->bits = algorithm->bits > 0 ? algorithm->bits : (unsigned)EVP_PKEY_get_bits(pkey);
    size = i2d_PUBKEY(pkey, &k->public_key);
    if (!k->label || size <= 0)
        return -ENOMEM;
    k->public_key_size = (size_t)size;
    k->pkey = TAKE_PTR(owned);
    *ret = TAKE_PTR(k);
    return 0;
}

int key_join(Key *signature, Key *encryption)
{
    if (!streq(signature->usage, KEY_USAGE_SIGNATURE) || signature->encryption ||
        !streq(encryption->usage, KEY_USAGE_ENCRYPTION) ||
        !key_is(encryption, signature->algorithm->name, signature->label)) {
        key_unref(encryption);
        return -EINVAL;
    }
    signature->encryption = encryption;
    return 0;
}

bool key_signs(const Key *k)
{
    return !streq(k->usage, KEY_USAGE_ENCRYPTION);
}

Key *key_ref(Key *k)
{
    atomic_fetch_add(&k->references, 1);
    return k;
}

Key *key_unref(Key *k)
{
    if (!k || atomic_fetch_sub(&k->references, 1) > 1)
        return NULL;
    key_unref(k->encryption);
    signers_done(&k->signers);
    EVP_PKEY_free(k->pkey);
    OPENSSL_free(k->public_key);
    free(k->label);
    free(k);
    return NULL;
}

bool key_is(const Key *k, const char *algorithm, const char *label)
{
    return streq(k->algorithm->name, algorithm) && streq(k->label, label);
}

int key_move(const Key *k, KeySlot slot, Key **ret)
{
    Key *moved;
    int r;

    if (k->encryption)
        return -EOPNOTSUPP;
    (void)EVP_PKEY_up_ref(k->pkey);
    r = key_new(k->algorithm, k->label, k->usage, k->created, k->pkey, &moved);
    if (r < 0)
        return r;
    moved->slot = slot;
    moved->exportable = k->exportable;
    *ret = moved;
    return 0;
}

bool key_is_same_pair(const Key *a, const Key *b)
{
    return der_equal(key_public_key(a), b->public_key, b->public_key_size);
}

DerSpan key_public_key(const Key *k)
{
    return (DerSpan){k->public_key, k->public_key_size};
}

typedef struct Interest {
    bool (*is_cancelled)(void *userdata);
    void *userdata;
} Interest;

/* OpenSSL asks between candidates for a prime; 0 ends the search. */
static int on_candidate(EVP_PKEY_CTX *context)
{
    Interest *interest = EVP_PKEY_CTX_get_app_data(context);

    return !(interest->is_cancelled && interest->is_cancelled(interest->userdata));
}

static EVP_PKEY_CTX *generation_new(const KeyAlgorithm *algorithm, unsigned bits)
{
    static const char *const types[] = {
        [KEY_FAMILY_RSA] = "RSA", [KEY_FAMILY_ECDSA] = "EC", [KEY_FAMILY_ED25519] = "ED25519"};
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, types[algorithm->family], NULL);

    if (!context || EVP_PKEY_keygen_init(context) != 1)
        return NULL;
    if (algorithm->family == KEY_FAMILY_RSA &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) != 1)
        return NULL;
    if (algorithm->group && EVP_PKEY_CTX_set_group_name(context, algorithm->group) != 1)
        return NULL;
    return TAKE_PTR(context);
}

int key_generate(const KeyAlgorithm *algorithm, unsigned bits, bool (*is_cancelled)(void *userdata),
                 void *userdata, EVP_PKEY **ret)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = NULL;
    Interest interest = {is_cancelled, userdata};
    unsigned failures = secure_memory_failures();
    EVP_PKEY *pkey = NULL;

    if (algorithm->bits == 0 && !key_algorithm_takes_bits(algorithm, bits))
        return -EINVAL;
    if (algorithm->family == KEY_FAMILY_DSA) {
        if (dsa_generate(bits, on_candidate, &interest, ret) >= 0)
            return 0;
    } else if ((context = generation_new(algorithm, bits))) {
        EVP_PKEY_CTX_set_app_data(context, &interest);
        EVP_PKEY_CTX_set_cb(context, on_candidate);
        if (EVP_PKEY_generate(context, &pkey) == 1) {
            *ret = pkey;
            return 0;
        }
    }
    ERR_clear_error();
    if (is_cancelled && is_cancelled(userdata))
        return -ECANCELED;
    return secure_memory_failures() != failures ? -ENOMEM : -EIO;
}

/* Without a signer the pieces are only checked. */
static int feed(Signer *signer, DerSpan input, int (*check)(DerSpan piece, void *userdata),
                void *userdata)
{
    while (input.size > 0) {
        DerSpan piece = {input.data, input.size < PIECE_SIZE ? input.size : PIECE_SIZE};
        int r = check ? check(piece, userdata) : 0;

        if (r >= 0 && signer)
            r = signer_update(signer, piece.data, piece.size);
        if (r < 0)
            return r;
        input = (DerSpan){input.data + piece.size, input.size - piece.size};
    }
    return 0;
}

/* The one thing that a caller can get wrong: PKCS#1 needs room for the digest and 11 bytes, PSS for
 * two digests of up to 64 bytes. */
static int finish(Key *k, Signer *signer, uint8_t *signature, size_t *size)
{
    if (signer_finish(signer, signature, size) >= 0)
        return 0;
    return k->algorithm->family == KEY_FAMILY_RSA && k->bits < 1042 ? -EINVAL : -EIO;
}

static int sign_digest(Key *k, Digest digest, DerSpan input,
                       int (*check)(DerSpan piece, void *userdata), void *userdata,
                       uint8_t *signature, size_t *size)
{
    _cleanup_(signer_freep) Signer *signer = NULL;
    int r;

    r = signer_take(&k->signers, k->pkey, digest, &signer);
    if (r >= 0)
        r = feed(signer, input, check, userdata);
    if (r >= 0)
        r = finish(k, signer, signature, size);
    if (r < 0)
        return r;
    signer_give(&k->signers, TAKE_PTR(signer));
    return 0;
}

/* ed25519 reads its input twice, and all at once. */
static int sign_whole(Key *k, DerSpan input, int (*check)(DerSpan piece, void *userdata),
                      void *userdata, uint8_t *signature, size_t *size)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    int r;

    if (!context)
        return -ENOMEM;
    r = feed(NULL, input, check, userdata);
    if (r < 0)
        return r;
    return EVP_DigestSignInit(context, NULL, NULL, NULL, k->pkey) == 1 &&
                   EVP_DigestSign(context, signature, size, input.data, input.size) == 1
               ? 0
               : -EIO;
}

int key_sign(Key *k, Digest digest, DerSpan input, int (*check)(DerSpan piece, void *userdata),
             void *userdata, uint8_t **ret, size_t *ret_size)
{
    _cleanup_free_ uint8_t *signature = NULL;
    size_t size = (size_t)EVP_PKEY_get_size(k->pkey);
    int r;

    if (!key_algorithm_takes_digest(k->algorithm, digest))
        return -EINVAL;
    signature = malloc(size);
    if (!signature)
        return -ENOMEM;
    r = digest == DIGEST_NONE ? sign_whole(k, input, check, userdata, signature, &size)
                              : sign_digest(k, digest, input, check, userdata, signature, &size);
    if (r < 0) {
        ERR_clear_error();
        return r;
    }
    *ret = TAKE_PTR(signature);
    *ret_size = size;
    return 0;
}

int key_sign_hashed(Key *k, Digest digest, const EVP_MD_CTX *hash, uint8_t **ret, size_t *ret_size)
{
    _cleanup_(signer_freep) Signer *signer = NULL;
    _cleanup_free_ uint8_t *signature = NULL;
    size_t size = (size_t)EVP_PKEY_get_size(k->pkey);
    int r;

    if (digest == DIGEST_NONE || !key_algorithm_takes_digest(k->algorithm, digest))
        return -EINVAL;
    signature = malloc(size);
    if (!signature)
        return -ENOMEM;
    r = signer_take(&k->signers, k->pkey, digest, &signer);
    if (r >= 0)
        r = signer_resume(signer, hash);
    if (r >= 0)
        r = finish(k, signer, signature, &size);
    if (r < 0) {
        ERR_clear_error();
        return r;
    }
    signer_give(&k->signers, TAKE_PTR(signer));
    *ret = TAKE_PTR(signature);
    *ret_size = size;
    return 0;
}
