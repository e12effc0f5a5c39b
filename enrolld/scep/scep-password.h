/* SPDX-License-Identifier: Apache-2.0 */
/* PasswordRecipientInfo (RFC 5652 section 6.2.4): a content key that is wrapped (RFC 3211) under a
 * key that PBKDF2 (RFC 8018) derives from a password. SCEP answers like that (RFC 8894 section 3)
 * when nothing can be encrypted for the key that asks. Read byte by byte against lists of what
 * passes. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>

#include "der.h"

#define SCEP_PASSWORD_TAG DER_CONTEXT_CONSTRUCTED(3) /* within RecipientInfo */
/* What is wrapped is at most this long. */
#define SCEP_PASSWORD_KEY_MAX 32U

typedef struct ScepPassword {
    DerSpan salt;
    unsigned iterations;
    const char *digest; /* of PBKDF2's HMAC, OpenSSL's name */
    const char *cipher; /* of the wrapping, the same */
    size_t key_size;    /* its key's */
    DerSpan iv, wrapped;
} ScepPassword;

/* info: what is inside the tag; *ret points into it. legacy: HMAC with SHA-1 passes, and what takes
 * too little work to guess. -EBADMSG (malformed) or -EKEYREJECTED (well-formed, but not here) with
 * a static reason. */
int scep_password_parse(DerSpan info, bool legacy, ScepPassword *ret, const char **ret_reason);

/* The content key, which has to be of this size. -EKEYREJECTED: it is another password, or another
 * message. */
int scep_password_unwrap(const ScepPassword *p, OSSL_LIB_CTX *context, const char *password,
                         unsigned char *ret_key, size_t size);
