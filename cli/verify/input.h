/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a collector names: everything in them has a limit. */
#pragma once

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_PEM_MAX (32U * 1024 * 1024) /* lists of revoked certificates grow */
#define INPUT_CERTIFICATES_MAX 64
#define INPUT_CRLS_MAX 64

/* Everything up to max, and a zero byte after it; "-" is standard input. -EFBIG. */
int input_read(const char *path, uint64_t max, char **ret_data, size_t *ret_size);

/* All of a PEM file, with nothing but text between them. -EBADMSG when there is none or one does
 * not parse, -E2BIG. */
int input_certificates(const char *path, STACK_OF(X509) * *ret);
int input_crls(const char *path, STACK_OF(X509_CRL) * *ret);
