/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction with one origin, done by a process that owns nothing (chancery-fetch). Blocks:
 * for worker threads only.
 *
 * The protocol on the socket FETCH_SOCKET (AF_UNIX, SOCK_SEQPACKET): the client sends one JSON
 * object of at most 16 KiB with up to five descriptors: sealed memory files with the request body,
 * the trust anchors (PEM), the credentials (user, a zero byte, password), the client's certificates
 * (PEM, its own first), and the channel of keyd/PROTOCOL.md that signs for the latter; named by
 * "body", "trust-anchors", "credentials" and "client-certificate" (the last two): true, in this
 * order. fetch answers with one JSON object, and with a sealed memory file that holds the body when
 * there is one, and ends; or waits for another request for the same server, over the same
 * connection to it, when the one before had "keep": true (http only). When it was asked to
 * ("judged": true), it asks something itself before: {"judge": true, "ocsp": boolean} with the path
 * to a trust anchor that the https server has shown (PEM, the server's certificate first), and the
 * OCSP response that the server has sent along, if it has; it goes on when {"go-on": true} is the
 * answer, and ends when there is none. Nothing was sent to the server until then but what a
 * handshake consists of.
 *
 * Request: "url", "size-max", "timeout-seconds", and where needed "body" with "content-type",
 * "trust-anchors", "unverified": true (https without them), "credentials", "client-certificate",
 * "judged", "probe", "keep", "etag", "host-key" and which way it goes (fetch-route.h). Reply:
 * "status", "body", and "content-type", "etag" and "retry-after" (seconds) when the server sent
 * them; or "error" (invalid, unreachable, too-large, failed) and "message". */
#pragma once

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch-route.h"

#define FETCH_CONTENT_TYPE_MAX 127U
#define FETCH_REQUEST_BODY_MAX (4U << 20)
#define FETCH_TRUST_ANCHORS_MAX (96U << 20) /* of the largest trustpool */
#define FETCH_REPLY_BODY_MAX (64U << 20)
#define FETCH_CREDENTIALS_MAX 1024U
#define FETCH_CERTIFICATES_MAX (256U << 10)
#define FETCH_RETRY_AFTER_MAX 86400U
#define FETCH_PATH_MAX (1U << 20)    /* of what an https server shows */
#define FETCH_STAPLE_MAX (64U << 10) /* and of what a responder has said of it */
#define FETCH_JUDGE_SECONDS 120U     /* that whoever judges may take */
#define FETCH_PASSWORD_MAX 256U
#define FETCH_TIMEOUT_MIN 5U
#define FETCH_TIMEOUT_MAX 300U

/* What an https server has shown, whose path leads to one of the trust anchors. */
typedef struct FetchServer {
    const char *certificates; /* PEM, the server's own first, the trust anchor last */
    size_t certificates_size;
    const void *staple; /* an OCSP response in DER; NULL when it has sent none */
    size_t staple_size;
} FetchServer;

/* Is it to be believed? Returns 1 for yes, 0 with *ret_reason (to be freed) for no, or a negative
 * errno. */
typedef int (*fetch_judge_t)(void *userdata, const FetchServer *server, int cancel_fd,
                             char **ret_reason);

typedef struct FetchRequest {
    const char *url; /* http:// or https://; for a GET also ftp:// (as anonymous), tftp://, ldap://,
                        and with a user before the host sftp:// or scp:// */
    const void *body; /* POST when there is one, else GET; over tftp and sftp it is written */
    size_t body_size;
    const char *content_type;  /* of the body */
    const char *trust_anchors; /* PEM; needed for https */
    bool unverified;           /* https without them: whoever answers is believed nothing */
    const char *user;     /* for HTTP authentication, when the server asks for it; may be NULL; with
                             sftp and scp the one of the URL */
    const char *password; /* the same; wiped by the caller */
    const char *client_certificates; /* PEM, the client's own first; NULL: none is shown */
    int client_key;                  /* the channel of keyd that signs for it */
    size_t size_max;                 /* of the reply's body; at most 64 MiB */
    unsigned timeout_seconds;        /* for the whole transaction; 5 to 300 */
    bool probe; /* nothing is sent: the answer's body is what the https server shows, PEM, leaf
                   first, which has proved that it has the leaf's key; nothing is verified, and no
                   trust anchors are needed */
    const char *etag; /* of what the caller has: status 304 and no body when it is still that; http
                         and https only; may be NULL */
    bool keep;        /* the worker waits for another one; http only */
    const char *host_key; /* fingerprint; for sftp and scp only, and needed for them */
    fetch_judge_t judge; /* of https: asked before anything is sent to the server; NULL: the path to
                           a trust anchor is enough */
    void *judge_data;
    const FetchRoute *route; /* NULL: as the system's routes have it */
} FetchRequest;

typedef struct FetchReply {
    unsigned status;    /* HTTP status code; 200 for what came by another protocol */
    char *content_type; /* NULL when the server sent none; printable ASCII */
    char *etag;         /* the same */
    unsigned
        retry_after; /* seconds, at most FETCH_RETRY_AFTER_MAX; 0 when the server said nothing */
    void *body;      /* one zero byte, not counted, follows it */
    size_t body_size;
    char *error; /* one sentence when fetch() failed with -EHOSTUNREACH; printable ASCII */
    bool lost;   /* the worker ended without an answer: the server may have given one */
} FetchReply;

/* Returns 0 when the server answered (whatever the status), -EHOSTUNREACH with reply->error,
 * -EMSGSIZE when the body is larger than size_max, -ECANCELED when cancel_fd (or -1) became
 * readable, or another negative errno. */
int fetch(const FetchRequest *request, int cancel_fd, FetchReply *reply);
void fetch_reply_done(FetchReply *reply);

/* Several requests to one server that belong together: over http they go over one connection to it,
 * by one process. Each of them may use another one for all that the caller sees. */
typedef struct FetchSession {
    int fd; /* negative: no process */
} FetchSession;

#define FETCH_SESSION_NONE ((FetchSession){-EBADF})

/* As fetch(). */
int fetch_in_session(FetchSession *session, const FetchRequest *request, int cancel_fd,
                     FetchReply *reply);
/* The same in two steps, for whoever has something else to do meanwhile: the request goes out, the
 * answer is waited for. Nothing else is asked in between. When one of them fails, the session has
 * no process any more. */
int fetch_session_send(FetchSession *session, const FetchRequest *request, int cancel_fd,
                       FetchReply *reply);
int fetch_session_receive(FetchSession *session, const FetchRequest *request, int cancel_fd,
                          FetchReply *reply);
void fetch_session_end(FetchSession *session);

/* fetch() on a connection that is there already. */
int fetch_exchange(int fd, const FetchRequest *request, int cancel_fd, FetchReply *reply);
