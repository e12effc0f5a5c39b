/* SPDX-License-Identifier: Apache-2.0 */
/* The trust anchors of a request, as OpenSSL finds them. */
#pragma once

#include <openssl/types.h>

#include "der.h"

/* The certificates in this PEM text are trusted from now on, beside what the context trusts
 * already. The text and its span have to outlive the context. Returns 0 or -ENOMEM. */
int anchors_use(SSL_CTX *context, const DerSpan *anchors);
