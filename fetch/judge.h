/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a server whose certificate leads to a trust anchor is to be believed, the client says: it
 * knows what is revoked, and this process does not ask anybody else. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Judge {
    int client_fd; /* negative: nobody is asked */
    int error;     /* negative errno: why there was no answer; -ECANCELED: the client is gone */
    bool asked;
    uint64_t waited_usec; /* for the answer */
} Judge;

/* Has the client asked within the handshake, before anything else is sent. */
int judge_use(Judge *judge, SSL_CTX *context);
