/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment over SCEP. */
#include <openssl/rand.h>

#include "enrolld.h"
#include "errors.h"
#include "keyd-client.h"
#include "names.h"
#include "scep-client.h"
#include "server-method.h"

_Static_assert(SERVER_REASON_SIZE == SCEP_REASON_SIZE, "one is written into the other");

static ScepServer server_of(Job *job, const ServerJob *j)
{
    return (ScepServer){.context = j->manager->context,
                        .url = j->url,
                        .name = j->trustpoint,
                        .legacy = j->legacy,
                        .route = &j->route,
                        .session = j->session,
                        .cancel_fd = job_cancel_fd(job)};
}

static int get_authorities(const ServerAddress *server, ReceivedList *ret,
                           char reason[SERVER_REASON_SIZE])
{
    FetchSession session = FETCH_SESSION_NONE;
    const ScepServer scep = {.context = server->context,
                             .url = server->url,
                             .name = server->name,
                             .route = server->route,
                             .session = &session,
                             .cancel_fd = server->cancel_fd};
    int r = scep_get_authorities(&scep, ret, reason);

    fetch_session_end(&session);
    return r;
}

/* Of usage keys the encryption pair asks for both: the answer is encrypted for whoever asks, and
 * the signature pair decrypts nothing. */
static KeyName asking_key(const KeyName *key)
{
    KeyName asking = *key;

    if (key->pair == PAIR_SIGNATURE)
        asking.pair = PAIR_ENCRYPTION;
    return asking;
}

/* What the key shows for itself in all messages of the transaction. */
static int make_signer(Job *job, ServerJob *j, Request *request)
{
    const KeyName name = asking_key(&request->key);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    char transaction[SCEP_TRANSACTION_SIZE];
    int r;

    r = enrollment_load_key(job, j->manager, &name, "scep-certificate", &key);
    if (r < 0)
        return r;
    r = scep_transaction(X509_REQ_get0_pubkey(request->x509), j->renewed, transaction);
    if (r >= 0 && j->by_certificate) {
        (void)X509_up_ref(j->renewed);
        request->signer_x509 = j->renewed;
    } else if (r >= 0)
        r = scep_signer_certificate(j->manager->context, key, j->subject, transaction, j->now,
                                    &request->signer_x509);
    if (r >= 0)
        r = certificate_encode(request->signer_x509, &request->signer, &request->signer_size);
    if (r < 0)
        return enrollment_sign_failed(job, r, "certificate for the SCEP request");
    request->transaction = strdup(transaction);
    return request->transaction ? 0 : -ENOMEM;
}

/* What the method knows of its server. */
typedef struct Private {
    ScepCapabilities capabilities;
    bool is_asked; /* and has not been heard */
} Private;

static const ScepCapabilities *capabilities_of(const ServerJob *j)
{
    const Private *private = j->private;

    return &private->capabilities;
}

static int hear(Job *job, ServerJob *j, char reason[SERVER_REASON_SIZE])
{
    const ScepServer server = server_of(job, j);
    Private *private = j->private;

    if (!private->is_asked)
        return 0;
    private->is_asked = false;
    return scep_take_capabilities(&server, &private->capabilities, reason);
}

/* The first request with a key that is there can be made whatever the server can: while it answers.
 */
static bool may_hear_later(const ServerJob *j)
{
    return j->subject && !j->regenerate && !j->by_certificate;
}

static int begin(Job *job, ServerJob *j)
{
    const ScepServer server = server_of(job, j);
    Private *private = j->private = calloc(1, sizeof(*private));
    int r;

    if (!private)
        return -ENOMEM;
    r = scep_ask_capabilities(&server, j->reason);
    if (r < 0)
        return r;
    private->is_asked = true;
    return may_hear_later(j) ? 0 : hear(job, j, j->reason);
}

/* The configured password, unless somebody has entered one. */
static int open_challenge(Job *job, ServerJob *j)
{
    int r = 0;

    if (!j->challenge && j->sealed)
        r = keyd_secret_open(SECRET_CHALLENGE, j->sealed, &j->challenge);
    return r < 0 ? job_fail(job, ERROR_VERIFICATION_FAILED,
                            "The challenge password of %s cannot be opened: %s", j->trustpoint,
                            keyd_last_error())
                 : 0;
}

/* With the challenge password it is another request than the one that is kept. */
static int build_sent(Job *job, const ServerJob *j, const KeyName *name, ServerAsk *ask)
{
    const Request *kept = ask->request;

    if (j->challenge)
        return server_build_request(job, j, name, j->challenge, &ask->sent, &ask->sent_size);
    ask->sent = malloc(kept->size);
    if (!ask->sent)
        return -ENOMEM;
    memcpy(ask->sent, kept->der, kept->size);
    ask->sent_size = kept->size;
    return 0;
}

