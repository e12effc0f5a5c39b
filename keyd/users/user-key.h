/* SPDX-License-Identifier: Apache-2.0 */
/* A public key that lets a user in over ssh, in whichever form people have it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define USER_KEY_INPUT_MAX 16384U
#define USER_KEY_BITS_MIN 1024U
#define USER_KEY_BITS_MAX 8192U

typedef struct UserKey {
    unsigned bits;
    uint8_t *blob; /* RFC 4253 section 6.6, in its one canonical form; of OpenSSL's memory */
    size_t blob_size;
    uint8_t *public_key; /* DER SubjectPublicKeyInfo; of OpenSSL's memory */
    size_t public_key_size;
} UserKey;

void user_key_done(UserKey *k);

/* Reads an RSA public key: the blob of RFC 4253, binary or in base64, a line of OpenSSH without
 * options, or PEM (PUBLIC KEY or RSA PUBLIC KEY). -EBADMSG for everything else, -EINVAL for a key
 * of a size or an exponent that nobody should use, -EMSGSIZE over USER_KEY_INPUT_MAX. */
int user_key_parse(const void *data, size_t size, UserKey *ret);

/* Names of users that keys may be imported for: [A-Za-z0-9_][A-Za-z0-9._-]*, at most 31 bytes, not
 * root, who is no user of the router. */
#define USER_NAME_MAX 31U
bool user_key_name_is_valid(const char *name);
