/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment at a CA elsewhere: its certificates are offered to whoever authenticates, and believed
 * when somebody who has compared the fingerprint says so; a request is made and written down; what
 * comes back is checked against both. */
#include "csr.h"
#include "enrolld.h"
#include "errors.h"
#include "log.h"
#include "server-method.h"
#include "tftp-client.h"
#include "trustpoint-job.h"

/* --- Authenticate ----------------------------------------------------------------------------- */

typedef struct Authentication {
    Manager *manager;
    char *trustpoint;
    char *configuration; /* as it was when the job started */
    void *input;         /* what was pasted */
    size_t input_size;
    char *fingerprint; /* NULL: the answer is an offer */
    char *url;         /* of a server, which is asked; NULL: the input is it */
    EnrollmentMethod method;
    FetchRoute route;
    TlsIdentity tls;
    FileServer files; /* where there are some */
    ReceivedRules rules;
    AuthorityOffer *offer; /* the result */
} Authentication;

static void authentication_free(void *data)
{
    Authentication *a = data;

    if (!a)
        return;
    free(a->trustpoint);
    free(a->configuration);
    free(a->input);
    free(a->url);
    free(a->fingerprint);
    tls_identity_done(&a->tls);
    file_server_done(&a->files);
    authority_offer_free(a->offer);
    free(a);
}

static void authentication_freep(Authentication **a)
{
    authentication_free(*a);
}

static int ask_server(Job *job, Authentication *a)
{
    const ServerAddress server = {.context = a->manager->context,
                                  .url = a->url,
                                  .name = a->trustpoint,
                                  .route = &a->route,
                                  .tls = &a->tls,
                                  .now = a->rules.now,
                                  .cancel_fd = job_cancel_fd(job)};
    char reason[SERVER_REASON_SIZE] = "";
    int r;

    job_progress(job, 20, "Asking for the CA certificate");
    r = enrollment_method_has_files(a->method)
            ? tftp_get(a->url, &a->files, job_cancel_fd(job), &a->offer->list, reason)
            : server_method_get(a->method)->get_authorities(&server, &a->offer->list, reason);
    if (r < 0 && job_is_cancelled(job))
        return job_fail(job, ERROR_CANCELLED, "The authentication of %s was cancelled",
                        a->trustpoint);
    return r < 0 && reason[0] ? job_fail(job, error_name_from_errno(r),
                                         "%s cannot be authenticated: %s", a->trustpoint, reason)
                              : r;
}

static int read_input(Job *job, Authentication *a)
{
    const char *reason = "";
    int r = received_parse(a->input, a->input_size, &a->offer->list, &reason);

    if (r == -EBADMSG || r == -EMSGSIZE)
        return job_fail(job, error_name_from_errno(r), "That is no CA certificate: %s", reason);
    return r;
}

static int authenticate_run(Job *job, void *data)
{
    Authentication *a = data;
    const char *reason = "";
    size_t n_path;
    int r;

    r = a->url ? ask_server(job, a) : read_input(job, a);
    if (r >= 0)
        r = received_order_authority(&a->offer->list, &a->rules, &n_path, &reason);
    if (r == -EKEYREJECTED || r == -EKEYEXPIRED)
        return job_fail(job, error_name_from_errno(r),
                        "The CA certificate of %s cannot be used: %s", a->trustpoint, reason);
    if (r < 0)
        return r;
    received_drop_strangers(&a->offer->list, &a->rules, n_path, a->method == METHOD_SCEP);
    return 0;
}

static int install_authority(Manager *m, Trustpoint *t, const ReceivedList *list, const char *user)
{
    bool existed = trustpoint_certificate(t, ROLE_CA) != NULL;
    int r = trustpoint_install_authority(&m->trustpoints, t, list);

    if (r < 0)
        return log_error_errno(r, "Failed to keep the CA certificate of trustpoint %s: %m",
                               t->name);
    enrollment_installed(m, t, ROLE_CA, existed, user);
    trustpoint_jobs_schedule(m);
    return 0;
}

