/* SPDX-License-Identifier: Apache-2.0 */
#include "algorithm.h"

#include <errno.h>

#include "cleanup.h"

static const KeyAlgorithm algorithms[] = {
    {"rsa", KEY_FAMILY_RSA, NULL, 0, NULL, false},
    {"ecdsanistp256", KEY_FAMILY_ECDSA, "P-256", 256, "sha256", true},
    {"ecdsanistp384", KEY_FAMILY_ECDSA, "P-384", 384, "sha384", false},
    {"ecdsanistp521", KEY_FAMILY_ECDSA, "P-521", 521, "sha512", false},
    {"ed25519", KEY_FAMILY_ED25519, NULL, 256, "", true},
    {"dsa", KEY_FAMILY_DSA, NULL, 0, "sha256", false},
    {KEY_AUTHENTICATION_SSH, KEY_FAMILY_RSA, NULL, 0, NULL, false},
};

static const char *const digest_names[] = {
    [DIGEST_NONE] = "",
    [DIGEST_SHA256] = "sha256",
    [DIGEST_SHA384] = "sha384",
    [DIGEST_SHA512] = "sha512",
    [DIGEST_SHA256_PSS] = "sha256-pss",
    [DIGEST_SHA384_PSS] = "sha384-pss",
    [DIGEST_SHA512_PSS] = "sha512-pss",
};

typedef struct SignatureNames {
    KeyFamily family;
    Digest digest;
    const char *jose;
    uint8_t identifier[15];
    uint8_t identifier_size;
} SignatureNames;

/* 1.2.840.113549.1.1.n with NULL parameters; 1.2.840.10045.4.3.n, 2.16.840.1.101.3.4.3.n and
 * 1.3.101.112 without. */
#define RSA_IDENTIFIER(n)                                                                          \
    {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, n, 0x05, 0x00}, 15
#define ECDSA_IDENTIFIER(n)                                                                        \
    {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, n}, 12
#define DSA_IDENTIFIER(n)                                                                          \
    {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, n}, 13
#define ED25519_IDENTIFIER {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70}, 7

static const SignatureNames signatures[] = {
    {KEY_FAMILY_RSA, DIGEST_SHA256, "RS256", RSA_IDENTIFIER(11)},
    {KEY_FAMILY_RSA, DIGEST_SHA384, "RS384", RSA_IDENTIFIER(12)},
    {KEY_FAMILY_RSA, DIGEST_SHA512, "RS512", RSA_IDENTIFIER(13)},
    {KEY_FAMILY_ECDSA, DIGEST_SHA256, "ES256", ECDSA_IDENTIFIER(2)},
    {KEY_FAMILY_ECDSA, DIGEST_SHA384, "ES384", ECDSA_IDENTIFIER(3)},
    {KEY_FAMILY_ECDSA, DIGEST_SHA512, "ES512", ECDSA_IDENTIFIER(4)},
    {KEY_FAMILY_ED25519, DIGEST_NONE, "EdDSA", ED25519_IDENTIFIER},
    /* JOSE knows no DSA: the name is our own. */
    {KEY_FAMILY_DSA, DIGEST_SHA256, "DSA256", DSA_IDENTIFIER(2)},
};

const KeyAlgorithm *key_algorithm_find(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (streq(algorithms[i].name, name))
            return &algorithms[i];
    return NULL;
}

bool key_algorithm_takes_bits(const KeyAlgorithm *algorithm, unsigned bits)
{
    if (algorithm->family == KEY_FAMILY_RSA)
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    if (algorithm->family == KEY_FAMILY_DSA)
        return bits == 512 || bits == 768 || bits == 1024 || bits == DSA_BITS_SIGNING;
    return bits == algorithm->bits;
}

const KeyAlgorithm *key_algorithm_find_signing(const char *name)
{
    const KeyAlgorithm *algorithm = key_algorithm_find(name);

    return algorithm && !streq(name, KEY_AUTHENTICATION_SSH) ? algorithm : NULL;
}

const KeyAlgorithm *key_algorithm_find_certifying(const char *name)
{
    const KeyAlgorithm *algorithm = key_algorithm_find_signing(name);

    return algorithm && algorithm->family != KEY_FAMILY_DSA ? algorithm : NULL;
}

int digest_from_string(const char *name, Digest *ret)
{
    for (size_t i = 0; i < ELEMENTSOF(digest_names); i++)
        if (streq(digest_names[i], name)) {
            *ret = (Digest)i;
            return 0;
        }
    return -EINVAL;
}

const EVP_MD *digest_to_md(Digest digest)
{
    switch (digest) {
    case DIGEST_SHA256:
    case DIGEST_SHA256_PSS:
        return EVP_sha256();
    case DIGEST_SHA384:
    case DIGEST_SHA384_PSS:
        return EVP_sha384();
    case DIGEST_SHA512:
    case DIGEST_SHA512_PSS:
        return EVP_sha512();
    case DIGEST_NONE:
        break;
    }
    return NULL;
}

bool digest_is_pss(Digest digest)
{
    return digest >= DIGEST_SHA256_PSS;
}

static const SignatureNames *signature_find(const KeyAlgorithm *algorithm, Digest digest)
{
    for (size_t i = 0; i < ELEMENTSOF(signatures); i++)
        if (signatures[i].family == algorithm->family && signatures[i].digest == digest)
            return &signatures[i];
    return NULL;
}

bool key_algorithm_takes_digest(const KeyAlgorithm *algorithm, Digest digest)
{
    return digest_is_pss(digest) ? algorithm->family == KEY_FAMILY_RSA
                                 : signature_find(algorithm, digest) != NULL;
}

DerSpan signature_algorithm_identifier(const KeyAlgorithm *algorithm, Digest digest)
{
    const SignatureNames *s = signature_find(algorithm, digest);

    return s ? (DerSpan){s->identifier, s->identifier_size} : (DerSpan){NULL, 0};
}

const char *signature_jose_name(const KeyAlgorithm *algorithm, Digest digest)
{
    const SignatureNames *s = signature_find(algorithm, digest);

    if (!s || (algorithm->jose_digest && !streq(algorithm->jose_digest, digest_names[digest])))
        return NULL;
    return s->jose;
}
