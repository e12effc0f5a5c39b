/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a request for a router certificate while the CA has not answered it: enough to
 * ask again after a restart, and to check what comes back. Never a challenge password. */
#pragma once

#include <json-c/json.h>

#include "lifecycle.h"
#include "openssl-util.h"
#include "trustpoint-config.h"

/* Usage keys ask twice. */
#define REQUESTS_MAX 2U

typedef struct Request {
    Lifecycle lifecycle;
    EnrollmentMethod method; /* how it went to the CA */
    KeyName key;
    void *der; /* CertificationRequest, without a challenge password */
    size_t size;
    X509_REQ *x509; /* the same */
    /* Of SCEP: what all messages of one request have in common. NULL otherwise. */
    char *transaction;
    void *signer; /* DER: the certificate that the key made for itself */
    size_t signer_size;
    X509 *signer_x509;   /* the same; NULL: has not been parsed */
    bool next_authority; /* the CA's next certificate is to issue it */
    bool renewal;        /* nobody asked for it: what is there is to be replaced */
    void *session;       /* of CMP: the transaction; in memory only */
    void (*session_free)(void *session);
    char *reason;         /* why it is stuck, one sentence; NULL when it isn't */
    struct Request *next; /* of the other pair, asked for together with this one; NULL for none */
} Request;

/* Copies the bytes. -EBADMSG for what is no request that its key has signed. */
int request_new(EnrollmentMethod method, const void *der, size_t size, const KeyName *key,
                Request **ret);
/* The same for what csr_build() has made, and verified, just now; takes it over on success. */
int request_new_made(EnrollmentMethod method, X509_REQ *x509, const void *der, size_t size,
                     const KeyName *key, Request **ret);
/* With those after it. */
Request *request_free(Request *request);
DEFINE_TRIVIAL_CLEANUP_FUNC(Request *, request_free);

/* Takes over the session in place of the one that was; NULL for none. */
void request_set_session(Request *request, void *session, void (*session_free)(void *session));

#define REQUEST_REASON_MAX 400U
/* NULL takes it away. What a server wrote is cut and made printable. */
int request_set_reason(Request *request, const char *reason);

int request_to_json(const Request *request, json_object **ret);
int request_from_json(json_object *o, Request **ret);