/* 0 when it is the CA's. */
static int compare(Job *job, const Authentication *a, const CertificateSummary *s)
{
    int r = fingerprint_matches(a->fingerprint, s);

    if (r < 0)
        return job_fail(job, ERROR_INVALID_ARGUMENT,
                        "A fingerprint has 40 (SHA-1) or 64 (SHA-256) hexadecimal digits");
    if (r == 0)
        return job_fail(
            job, ERROR_VERIFICATION_FAILED,
            "The CA certificate is not the expected one: its SHA-256 fingerprint is %s, "
            "its SHA-1 fingerprint %s",
            s->sha256_fingerprint, s->sha1_fingerprint);
    return 0;
}

static int authenticate_finish(Job *job, Authentication *a, Trustpoint *t)
{
    CertificateSummary summary = {0};
    _cleanup_free_ char *path = NULL;
    int r;

    if (!(t->config && streq(t->config->fingerprint, a->configuration)))
        return job_fail(job, ERROR_CONFLICT,
                        "The configuration of %s has changed meanwhile: try again", t->name);
    r = certificate_summarize(a->offer->list.items[0].x509, &summary);
    if (r < 0)
        return r;
    if (!a->fingerprint) {
        r = enrollment_report_summary(job, &summary);
        if (r >= 0)
            trustpoint_offer(t, TAKE_PTR(a->offer));
    } else {
        r = compare(job, a, &summary);
        if (r >= 0)
            r = install_authority(a->manager, t, &a->offer->list, job_user(job));
        if (r >= 0)
            r = certificate_path(t, ROLE_CA, &path);
        if (r >= 0)
            r = job_result(job, "certificate", 'o', path);
    }
    certificate_summary_done(&summary);
    return r;
}

static int authenticate_done(Job *job, void *data, int r)
{
    Authentication *a = data;
    Trustpoint *t = trustpoint_job_done(a->manager, a->trustpoint);

    if (!t)
        return job_fail(job, ERROR_CONFLICT, "%s is no longer configured", a->trustpoint);
    return r < 0 ? r : authenticate_finish(job, a, t);
}

/* Not every server is one that tells. */
static bool asks_server(const TrustpointConfig *config)
{
    const ServerMethod *method = server_method_get(config->method);

    return enrollment_method_has_files(config->method) || (method && method->get_authorities);
}

static int copy_input(Authentication *a, const Trustpoint *t, const AuthenticateOptions *options)
{
    const TrustpointConfig *config = t->config;

    if (tls_identity_init(&a->tls, a->manager, t) < 0)
        return -ENOMEM;
    a->route = enrollment_route(a->manager, config);
    if (enrollment_method_has_files(config->method) &&
        (tftp_file_url(a->manager, config, PAIR_GENERAL, "ca", &a->url) < 0 ||
         file_server_new(config, &a->route, &a->files) < 0))
        return -ENOMEM;
    if (!a->url && asks_server(config) && !(a->url = strdup(config->url)))
        return -ENOMEM;
    a->input_size = options->certificates.iov_len;
    a->input = malloc(a->input_size + 1);
    a->offer = calloc(1, sizeof(*a->offer));
    if (!a->input || !a->offer ||
        (options->fingerprint && !(a->fingerprint = strdup(options->fingerprint))))
        return -ENOMEM;
    if (a->input_size > 0)
        memcpy(a->input, options->certificates.iov_base, a->input_size);
    return 0;
}

