/* SPDX-License-Identifier: Apache-2.0 */
/* KeyAgreeRecipientInfo (RFC 5652 section 6.2.2) as RFC 5753 section 3.1 has it: a content key that
 * is wrapped with AES, under what a key made for this one message and that of the one recipient
 * agree upon. Read byte by byte against lists of what passes, before OpenSSL sees any of it: by who
 * gets the message, and again by who has the key. */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>

#include "der.h"

#define KEY_AGREEMENT_SIZE_MAX 8192U
#define KEY_AGREEMENT_TAG DER_CONTEXT_CONSTRUCTED(1) /* within RecipientInfo */
#define KEY_AGREEMENT_WRAP_OVERHEAD 8U               /* RFC 3394 */
#define KEY_AGREEMENT_CONTENT_KEY_MIN 16U            /* the same: not less than two blocks */

typedef struct KeyAgreement {
    DerSpan curve; /* that the ephemeral key names, an OID; without data: that of the recipient */
    DerSpan point; /* of the ephemeral key */
    DerSpan user_keying_material; /* without data: none */
    const char *digest;           /* of the derivation, OpenSSL's name */
    bool digest_is_weak;          /* less than SHA-256 */
    DerSpan wrap;                 /* its AlgorithmIdentifier, with tag and length */
    const char *wrap_cipher;      /* OpenSSL's name */
    size_t wrap_key_size;
    DerSpan issuer_and_serial; /* of the recipient, with tag and length; or, without data: */
    DerSpan key_id;            /* of the recipient */
    DerSpan wrapped_key;
} KeyAgreement;

/* info: with its tag and length. What is taken points into it. -EBADMSG (malformed) or
 * -EKEYREJECTED (known to be good, but not here) with a static reason. */
int key_agreement_parse(DerSpan info, KeyAgreement *ret, const char **ret_reason);

/* The ephemeral key, which has to be a point of the recipient's curve, and not the one at infinity:
 * other points would tell whoever sends them something of the recipient's key. As above. */
int key_agreement_peer(const KeyAgreement *agreement, const EVP_PKEY *recipient, EVP_PKEY **ret,
                       const char **ret_reason);