static int prepare(Job *job, ServerJob *j, const KeyName *name, ServerAsk *ask)
{
    int r;

    /* As at the first time, where the server knows nothing else; and with usage keys, of which the
     * one that asks has no certificate for signatures. */
    j->by_certificate = j->by_certificate && capabilities_of(j)->renewal && j->n_keys == 1;
    r = open_challenge(job, j);
    if (r >= 0)
        r = server_make_request(job, j, METHOD_SCEP, name, NULL, &ask->request);
    if (r >= 0)
        r = make_signer(job, j, ask->request);
    if (r >= 0)
        r = build_sent(job, j, name, ask);
    return r < 0 ? r : hear(job, j, ask->reason);
}

static void take_result(ServerAsk *ask, ScepResult result)
{
    ask->result = result == SCEP_RESULT_GRANTED   ? SERVER_GRANTED
                  : result == SCEP_RESULT_PENDING ? SERVER_PENDING
                                                  : SERVER_REFUSED;
}

/* The pair that signs all messages of the transaction, and opens the answers: that of the
 * certificate that is renewed, or the one that asks for itself. */
static KeyPair signing_pair(const Request *request, const X509 *signer)
{
    if (request->key.pair == PAIR_NEXT &&
        EVP_PKEY_eq(X509_get0_pubkey(signer), X509_REQ_get0_pubkey(request->x509)) != 1)
        return PAIR_GENERAL;
    return asking_key(&request->key).pair;
}

static int load_pair(const ServerJob *j, const KeyName *name, KeyPair pair, EVP_PKEY **ret,
                     char reason[SERVER_REASON_SIZE])
{
    int r = keyd_pair_new(j->manager->context, name->algorithm, name->label,
                          pair == PAIR_GENERAL ? "signature" : key_pair_name(pair), "scep", ret);

    if (r < 0)
        (void)snprintf(reason, SERVER_REASON_SIZE, "the %s key '%s' cannot be used: %s",
                       name->algorithm, name->label,
                       keyd_last_errno() < 0 ? keyd_last_error() : strerror(-r));
    return r;
}

/* What was read from a file is parsed when it is needed. */
static int parse_signer(Request *request)
{
    return request->signer_x509
               ? 0
               : certificate_parse(request->signer, request->signer_size, &request->signer_x509);
}

static int load_keys(const ServerJob *j, ServerAsk *ask, KeyPair *ret_pair, EVP_PKEY **ret_key)
{
    Request *request = ask->request;
    KeyPair pair = PAIR_GENERAL;
    int r = parse_signer(request);

    if (r >= 0) {
        pair = signing_pair(request, request->signer_x509);
        r = load_pair(j, &request->key, pair, ret_key, ask->reason);
    }
    *ret_pair = pair;
    return r;
}

/* keyd has been asked for the only pair of a key already. */
static const char *opening_pair(const Request *request, KeyPair signing)
{
    if (request->key.pair == PAIR_GENERAL)
        return NULL;
    return key_pair_name(signing == PAIR_NEXT ? PAIR_NEXT : PAIR_ENCRYPTION);
}

static int exchange(Job *job, ServerJob *j, ServerAsk *ask, ScepType type, const void *content,
                    size_t size)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    const ScepServer server = server_of(job, j);
    ScepResult result;
    ScepPeers peers;
    KeyPair pair;
    int r;

    r = load_keys(j, ask, &pair, &key);
    /* Nothing else opens the answer. */
    if (r >= 0 && scep_needs_password(X509_get0_pubkey(ask->request->signer_x509)))
        r = open_challenge(job, j);
    if (r < 0)
        return r;
    scep_peers_choose(j->authority, j->others, j->n_others, j->now, &peers);
    r = scep_exchange(&(ScepExchange){.server = &server,
                                      .capabilities = capabilities_of(j),
                                      .peers = &peers,
                                      .type = type,
                                      .transaction = ask->request->transaction,
                                      .content = content,
                                      .content_size = size,
                                      .signer = ask->request->signer_x509,
                                      .key = key,
                                      .algorithm = ask->request->key.algorithm,
                                      .label = ask->request->key.label,
                                      .opening_pair = opening_pair(ask->request, pair),
                                      .password = j->challenge,
                                      .digest = j->digest},
                      &result, &ask->certificates, ask->reason);
    /* Until the next time, which may be in days. */
    X509_free(TAKE_PTR(ask->request->signer_x509));
    if (r < 0)
        return r;
    take_result(ask, result);
    return 0;
}