int external_authenticate(Manager *m, Trustpoint *t, const AuthenticateOptions *options,
                          sd_bus_message *message, sd_bus_error *reterr_error)
{
    _cleanup_(authentication_freep) Authentication *a = NULL;
    const bool asks = asks_server(t->config);
    int r;

    if (asks && options->certificates.iov_len > 0)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "%s asks its server for the CA certificate: none can be given",
                                 t->name);
    if (!asks && options->certificates.iov_len == 0)
        return sd_bus_error_setf(
            reterr_error, ERROR_INVALID_ARGUMENT,
            "The CA certificate of %s has to be given: no server is asked for it", t->name);
    if (options->certificates.iov_len > RECEIVED_SIZE_MAX)
        return sd_bus_error_setf(reterr_error, ERROR_TOO_LARGE,
                                 "A CA certificate has at most 256 KiB");
    a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->manager = m;
    a->method = t->config->method;
    a->rules =
        (ReceivedRules){.now = trustpoints_now(&m->trustpoints), .legacy = t->config->legacy};
    a->trustpoint = strdup(t->name);
    a->configuration = strdup(t->config->fingerprint);
    r = a->trustpoint && a->configuration ? copy_input(a, t, options) : -ENOMEM;
    if (r < 0)
        return r;
    return trustpoint_job_start(t, message,
                                &(JobWork){.kind = "authenticate",
                                           .run = authenticate_run,
                                           .done = authenticate_done,
                                           .free_data = authentication_free,
                                           .data = TAKE_PTR(a)},
                                reterr_error);
}

/* --- Accept ----------------------------------------------------------------------------------- */

static int find_idle(Manager *m, const char *name, Trustpoint **ret, sd_bus_error *reterr_error)
{
    Trustpoint *t;
    int r = trustpoint_get_configured(m, name, &t, reterr_error);

    if (r < 0)
        return r;
    r = trustpoint_job_refuse(t, reterr_error);
    if (r >= 0)
        *ret = t;
    return r;
}

static char *sender(sd_bus_message *message)
{
    char *user;

    return bus_sender_name(message, &user) < 0 ? NULL : user;
}

int external_accept(Manager *m, const char *trustpoint, const char *fingerprint,
                    sd_bus_message *message, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *user = NULL;
    CertificateSummary summary = {0};
    Trustpoint *t = NULL;
    int r;

    r = find_idle(m, trustpoint, &t, reterr_error);
    if (r < 0)
        return r;
    if (!t->offer)
        return sd_bus_error_setf(
            reterr_error, ERROR_NO_SUCH_OBJECT,
            "No CA certificate waits to be accepted: crypto ca authenticate %s", t->name);
    r = certificate_summarize(t->offer->list.items[0].x509, &summary);
    if (r < 0)
        return r;
    r = fingerprint_matches(fingerprint, &summary);
    certificate_summary_done(&summary);
    if (r <= 0)
        return sd_bus_error_setf(reterr_error, ERROR_CONFLICT,
                                 "The CA certificate that waits to be accepted is another one: "
                                 "crypto ca authenticate %s",
                                 t->name);
    user = sender(message);
    r = install_authority(m, t, &t->offer->list, user ? user : "?");
    return r < 0 ? r : sd_bus_reply_method_return(message, NULL);
}

/* --- Enroll ----------------------------------------------------------------------------------- */

typedef struct Enrollment {
    Manager *manager;
    char *trustpoint;
    char *configuration;
    KeyName key;
    X509_NAME *subject;
    char *alternative_names;
    const char *digest;
    unsigned key_usages[_PAIR_MAX];
    char *urls[_PAIR_MAX]; /* where the requests are written to; NULL: nowhere */
    FileServer files;
    Request *request; /* the result: one for each pair */
} Enrollment;

static void enrollment_free(void *data)
{
    Enrollment *e = data;

    if (!e)
        return;
    free(e->trustpoint);
    free(e->configuration);
    key_name_done(&e->key);
    X509_NAME_free(e->subject);
    free(e->alternative_names);
    for (KeyPair pair = 0; pair < _PAIR_MAX; pair++)
        free(e->urls[pair]);
    file_server_done(&e->files);
    request_free(e->request);
    free(e);
}

static void enrollment_freep(Enrollment **e)
{
    enrollment_free(*e);
}

