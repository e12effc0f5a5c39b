/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of TLS with a private key that is in keyd: whoever asked for the transaction
 * has opened a channel that signs as a TLS client, with one key, and nothing else. */
#pragma once

#include <openssl/types.h>

#include "request.h"

typedef struct ClientKey ClientKey;

/* Borrows the request. -EBADMSG when its certificates are none. */
int client_key_new(const Request *request, ClientKey **ret);
ClientKey *client_key_free(ClientKey *key);
/* Shows the certificates, and proves the possession of their key, to servers that ask for it. */
int client_key_use(ClientKey *key, SSL_CTX *context);
/* Has a server asked for it, and got it? */
bool client_key_was_shown(const ClientKey *key);
/* Why it could not be used, or NULL. */
const char *client_key_error(const ClientKey *key);
