/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one transaction: no redirects; what is kept is the connection to the server. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "request.h"

typedef struct Reply {
    const char *error; /* the word of the protocol, static; NULL when the server answered */
    char *message;     /* one sentence for error */
    long status;
    char *content_type, *etag; /* NULL when the server sent none that is fit to be handed on */
    unsigned retry_after;      /* seconds; 0: the server said nothing of it */
    int body_fd;               /* sealed; -EBADF when there is no body */
} Reply;

/* Loads what the transaction needs from files, before the sandbox. */
int transaction_prepare(void);

/* The server of this process, and the connection to it. */
typedef struct Peer Peer;
Peer *peer_new(void);
Peer *peer_free(Peer *peer);
DEFINE_TRIVIAL_CLEANUP_FUNC(Peer *, peer_free);
/* Is the request for the same server, by the same way, as those before? -EINVAL with *ret_reason
 * (static), half a sentence. */
int peer_check(Peer *peer, const Request *request, const char **ret_reason);

/* Does it, and gives up when client_fd hangs up (-ECANCELED). What went wrong with the server is in
 * *ret, not in the result. */
int transaction_run(const Request *request, Peer *peer, int client_fd, Reply *ret);
void reply_done(Reply *reply);

/* May this be connected to? Not: link-local, multicast, broadcast and unspecified addresses, nor
 * any family but IPv4 and IPv6. */
bool address_is_allowed(const struct sockaddr *address, socklen_t size);