static int make_request(Job *job, const Enrollment *e, const KeyName *name, Request **ret)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(X509_REQ_freep) X509_REQ *x509 = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    r = enrollment_load_key(job, e->manager, name, "certificate-request", &key);
    if (r < 0)
        return r;
    r = csr_build(&(CsrSpec){.context = e->manager->context,
                             .subject = e->subject,
                             .key = key,
                             .digest = e->digest,
                             .alternative_names = e->alternative_names,
                             .key_usage = e->key_usages[name->pair]},
                  &x509, &der, &size);
    if (r < 0)
        return enrollment_sign_failed(job, r, "certificate request");
    r = request_new_made(METHOD_TERMINAL, x509, der, size, name, ret);
    if (r >= 0)
        TAKE_PTR(x509);
    return r;
}

/* Before anything is kept: a request that nobody has waits for nothing. */
static int put_request(Job *job, const Enrollment *e, const Request *request)
{
    const char *url = e->urls[request->key.pair];
    char reason[TFTP_REASON_SIZE] = "";
    _cleanup_free_ char *pem = NULL;
    int r;

    if (!url)
        return 0;
    job_progress(job, 60, "Writing the certificate request");
    r = csr_to_pem(request->der, request->size, &pem);
    if (r >= 0)
        r = tftp_put(url, &e->files, job_cancel_fd(job), pem, reason);
    return r < 0 && reason[0]
               ? job_fail(job, error_name_from_errno(r), "The request of %s cannot be written: %s",
                          e->trustpoint, reason)
               : r;
}

static int enroll_run(Job *job, void *data)
{
    KeyName keys[REQUESTS_MAX] = {{NULL}};
    Enrollment *e = data;
    Request **tail = &e->request;
    size_t n = 0;
    int r;

    job_progress(job, 10, "Looking for the key");
    r = enrollment_pairs(job, e->manager, &e->key, keys, &n);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        job_progress(job, 30, "Making the certificate request");
        r = make_request(job, e, &keys[i], tail);
        if (r >= 0)
            tail = &(*tail)->next;
    }
    for (size_t i = 0; i < n; i++)
        key_name_done(&keys[i]);
    for (const Request *i = e->request; r >= 0 && i; i = i->next)
        r = put_request(job, e, i);
    return r;
}

static int report_requests(Job *job, const Enrollment *e, const Request *request)
{
    int r = 0;

    for (; r >= 0 && request; request = request->next) {
        bool encryption = request->key.pair == PAIR_ENCRYPTION;
        const char *url = e->urls[request->key.pair];
        _cleanup_free_ char *pem = NULL;

        r = csr_to_pem(request->der, request->size, &pem);
        if (r >= 0)
            r = job_result(job, encryption ? "encryption-request" : "request", 's', pem);
        if (r >= 0 && url)
            r = job_result(job, encryption ? "encryption-request-url" : "request-url", 's', url);
    }
    return r;
}

static int keep_request(Job *job, Enrollment *e, Trustpoint *t)
{
    Manager *m = e->manager;
    int r = 0;

    for (Request *i = e->request; r >= 0 && i; i = i->next)
        r = lifecycle_apply(&i->lifecycle, REQUEST_EVENT_MADE, &t->config->retry,
                            trustpoints_now(&m->trustpoints));
    if (r >= 0)
        r = trustpoint_set_request(&m->trustpoints, t, e->request);
    if (r < 0)
        return job_fail(job, ERROR_FAILED, "The request could not be written down: %s",
                        strerror(-r));
    announce_trustpoint_changed(m, t);
    return report_requests(job, e, TAKE_PTR(e->request));
}

static int enroll_done(Job *job, void *data, int r)
{
    Enrollment *e = data;
    Trustpoint *t = trustpoint_job_done(e->manager, e->trustpoint);

    if (r < 0)
        return r;
    if (!(t && t->config && streq(t->config->fingerprint, e->configuration)))
        return job_fail(job, ERROR_CONFLICT,
                        "The configuration of %s has changed meanwhile: try again", e->trustpoint);
    return keep_request(job, e, t);
}