static int send_request(Job *job, ServerJob *j, ServerAsk *ask)
{
    return exchange(job, j, ask, j->by_certificate ? SCEP_RENEWAL : SCEP_ENROLL, ask->sent,
                    ask->sent_size);
}

/* With the configured challenge password; one that was entered is not kept. */
static int rebuild_sent(Job *job, ServerJob *j, ServerAsk *ask)
{
    int r = open_challenge(job, j);

    return r < 0 || !j->challenge
               ? r
               : server_rebuild_request(job, j, ask->request, &ask->sent, &ask->sent_size);
}

static int send_again(Job *job, ServerJob *j, ServerAsk *ask)
{
    Request *request = ask->request;
    int r = parse_signer(request);

    if (r < 0)
        return r;
    ask->reason[0] = '\0';
    r = rebuild_sent(job, j, ask);
    if (r < 0)
        return r;
    return exchange(job, j, ask,
                    X509_NAME_cmp(X509_get_subject_name(request->signer_x509),
                                  X509_get_issuer_name(request->signer_x509)) == 0
                        ? SCEP_ENROLL
                        : SCEP_RENEWAL,
                    ask->sent ? ask->sent : request->der,
                    ask->sent ? ask->sent_size : request->size);
}

/* May the CA not have the request? One that is asked after what it does not know says no, and in
 * more than one way; and some are never asked anything: step-ca and EJBCA then have an HTTP error.
 */
static bool may_lack(int r, const ServerAsk *ask)
{
    return r == -EREMOTEIO || (r >= 0 && ask->result == SERVER_REFUSED);
}

static int poll_request(Job *job, ServerJob *j, ServerAsk *ask)
{
    _cleanup_free_ void *content = NULL;
    size_t size;
    int r = scep_issuer_and_subject(j->authority, ask->request->x509, &content, &size);

    if (r >= 0)
        r = exchange(job, j, ask, SCEP_POLL, content, size);
    /* Written down, and never come to the CA, or no answer from it: whoever asked for it was ended
     * in between. The same request in the same transaction is the same request. */
    if (ask->request->lifecycle.state == REQUEST_SENT && may_lack(r, ask))
        r = send_again(job, j, ask);
    return r;
}

static int get_certificate(Job *job, ServerJob *j, ServerAsk *ask, const ASN1_INTEGER *serial)
{
    _cleanup_free_ void *content = NULL;
    size_t size;
    int r = scep_issuer_and_serial(X509_get_subject_name(j->authority), serial, &content, &size);

    return r < 0 ? r : exchange(job, j, ask, SCEP_GET_CERTIFICATE, content, size);
}

static int random_transaction(char ret[SCEP_TRANSACTION_SIZE])
{
    uint8_t bytes[(SCEP_TRANSACTION_SIZE - 1) / 2];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(ret + 2 * i, 3, "%02X", bytes[i]);
    return 0;
}

static int get_crl(Job *job, ServerJob *j, void **ret, size_t *ret_size)
{
    const ScepServer server = server_of(job, j);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_free_ void *content = NULL;
    char transaction[SCEP_TRANSACTION_SIZE];
    ScepPeers peers;
    size_t size;
    int r;

    r = load_pair(j, &j->renewed_key, j->renewed_key.pair, &key, j->reason);
    if (r >= 0)
        r = scep_issuer_and_serial(X509_get_issuer_name(j->renewed),
                                   X509_get0_serialNumber(j->renewed), &content, &size);
    if (r >= 0)
        r = random_transaction(transaction);
    if (r < 0)
        return r;
    scep_peers_choose(j->authority, j->others, j->n_others, j->now, &peers);
    return scep_exchange_crl(&(ScepExchange){.server = &server,
                                             .capabilities = capabilities_of(j),
                                             .peers = &peers,
                                             .type = SCEP_GET_CRL,
                                             .transaction = transaction,
                                             .content = content,
                                             .content_size = size,
                                             .signer = j->renewed,
                                             .key = key,
                                             .algorithm = j->renewed_key.algorithm,
                                             .label = j->renewed_key.label,
                                             .opening_pair = key_pair_name(PAIR_ENCRYPTION),
                                             .digest = j->digest},
                             ret, ret_size, j->reason);
}

static int get_next_authorities(Job *job, ServerJob *j, ReceivedList *ret)
{
    const ScepServer server = server_of(job, j);

    return capabilities_of(j)->next_authority
               ? scep_get_next_authorities(&server, j->authority, ret, j->reason)
               : -ENODATA;
}

const ServerMethod method_scep = {
    .get_authorities = get_authorities,
    .begin = begin,
    .prepare = prepare,
    .send = send_request,
    .poll = poll_request,
    .get_next_authorities = get_next_authorities,
    .get_certificate = get_certificate,
    .get_crl = get_crl,
    .free_private = free,
};
