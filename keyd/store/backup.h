/* SPDX-License-Identifier: Apache-2.0 */
/* Keys on their way to another router, or to a safe: CMS AuthEnvelopedData (RFC 5083) with
 * AES-256-GCM for one recipient, by RSA-OAEP or ECDH. Inside is PKCS#8, one or two, the first of
 * which has what a key file says of the key as an attribute. Nothing here is for the main loop but
 * backup_wrap() and backup_recipient(). */
#pragma once

#include "key.h"

#define BACKUP_SIZE_MAX 32768U
#define BACKUP_RSA_BITS_MIN 2048U

/* recipient: DER certificate. *ret is to be freed with free(). -EPERM: the key is not exportable;
 * -EBADMSG: no certificate; -EINVAL: of a key that this is not for, with a static reason;
 * -EKEYEXPIRED. */
int backup_wrap(const Key *key, const void *recipient, size_t recipient_size, void **ret,
                size_t *ret_size, const char **ret_reason);

/* The shape of it, and nothing but what backup_wrap() writes: -EBADMSG with a static reason.
 * *ret_key_id: the recipient's subjectKeyIdentifier; empty when it is named by issuer and serial
 * number. */
int backup_check(DerSpan wrapped, DerSpan *ret_key_id, const char **ret_reason);

/* Could this key be the recipient's? key_id as before. */
bool backup_recipient(const Key *key, DerSpan key_id);

/* -EKEYREJECTED: not for this recipient, or changed; -EBADMSG: not a key of ours. wrapped has to
 * have been checked. */
int backup_unwrap(DerSpan wrapped, const Key *recipient, Key **ret);