static int enrollment_new(Manager *m, const Trustpoint *t, Enrollment **ret)
{
    _cleanup_(enrollment_freep) Enrollment *e = calloc(1, sizeof(*e));
    const TrustpointConfig *config = t->config;
    const bool files = enrollment_method_has_files(config->method);
    FetchRoute route;
    int r;

    if (!e)
        return -ENOMEM;
    e->manager = m;
    e->digest = config->digest;
    for (KeyPair pair = 0; pair < _PAIR_MAX; pair++)
        e->key_usages[pair] = key_usage_of_pair(config, pair);
    e->trustpoint = strdup(t->name);
    e->configuration = strdup(config->fingerprint);
    if (!e->trustpoint || !e->configuration ||
        (config->alternative_names && !(e->alternative_names = strdup(config->alternative_names))))
        return -ENOMEM;
    r = key_name_copy(&config->keypair, &e->key);
    route = enrollment_route(m, config);
    if (r >= 0)
        r = file_server_new(config, &route, &e->files);
    for (KeyPair pair = 0; r >= 0 && pair < _PAIR_MAX && files; pair++)
        r = tftp_file_url(m, config, pair, "req", &e->urls[pair]);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(e);
    return 0;
}

int external_enroll(Manager *m, Trustpoint *t, const char *fqdn, const EnrollOptions *options,
                    sd_bus_message *message, sd_bus_error *reterr_error)
{
    _cleanup_(enrollment_freep) Enrollment *e = NULL;
    const char *reason = NULL;
    int r;

    r = enrollment_new(m, t, &e);
    if (r >= 0)
        r = enrollment_subject_new(m, t->config, ROLE_ROUTER, fqdn, options, &e->subject, &reason);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "The subject name can't be made: %s", reason);
    if (r < 0)
        return r;
    return trustpoint_job_start(t, message,
                                &(JobWork){.kind = "enroll",
                                           .run = enroll_run,
                                           .done = enroll_done,
                                           .free_data = enrollment_free,
                                           .data = TAKE_PTR(e)},
                                reterr_error);
}

/* --- Answers --------------------------------------------------------------------------- */

int external_find_requested(Manager *m, const char *trustpoint, Trustpoint **ret,
                            sd_bus_error *reterr_error)
{
    int r = find_idle(m, trustpoint, ret, reterr_error);

    if (r >= 0 && !(*ret)->record.request)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "No request of %s waits for a certificate: crypto ca enroll %s%s",
                                 (*ret)->name, (*ret)->name,
                                 (*ret)->config->method == METHOD_LOCAL ? " FILE" : "");
    return r;
}

