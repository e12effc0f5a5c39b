/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment with a server. What all protocols have in common (server-enroll.c): the request is
 * written down before it goes out, what comes back is checked and installed, and while the CA has
 * not decided it is asked again. What each of them does is a ServerMethod (method-*.c). */
#pragma once

#include "admission.h"
#include "fetch-client.h"
#include "job.h"
#include "received.h"
#include "trustpoint.h"

#define SERVER_REASON_SIZE 512U

/* What the CA has said. */
typedef enum ServerResult {
    SERVER_GRANTED,
    SERVER_PENDING,
    SERVER_REFUSED, /* reason says why */
} ServerResult;

/* Which certificate TLS shows to a server. */
typedef struct TlsIdentity {
    char *trustpoint;  /* the other one that the ssl-profile names; NULL: there is no such line */
    X509 *certificate; /* NULL: there is none */
    KeyName key;
    X509 *chain[RECORD_CHAIN_MAX + 1]; /* those above it */
    size_t n_chain;
} TlsIdentity;

/* Where a server is. */
typedef struct ServerAddress {
    OSSL_LIB_CTX *context;
    const char *url;
    const char *name; /* of the trustpoint */
    const FetchRoute *route;
    const TlsIdentity *tls; /* what it is shown where it wants to know who asks */
    int64_t now;
    int cancel_fd;
} ServerAddress;

/* A request on its way, and what came of it. */
typedef struct ServerAsk {
    Request *request; /* one of the job's, or, of a poll, of the trustpoint's */
    void *sent;       /* by prepare() for send(), where that differs; wiped */
    size_t sent_size;
    int error; /* 0: there is a result */
    ServerResult result;
    unsigned pause; /* of a pending one: seconds that the CA wants to be left alone; 0: no wish */
    ReceivedList certificates;
    bool is_admitted; /* poold has been asked about them */
    bool is_refused;  /* they have come, and are not taken: the reason says why */
    char reason[SERVER_REASON_SIZE];
} ServerAsk;

/* One enrolment, renewal or poll; the worker has it alone. */
typedef struct ServerJob {
    struct Manager *manager;
    const struct ServerMethod *method;
    char *trustpoint;
    char *configuration; /* as it was when the job started */
    char *url;
    bool renew, regenerate, legacy;
    bool by_certificate; /* of SCEP: what is there signs the request for what comes */
    int64_t now;
    RequestRetry retry;
    FetchRoute route;
    FetchSession *session; /* with the server */
    const char *digest;
    Admission admission; /* of what comes */
    bool next_authority; /* the CA's next certificate is to issue */
    X509 *authority;
    X509 *renewed; /* the router certificate that is there; NULL for none; only its words, where
                    * nobody asks for its key */
    KeyName renewed_key;            /* its key */
    X509 *others[RECORD_CHAIN_MAX]; /* what came with the CA's certificate */
    size_t n_others;
    /* With what the operator makes himself known to the CA; NULL for nothing; wiped. */
    char *identity, *secret;
    ClientProfile profile; /* with what he does when he has not been asked */
    TlsIdentity tls;
    /* Of a new request */
    KeyName key;
    X509_NAME *subject;
    char *alternative_names;
    char *challenge; /* NULL for none; wiped */
    char *sealed;    /* the configured one, for when it is NULL */
    unsigned key_usages[_PAIR_MAX];
    Record written; /* what is written down before sending; borrows all */
    Request *requests;
    size_t n_keys; /* two for usage keys */
    bool is_written;
    /* Of a poll it is about the trustpoint's request, which nobody touches while it is busy. */
    ServerAsk asks[REQUESTS_MAX];
    size_t n_asks;
    void *private;                   /* the method's, between its functions */
    char reason[SERVER_REASON_SIZE]; /* why nothing was asked */
} ServerJob;

/* All block and are called in the worker. They return 0 or a negative errno, with one sentence
 * without its end in the reason (of begin(), the job's; else that of what was asked), or with what
 * they have told the job. */
