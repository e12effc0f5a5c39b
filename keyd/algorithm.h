/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithms of keys, the digests that may be signed, and how X.509 and JOSE call their pairs.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "der.h"

typedef enum KeyFamily {
    KEY_FAMILY_RSA,
    KEY_FAMILY_ECDSA,
    KEY_FAMILY_ED25519,
    KEY_FAMILY_DSA, /* the smaller ones sign nothing, those of 2048 bits envelopes */
} KeyFamily;

typedef struct KeyAlgorithm {
    const char *name; /* on the bus and in configuration */
    KeyFamily family;
    const char *group;       /* OpenSSL's name of the curve; NULL when there is none to choose */
    unsigned bits;           /* 0: chosen when the key is made */
    const char *jose_digest; /* the digest that JOSE ties to the curve; NULL: any */
    bool is_quick;           /* signs in less time than it takes to have another thread do it */
} KeyAlgorithm;

typedef enum Digest {
    DIGEST_NONE, /* ed25519 hashes by itself */
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
    DIGEST_SHA256_PSS, /* rsa, in TLS only: RSASSA-PSS, RFC 8446 section 4.2.3 */
    DIGEST_SHA384_PSS,
    DIGEST_SHA512_PSS,
} Digest;

/* RSA keys with which users of the router log in elsewhere over ssh; the label is the user. */
#define KEY_AUTHENTICATION_SSH "authentication-ssh-rsa"

#define RSA_BITS_MIN 512U
#define RSA_BITS_MAX 4096U
#define RSA_BITS_DEFAULT 2048U
#define DSA_BITS_DEFAULT 1024U
#define DSA_BITS_SIGNING 2048U /* with a q of 256 bits, which is what SHA-256 needs */

/* NULL when there is no such algorithm. */
const KeyAlgorithm *key_algorithm_find(const char *name);
/* The same among those that trustpoints may name as their keypair. */
const KeyAlgorithm *key_algorithm_find_signing(const char *name);
/* The same among those that sign certificates, and for users to whom they are granted. */
const KeyAlgorithm *key_algorithm_find_certifying(const char *name);

/* May a key have that size? Of a fixed size only that one. */
bool key_algorithm_takes_bits(const KeyAlgorithm *algorithm, unsigned bits);

/* -EINVAL for what is unknown, and for sha1 and md5, which are known too well. "" is DIGEST_NONE.
 */
int digest_from_string(const char *name, Digest *ret);

/* NULL for DIGEST_NONE. */
const EVP_MD *digest_to_md(Digest digest);
bool digest_is_pss(Digest digest);

/* Does this kind of key sign that digest? */
bool key_algorithm_takes_digest(const KeyAlgorithm *algorithm, Digest digest);

/* The DER AlgorithmIdentifier (RFC 4055, 5758, 8410) of a signature. */
DerSpan signature_algorithm_identifier(const KeyAlgorithm *algorithm, Digest digest);

/* The "alg" of a JWS (RFC 7518, 8037; DSA256 is our own), or NULL when there is no name for the
 * pair. */
const char *signature_jose_name(const KeyAlgorithm *algorithm, Digest digest);
