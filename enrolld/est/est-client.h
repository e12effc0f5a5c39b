/* SPDX-License-Identifier: Apache-2.0 */
/* EST with a server: what is asked, over chancery-fetch, and what the answer means. Blocks: for
 * worker threads only. */
#pragma once

#include "est-message.h"
#include "fetch-client.h"
#include "server-method.h"

typedef struct EstServer {
    const char *url;
    const char *anchors;      /* PEM: whose servers are believed; NULL: nothing is, but asked */
    const char *user;         /* NULL for none */
    const char *password;     /* the same */
    const char *advice;       /* where it can be said otherwise; NULL: nowhere */
    const char *certificates; /* PEM, with which the router shows who it is; NULL for none */
    const KeyName *key;       /* its key */
    int *key_fd; /* the channel that signs with it; opened again when keyd has been restarted */
    const FetchRoute *route;
    fetch_judge_t judge; /* of a server with anchors */
    void *judge_data;
    int cancel_fd;
} EstServer;

/* All return 0 or a negative errno with one sentence, without its end, in reason. */

int est_open_channel(const KeyName *key, int *ret_fd, char reason[SERVER_REASON_SIZE]);

int est_get_authorities(const EstServer *server, ReceivedList *ret,
                        char reason[SERVER_REASON_SIZE]);
int est_get_attributes(const EstServer *server, EstAttributes *ret,
                       char reason[SERVER_REASON_SIZE]);
/* request: DER. pause: of SERVER_PENDING, seconds; 0 when the server said nothing. certificates: of
 * a grant, for the caller to check and to release. */
int est_enroll(const EstServer *server, bool renewal, const void *request, size_t size,
               ServerResult *ret, unsigned *ret_pause, ReceivedList *certificates,
               char reason[SERVER_REASON_SIZE]);
