/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of what an SSH client signs to log in (RFC 4252 section 7), and the form of public
 * keys in it (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709). */
#pragma once

#include "key.h"

#define SSH_INPUT_SIZE_MAX 8192U
#define SSH_BLOB_MAX 2048U

/* Is it the request to log in with this very key, for the signature algorithm that goes with the
 * digest? OpenSSH's form that is bound to the host's key as well is one too. 0, -EPERM for
 * another's key, or -EBADMSG; with a static reason. */
int ssh_input_check(DerSpan input, const Key *key, Digest digest, const char **ret_reason);

/* -EOPNOTSUPP for DSA. */
int ssh_blob(const Key *key, uint8_t ret[static SSH_BLOB_MAX], size_t *ret_size);
