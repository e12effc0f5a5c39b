/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of CA certificates: concatenated PEM, or certificates-only PKCS#7 (RFC 5652 SignedData without content and without signers) in DER or PEM.
 *
 * The container is read by our own strict DER reader, never by OpenSSL; OpenSSL sees single certificates, one by one, after their DER has been checked. */
#pragma once

#include "authority.h"

#define BUNDLE_SIZE_MAX (4U << 20)
#define BUNDLE_CERTIFICATES_MAX 4096U

/* Returns 0 with what is in the bundle (possibly nothing), -EMSGSIZE, -ENOMEM, or -EBADMSG; *ret_reason (static, half a sentence) says what is wrong. */
int bundle_parse(const void *data, size_t size, const AuthorityRules *rules, AuthorityList **ret, const char **ret_reason);
