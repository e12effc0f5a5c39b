/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a file for a private key that is in keyd: which one it is, and its public half.
 * No secret: whoever reads it can do with the key what keyd grants him, and no more.
 *
 *     KeyReference ::= SEQUENCE {
 *         version    INTEGER (1),
 *         algorithm  UTF8String,           -- as on the bus
 *         label      UTF8String,
 *         publicKey  SubjectPublicKeyInfo } -- RFC 5280 section 4.1
 *
 * as one block of PEM (RFC 7468) with the label CHANCERY KEY REFERENCE. */
#pragma once

#include "der.h"

#define KEY_REFERENCE_PEM_LABEL "CHANCERY KEY REFERENCE"
#define KEY_REFERENCE_SIZE_MAX 8192U

typedef struct KeyReference {
    char algorithm[32];
    char label[256];
    DerSpan public_key; /* borrowed */
} KeyReference;

/* The caller owns *ret_pem, a string. -EINVAL when something has no place in it, -ENOMEM. */
int key_reference_format(const char *algorithm, const char *label, DerSpan public_key,
                         char **ret_pem);

/* Reads what was inside of the PEM block. -EBADMSG. */
int key_reference_parse(DerSpan der, KeyReference *ret);
