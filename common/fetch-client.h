/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction with one origin, done by a process that owns nothing (chancery-fetch@). Blocks: for worker threads only.
 *
 * The protocol on the socket FETCH_SOCKET (AF_UNIX, SOCK_SEQPACKET): the client sends one JSON object of at most 16 KiB with up to two descriptors
 * (request body, trust anchors: sealed memory files, named by "body": true, "trust-anchors": true, in this order); fetch answers with one JSON
 * object, and with a sealed memory file that holds the body when there is one, and ends. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct FetchRequest {
    const char *url;          /* http:// or https:// */
    const void *body;         /* POST when there is one, else GET */
    size_t body_size;
    const char *content_type; /* of the body */
    const char *trust_anchors; /* PEM; needed for https */
    size_t size_max;          /* of the reply's body; at most 64 MiB */
    unsigned timeout_seconds; /* for the whole transaction; 5 to 300 */
} FetchRequest;

typedef struct FetchReply {
    unsigned status;     /* HTTP status code */
    char *content_type;  /* NULL when the server sent none */
    void *body;
    size_t body_size;
    char *error;         /* one sentence when fetch() failed with -EHOSTUNREACH */
} FetchReply;

/* Returns 0 when the server answered (whatever the status), -EHOSTUNREACH with reply->error, -EMSGSIZE when the body is larger than size_max,
 * -ECANCELED when cancel_fd (or -1) became readable, or another negative errno. */
int fetch(const FetchRequest *request, int cancel_fd, FetchReply *reply);
void fetch_reply_done(FetchReply *reply);
