/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of what a TLS endpoint signs. */
#pragma once

#include "der.h"

#define TLS_INPUT_SIZE_MAX 1024U

enum {
    TLS_SERVER = 1 << 0,
    TLS_CLIENT = 1 << 1,
};

/* TLS 1.3: the content of CertificateVerify (RFC 8446 section 4.4.3) of one of the roles, over a
 * transcript hash of SHA-256 or SHA-384. TLS 1.2, servers only: the ephemeral key with both randoms
 * (RFC 8422 section 5.4), on a named curve. Returns 13 or 12, or -EBADMSG with a static reason. */
int tls_input_check(DerSpan input, unsigned roles, const char **ret_reason);