typedef struct ServerMethod {
    bool shows_certificate; /* to the server, in TLS */
    /* The certificates of the CA, for somebody to believe; NULL: he brings them himself. */
    int (*get_authorities)(const ServerAddress *server, ReceivedList *ret,
                           char reason[SERVER_REASON_SIZE]);
    /* Asks the server what it can and wants, before anything else of a job. */
    int (*begin)(Job *job, ServerJob *j);
    /* Makes the request for one key. */
    int (*prepare)(Job *job, ServerJob *j, const KeyName *key, ServerAsk *ask);
    /* Sends it, and asks again what has become of it. */
    int (*send)(Job *job, ServerJob *j, ServerAsk *ask);
    int (*poll)(Job *job, ServerJob *j, ServerAsk *ask);
    /* Asks for what the CA's certificate is going to be, and sees that the present one vouches for
     * it. -ENODATA: there is none yet. NULL for protocols without that. */
    int (*get_next_authorities)(Job *job, ServerJob *j, ReceivedList *ret);
    /* A certificate that the CA has made of a request, by its serial number; the revocation list of
     * the CA, DER, asked for with the certificate that is there. NULL for other protocols. */
    int (*get_certificate)(Job *job, ServerJob *j, ServerAsk *ask, const ASN1_INTEGER *serial);
    int (*get_crl)(Job *job, ServerJob *j, void **ret, size_t *ret_size);
    void (*free_private)(void *data); /* may be NULL */
} ServerMethod;

extern const ServerMethod method_scep, method_est, method_cmp;

/* server-identity.c: who the router is to a server */

/* Of the trustpoint, or of the one that its ssl-profile names. */
int tls_identity_init(TlsIdentity *tls, const struct Manager *m, const Trustpoint *t);
void tls_identity_done(TlsIdentity *tls);
/* Can it be shown now? One that is not demanded by a line need not be there. 1 when it can, 0 when
 * there is none, -ENOKEY with the reason. */
int tls_identity_check(const TlsIdentity *tls, int64_t now, char reason[SERVER_REASON_SIZE]);
/* The client-authentication profile that the configuration has for that. */
int server_set_profile(ServerJob *j, const TrustpointConfig *config, bool renewal);
/* In the worker: has keyd open its password, unless the operator has given one. */
int server_open_profile(ServerJob *j);

#define SERVER_WAIT_MAX INT64_C(3600) /* at once: clocks are set */

/* Asks at the trustpoint's server; next: for what the CA's next certificate is to issue. */
int server_job_new(struct Manager *m, const Trustpoint *t, bool next, ServerJob **ret);
void server_job_free(void *data);
/* What was granted is checked, and installed or staged; the caller announces the trustpoint.
 * Returns the role. */
int server_install(struct Manager *m, Trustpoint *t, const ServerAsk *ask, const char *user,
                   const char **ret_reason);

/* In the worker: what was granted is not taken when poold has something against it. 0 or a negative
 * errno with the reason in that of what was asked. */
int server_admit(Job *job, const ServerJob *j, ServerAsk *ask, const ReceivedList *certificates);
/* Why a certificate that came is not taken: what the reason has after these words. */
#define SERVER_REFUSED_WORDS "the certificate that came cannot be used: "
const char *server_refusal(const ServerAsk *ask);

/* NULL for methods without a server. */
const ServerMethod *server_method_get(EnrollmentMethod method);

/* What a server wants in a request beyond what is configured. */
typedef struct ServerWishes {
    const char *digest;                          /* NULL: the configured one */
    const STACK_OF(X509_EXTENSION) * extensions; /* NULL for none; go before the configured ones */
    const X509_NAME *subject;                    /* NULL: the configured one */
} ServerWishes;

/* server-request.c, for methods: has the key sign a request; wishes may be NULL. What fails is
 * said. */
int server_make_request(Job *job, const ServerJob *j, EnrollmentMethod method, const KeyName *name,
                        const ServerWishes *wishes, Request **ret);
/* The bytes of one with the challenge password, which is not kept. */
int server_build_request(Job *job, const ServerJob *j, const KeyName *name, const char *challenge,
                         void **ret, size_t *ret_size);
/* The same for one that was made before. */
int server_rebuild_request(Job *job, const ServerJob *j, const Request *kept, void **ret,
                           size_t *ret_size);
