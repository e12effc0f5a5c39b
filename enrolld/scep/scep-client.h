/* SPDX-License-Identifier: Apache-2.0 */
/* SCEP with a server: what is asked, over chancery-fetch, and what the answer means. Blocks: for
 * worker threads only. */
#pragma once

#include "fetch-client.h"
#include "scep-message.h"

#define SCEP_REASON_SIZE 512U

typedef struct ScepServer {
    OSSL_LIB_CTX *context;
    const char *url;
    const char *name; /* of the trustpoint: some servers have several CAs */
    bool legacy;
    const FetchRoute *route;
    FetchSession *session; /* of the transaction */
    int cancel_fd;
} ScepServer;

/* All return 0 or a negative errno with one sentence, without its end, in reason. */

/* What the server can: the question, and its answer, which can be waited for later. -EOPNOTSUPP:
 * less than the floor, and not configured as legacy. */
int scep_ask_capabilities(const ScepServer *server, char reason[SCEP_REASON_SIZE]);
int scep_take_capabilities(const ScepServer *server, ScepCapabilities *ret,
                           char reason[SCEP_REASON_SIZE]);
int scep_get_authorities(const ScepServer *server, ReceivedList *ret,
                         char reason[SCEP_REASON_SIZE]);

/* Of a server that can: what the CA is going to be. */
int scep_get_next_authorities(const ScepServer *server, X509 *authority, ReceivedList *ret,
                              char reason[SCEP_REASON_SIZE]);

typedef enum ScepResult {
    SCEP_RESULT_GRANTED,
    SCEP_RESULT_PENDING,
    SCEP_RESULT_REFUSED, /* reason says why */
} ScepResult;

/* One request of a transaction. algorithm, label: of the key that opens the answer. */
typedef struct ScepExchange {
    const ScepServer *server;
    const ScepCapabilities *capabilities;
    const ScepPeers *peers;
    ScepType type;
    const char *transaction;
    const void *content;
    size_t content_size;
    X509 *signer;
    EVP_PKEY *key;
    const char *algorithm, *label;
    const char *opening_pair; /* of that label: what opens the answers; NULL: there is one only */
    const char *password;     /* the same when nothing can be encrypted for the key; NULL: none */
    const char *digest;
} ScepExchange;

/* Of GetCRL: the list, DER. The caller frees. -ENODATA: the CA has none, and says why. */
int scep_exchange_crl(const ScepExchange *exchange, void **ret_der, size_t *ret_size,
                      char reason[SCEP_REASON_SIZE]);
/* certificates: of a grant, for the caller to check and to release. -ENOLINK: the CA may have got
 * the request, and even answered, but the answer is lost. -EREMOTEIO: the server has answered with
 * an HTTP error. */
int scep_exchange(const ScepExchange *exchange, ScepResult *ret, ReceivedList *certificates,
                  char reason[SCEP_REASON_SIZE]);