static bool has_signed(const StoredCertificate *ca, X509 *x)
{
    _cleanup_(X509_freep) X509 *issuer = stored_certificate_x509(ca);

    return issuer && X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

static bool has_number_of(const StoredCertificate *before, const X509 *x)
{
    _cleanup_(X509_freep) X509 *other = shared_certificate_words(before->shared);

    return other && ASN1_INTEGER_cmp(X509_get0_serialNumber(other), X509_get0_serialNumber(x)) == 0;
}

/* While a CA changes, either of the two may issue; the one that was asked when neither has. */
static const StoredCertificate *issuer_of(const Trustpoint *t, const Request *request, X509 *x)
{
    const StoredCertificate *next = trustpoint_certificate(t, ROLE_NEXT_CA),
                            *present = trustpoint_certificate(t, ROLE_CA);
    const StoredCertificate *asked = request->next_authority && next ? next : present,
                            *other = asked == next ? present : next;

    if (other && !has_signed(asked, x) && has_signed(other, x))
        asked = other;
    ERR_clear_error();
    return asked;
}

int external_check_answer(const Manager *m, const Trustpoint *t, const Request *request,
                          const ReceivedList *list, const Received **ret, const char **ret_reason)
{
    static const unsigned usages[_PAIR_MAX] = {[PAIR_SIGNATURE] = KU_DIGITAL_SIGNATURE,
                                               [PAIR_ENCRYPTION] =
                                                   KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT};
    const ReceivedRules rules = {.now = trustpoints_now(&m->trustpoints),
                                 .legacy = t->config->legacy,
                                 .usage = usages[request->key.pair]};
    const StoredCertificate *before =
        trustpoint_certificate(t, certificate_role_of_pair(request->key.pair));
    const StoredCertificate *authority;
    const Received *found = received_find(list, request->x509);
    _cleanup_(X509_freep) X509 *issuer = NULL;
    int r;

    if (!found)
        found = &list->items[0];
    authority = issuer_of(t, request, found->x509);
    issuer = stored_certificate_x509(authority);
    r = issuer ? received_check_answer(found->x509, issuer, request->x509, &rules, ret_reason)
               : -ENOMEM;
    if (r < 0)
        return r;
    /* F10 */
    if (before && authority == trustpoint_certificate(t, ROLE_CA) &&
        has_number_of(before, found->x509)) {
        *ret_reason = "it is the one that is there already";
        return -EKEYREJECTED;
    }
    if (ret)
        *ret = found;
    return 0;
}

int external_take_answer(Manager *m, Trustpoint *t, const Request *request,
                         const ReceivedList *list, const char **ret_reason)
{
    const StoredCertificate *before =
        trustpoint_certificate(t, certificate_role_of_pair(request->key.pair));
    const Received *found;
    bool staged;
    int r = external_check_answer(m, t, request, list, &found, ret_reason);

    if (r < 0)
        return r;
    staged = before && request->renewal &&
             (request->key.pair == PAIR_GENERAL || request->key.pair == PAIR_NEXT);
    r = staged ? trustpoint_stage(&m->trustpoints, t, found->der, found->size, &request->key)
               : trustpoint_install_answer(&m->trustpoints, t, request, found);
    /* It is written down: what cannot be started now is started by and by. */
    if (r >= 0 && staged)
        (void)replacement_start(m, t);
    if (r < 0)
        return log_error_errno(r, "Failed to keep the certificate of trustpoint %s: %m", t->name);
    return staged;
}

int external_retrieve(Manager *m, const char *trustpoint, sd_bus_message *message,
                      sd_bus_error *reterr_error)
{
    Trustpoint *t = NULL;
    int r;

    r = external_find_requested(m, trustpoint, &t, reterr_error);
    if (r < 0)
        return r;
    if (!enrollment_method_has_files(t->config->method))
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "The certificate of %s has to be given: its enrollment is not by "
                                 "files on a server",
                                 t->name);
    return tftp_retrieve(m, t, message, reterr_error);
}

int external_retrieve_by_serial(Manager *m, const char *trustpoint, const char *serial,
                                sd_bus_message *message, sd_bus_error *reterr_error)
{
    Trustpoint *t = NULL;
    int r = external_find_requested(m, trustpoint, &t, reterr_error);

    return r < 0 ? r : lookup_certificate(m, t, serial, message, reterr_error);
}

int external_cancel(Manager *m, const char *trustpoint, sd_bus_message *message,
                    sd_bus_error *reterr_error)
{
    Trustpoint *t = trustpoint_find(&m->trustpoints, trustpoint);
    bool renewal;
    int r;

    /* Its end forgets the request, whether or not it is still configured. */
    if (t && t->busy && trustpoint_job_cancel(m, t) >= 0)
        return sd_bus_reply_method_return(message, NULL);
    r = find_idle(m, trustpoint, &t, reterr_error);
    if (r < 0)
        return r;
    if (!t->record.request)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "No request of %s waits for a certificate", t->name);
    renewal = t->record.request->renewal;
    r = trustpoint_set_request(&m->trustpoints, t, NULL);
    if (r < 0)
        return log_error_errno(r, "Failed to forget a request of trustpoint %s: %m", t->name);
    /* Or the next one would go out at once. */
    if (renewal)
        enrollment_renewal_failed(m, t, "it was cancelled");
    t->poll_at = t->renew_at = 0;
    announce_trustpoint_changed(m, t);
    trustpoint_jobs_schedule(m); /* a renewal that it has held up */
    return sd_bus_reply_method_return(message, NULL);
}
