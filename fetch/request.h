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
    size_t size_max;
    unsigned timeout_seconds;
} Request;

/* The descriptors remain the caller's. Returns 0, -ENOMEM, or -EINVAL with *ret_reason (static),
 * half a sentence. */
int request_parse(json_object *o, const int *fds, size_t n_fds, Request **ret,
                  const char **ret_reason);
Request *request_free(Request *request);
DEFINE_TRIVIAL_CLEANUP_FUNC(Request *, request_free);
