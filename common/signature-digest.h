/* SPDX-License-Identifier: Apache-2.0 */
/* What a signature was made of, by its AlgorithmIdentifier. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

/* Is the digest one of which nobody finds two messages with the same, SHA-224 or better? That of
 * RSASSA-PSS is in its parameters, and SHA-1 when they leave it out (RFC 4055 section 3.1), which
 * OpenSSL verifies without a word; EdDSA brings its own. */
bool signature_digest_is_strong(const X509_ALGOR *algorithm);
