/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of what an SSH client signs to log in (RFC 4252 section 7). */
#pragma once

#include "key.h"

#define SSH_INPUT_SIZE_MAX 8192U

/* Is it the request to log in with this very key, for the signature algorithm that goes with the
 * digest? OpenSSH's form that is bound to the host's key as well is one too. 0, -EPERM for
 * another's key, or -EBADMSG; with a static reason. */
int ssh_input_check(DerSpan input, const Key *key, Digest digest, const char **ret_reason);
