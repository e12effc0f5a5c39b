/* SPDX-License-Identifier: Apache-2.0 */
/* What SSH messages are made of (RFC 4251 section 5), and its form of public keys (RFC 4253 section
 * 6.6, RFC 5656 section 3.1, RFC 8709 section 4). */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>

#include "der.h"

#define SSH_BLOB_MAX 2048U

/* Writes a string, for which there has to be room; returns where it ends. */
uint8_t *ssh_put_string(uint8_t *p, const void *data, size_t size);
/* Takes one off the front of *input. -EBADMSG. */
int ssh_take_string(DerSpan *input, DerSpan *ret);

/* "nistp256", "nistp384" or "nistp521"; NULL for other keys. */
const char *ssh_curve_name(const EVP_PKEY *key);

/* The public half of an RSA, ECDSA or Ed25519 key; -EOPNOTSUPP for others. */
int ssh_public_blob(const EVP_PKEY *key, uint8_t ret[static SSH_BLOB_MAX], size_t *ret_size);
