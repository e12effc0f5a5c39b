/* SPDX-License-Identifier: Apache-2.0 */
/* Why a TLS server does not talk to the client: because of the certificate that it is shown, or
 * because it is shown none. TLS says so by an alert; with TLS 1.3 that comes after the handshake,
 * and may be gone with the connection before anybody reads it. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>

/* Forgets what the transaction before has noticed. */
void refusal_begin(void);
void refusal_watch(SSL_CTX *context);
/* NULL when there is nothing to say. shown: the server was shown a certificate. */
const char *refusal_words(bool shown);
