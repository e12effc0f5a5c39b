/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server that is called by an IP address has to be called in its certificate. */
#pragma once

#include <openssl/types.h>

/* The address has to be among the alternative names: RFC 9110 section 4.3.5. A common name that
 * looks like an address, which curl would take, is none. Nothing for a URL with a host name.
 * Returns 0 or -ENOMEM. */
int server_name_use(SSL_CTX *context, const char *url);
