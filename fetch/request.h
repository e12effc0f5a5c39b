/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the fetch socket asks for, checked. Whatever is unknown, missing, of another
 * type or over its limit is refused. */
#pragma once

#include "cleanup.h"
#include "fetch-client.h"

typedef struct Request {
    char *url;
    void *body; /* NULL for GET */
    size_t body_size;
    char *content_type;
    char *etag;
    void *trust_anchors;
    size_t trust_anchors_size;
    bool probe;
    bool keep; /* another one may follow, for the same server */
    bool unverified;
    bool judged;
    char *host_key;    /* of a server for sftp or scp */
    char *credentials; /* user, a zero byte, password, a zero byte; wiped */
    size_t credentials_size;
    void *certificates; /* PEM; NULL: the client shows none */
    size_t certificates_size;
    int key_fd; /* signs for the first of them */
    size_t size_max;
    unsigned timeout_seconds;
    FetchRoute route;
} Request;

/* The descriptors remain the caller's, and key_fd is one of them. Returns 0, -ENOMEM, or -EINVAL
 * with *ret_reason (static), half a sentence. */
int request_parse(json_object *o, const int *fds, size_t n_fds, Request **ret,
                  const char **ret_reason);
Request *request_free(Request *request);
DEFINE_TRIVIAL_CLEANUP_FUNC(Request *, request_free);
