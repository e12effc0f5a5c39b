/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment with a server, whatever the protocol: the job that asks, written down before anything
 * goes out, and the jobs that ask again while the CA has not decided. */
#include "enrolld.h"
#include "errors.h"
#include "keyd-client.h"
#include "log.h"
#include "rollover.h"
#include "server-method.h"
#include "trustpoint-job.h"

const ServerMethod *server_method_get(EnrollmentMethod method)
{
    static const ServerMethod *const methods[_METHOD_MAX] = {
        [METHOD_SCEP] = &method_scep, [METHOD_EST] = &method_est, [METHOD_CMP] = &method_cmp};

    return methods[method];
}

static void wipe(void *data, size_t size)
{
    if (data)
        explicit_bzero(data, size);
    free(data);
}

static void wipe_text(char *text)
{
    wipe(text, text ? strlen(text) : 0);
}

void server_job_free(void *data)
{
    ServerJob *j = data;

    if (!j)
        return;
    if (j->method && j->method->free_private)
        j->method->free_private(j->private);
    if (j->session)
        fetch_session_end(j->session);
    free(j->session);
    free(j->trustpoint);
    free(j->configuration);
    free(j->url);
    admission_done(&j->admission);
    X509_free(j->authority);
    X509_free(j->renewed);
    key_name_done(&j->renewed_key);
    for (size_t i = 0; i < j->n_others; i++)
        X509_free(j->others[i]);
    key_name_done(&j->key);
    X509_NAME_free(j->subject);
    free(j->alternative_names);
    wipe_text(j->challenge);
    free(j->sealed);
    free(j->identity);
    wipe_text(j->secret);
    client_profile_done(&j->profile);
    tls_identity_done(&j->tls);
    request_free(j->requests);
    for (size_t i = 0; i < j->n_asks; i++) {
        wipe(j->asks[i].sent, j->asks[i].sent_size);
        received_done(&j->asks[i].certificates);
    }
    free(j);
}

static void server_job_freep(ServerJob **j)
{
    server_job_free(*j);
}

/* --- In the worker ---------------------------------------------------------------------------- */

static int prepare(Job *job, ServerJob *j)
{
    KeyName keys[REQUESTS_MAX] = {{NULL}};
    Request **tail = &j->requests;
    int r;

    job_progress(job, 10, "Making the certificate request");
    r = j->regenerate ? enrollment_next_pair(job, &j->key, keys, &j->n_keys)
                      : enrollment_pairs(job, j->manager, &j->key, keys, &j->n_keys);
    for (size_t i = 0; r >= 0 && i < j->n_keys; i++) {
        ServerAsk *ask = &j->asks[j->n_asks++];

        r = j->method->prepare(job, j, &keys[i], ask);
        *tail = ask->request;
        if (r >= 0)
            ask->request->next_authority = j->next_authority;
        if (r >= 0)
            tail = &ask->request->next;
        else if (ask->reason[0])
            (void)snprintf(j->reason, sizeof(j->reason), "%s", ask->reason);
    }
    for (size_t i = 0; i < j->n_keys; i++)
        key_name_done(&keys[i]);
    return r;
}

/* From here on a process that is killed comes back and asks what has become of it. */
static int write_ahead(Job *job, ServerJob *j)
{
    int r = 0;

    for (Request *i = j->requests; r >= 0 && i; i = i->next)
        r = lifecycle_apply(&i->lifecycle, REQUEST_EVENT_SENDING, &j->retry, j->now);
    j->written.request = j->requests;
    if (r >= 0)
        r = record_write_at(j->manager->trustpoints.state_fd, &j->written);
    if (r < 0)
        return job_fail(job, ERROR_FAILED, "The request could not be written down: %s",
                        strerror(-r));
    j->is_written = true;
    return 0;
}

static int was_cancelled(Job *job, const char *trustpoint)
{
    return job_fail(job, ERROR_CANCELLED, "The enrollment of %s was cancelled", trustpoint);
}

static int cannot_enroll(Job *job, const char *trustpoint, int r, const char *reason)
{
    if (job_is_cancelled(job))
        return was_cancelled(job, trustpoint);
    return job_fail(job, error_name_from_errno(r), "%s cannot enroll: %s", trustpoint,
                    reason[0] ? reason : strerror(-r));
}

const char *server_refusal(const ServerAsk *ask)
{
    return strncmp(ask->reason, SERVER_REFUSED_WORDS, STRLEN(SERVER_REFUSED_WORDS)) == 0
               ? ask->reason + STRLEN(SERVER_REFUSED_WORDS)
               : ask->reason;
}

int server_admit(Job *job, const ServerJob *j, ServerAsk *ask, const ReceivedList *certificates)
{
    char why[VERDICT_REASON_SIZE] = "";
    int r =
        admission_check(&j->admission, certificates, ask->request->x509, job_cancel_fd(job), why);

    ask->is_admitted = true;
    ask->is_refused = r == -EKEYREJECTED;
    if (r < 0)
        (void)snprintf(ask->reason, sizeof(ask->reason), SERVER_REFUSED_WORDS "%.450s",
                       why[0] ? why : strerror(-r));
    return r;
}

static int admit(Job *job, const ServerJob *j, ServerAsk *ask, int r)
{
    return r >= 0 && ask->result == SERVER_GRANTED && !ask->is_admitted
               ? server_admit(job, j, ask, &ask->certificates)
               : r;
}

static int enroll(Job *job, ServerJob *j)
{
    int r;

    job_progress(job, 5, "Asking the server what it can");
    r = server_open_profile(j);
    if (r >= 0)
        r = j->method->begin(job, j);
    if (r >= 0)
        r = prepare(job, j);
    if (r >= 0)
        r = write_ahead(job, j);
    if (r < 0)
        return cannot_enroll(job, j->trustpoint, r, j->reason);
    job_progress(job, 50, "Sending the request");
    for (size_t i = 0; i < j->n_asks; i++)
        j->asks[i].error = j->method->send(job, j, &j->asks[i]);
    fetch_session_end(j->session);
    for (size_t i = 0; i < j->n_asks; i++)
        j->asks[i].error = admit(job, j, &j->asks[i], j->asks[i].error);
    return 0;
}

static int enroll_run(Job *job, void *data)
{
    int r;

    keyd_remember_keys();
    r = enroll(job, data);
    keyd_forget_keys();
    return r;
}

static int poll_run(Job *job, void *data)
{
    ServerJob *j = data;
    ServerAsk *ask = &j->asks[0];
    int r = server_open_profile(j);

    if (r >= 0)
        r = j->method->begin(job, j);
    if (r < 0)
        (void)snprintf(ask->reason, sizeof(ask->reason), "%s", j->reason);
    else
        r = j->method->poll(job, j, ask);
    fetch_session_end(j->session);
    r = admit(job, j, ask, r);
    return r < 0 ? cannot_enroll(job, j->trustpoint, r, ask->reason) : 0;
}

/* --- Afterwards ------------------------------------------------------------------------------- */

static void log_ended(const Trustpoint *t, const char *what, const char *reason)
{
    static const LogEvent event = {LOG_REQUEST_ENDED};

    log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "REASON", reason),
              "Request of trustpoint %s %s: %s", t->name, what, reason);
}

int server_install(Manager *m, Trustpoint *t, const ServerAsk *ask, const char *user,
                   const char **ret_reason)
{
    CertificateRole role = certificate_role_of_pair(ask->request->key.pair);
    const AuthoritiesView before = enrollment_view_authorities(t);
    bool existed[ROLE_MAX];
    int r;

    for (CertificateRole i = 0; i < ROLE_MAX; i++)
        existed[i] = i != ROLE_NEXT_CA && trustpoint_certificate(t, i);
    r = external_take_answer(m, t, ask->request, &ask->certificates, ret_reason);
    if (r < 0)
        return r;
    enrollment_announce_authorities(m, t, before);
    if (r == 0)
        enrollment_certificate_installed(m, t, role, existed[role], user);
    enrollment_announce_gone(m, t, existed);
    return (int)role;
}

/* What has come, and was not taken, is told besides what becomes of the request. */
static void tell_refused(const ServerJob *j, Trustpoint *t)
{
    for (size_t i = 0; i < j->n_asks; i++)
        if (j->asks[i].is_refused)
            enrollment_refused(j->manager, t, server_refusal(&j->asks[i]));
}

/* What was there before, when nothing came of the new request. */
static int restore(const ServerJob *j, Trustpoint *t, int error)
{
    int r;

    if (!j->is_written)
        return error;
    r = trustpoint_set_request(&j->manager->trustpoints, t, t->record.request);
    if (r < 0)
        log_warning_errno(r, "Failed to forget a request of trustpoint %s, ignoring: %m", t->name);
    return error;
}

static int grant(Job *job, ServerJob *j, ServerAsk *ask, Trustpoint *t)
{
    CertificateRole role = certificate_role_of_pair(ask->request->key.pair);
    const char *reason = "";
    int r = server_install(j->manager, t, ask, job_user(job), &reason);

    if (r >= 0)
        return enrollment_report(job, t, role);
    (void)snprintf(ask->reason, sizeof(ask->reason), SERVER_REFUSED_WORDS "%s",
                   reason[0] ? reason : strerror(-r));
    ask->error = r;
    ask->is_refused = true;
    return cannot_enroll(job, t->name, r, ask->reason);
}

/* What a profile says is opened each time. */
static int remember(Trustpoint *t, const ServerJob *j)
{
    bool is_given = !j->profile.user;

    return trustpoint_remember(t, is_given ? j->identity : NULL, is_given ? j->secret : NULL);
}

/* The answer is lost, on this side: the CA may have the request, and is asked about it as after a
 * restart. */
static int keep_asking(Job *job, const ServerJob *j, const ServerAsk *ask, Trustpoint *t)
{
    int r = trustpoint_request_event(&j->manager->trustpoints, t, ask->request,
                                     REQUEST_EVENT_NO_ANSWER, ask->reason, 0);

    if (r >= 0)
        r = remember(t, j);
    return r < 0 ? r
                 : job_fail(job, ERROR_UNREACHABLE, "%s has no answer yet, and asks again: %s",
                            t->name, ask->reason);
}

/* One of the requests, which are the trustpoint's by now. */
static int settle(Job *job, ServerJob *j, ServerAsk *ask, Trustpoint *t)
{
    Trustpoints *all = &j->manager->trustpoints;
    bool pending = true;
    int r;

    if (ask->error == -ENOLINK)
        return keep_asking(job, j, ask, t);
    if (ask->error < 0)
        return cannot_enroll(job, t->name, ask->error, ask->reason);
    switch (ask->result) {
    case SERVER_GRANTED:
        return grant(job, j, ask, t);
    case SERVER_PENDING:
        r = trustpoint_request_event(all, t, ask->request, REQUEST_EVENT_WAIT, NULL, ask->pause);
        if (r >= 0)
            r = remember(t, j);
        return r < 0 ? r : job_result(job, "pending", 'b', &pending);
    case SERVER_REFUSED:
        r = trustpoint_request_event(all, t, ask->request, REQUEST_EVENT_REFUSED, ask->reason, 0);
        log_ended(t, "was rejected", ask->reason);
        return r < 0 ? r
                     : job_fail(job, ERROR_FAILED, "The CA of %s rejected the request: %s", t->name,
                                ask->reason);
    default:
        return -EBADMSG;
    }
}

static int report_digest(Job *job, const char *name, const EVP_MD *algorithm, const void *data,
                         size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    /* Not every provider still has MD5. */
    if (EVP_Digest(data, size, digest, &n, algorithm, NULL) != 1) {
        ERR_clear_error();
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    return job_result(job, name, 's', text);
}

/* By which the CA's administrator knows the request that he has before him: of its bytes as they
 * went out. CMP sends something else. */
static int report_fingerprints(Job *job, const ServerJob *j, const ServerAsk *ask)
{
    bool second = ask->request->key.pair == PAIR_ENCRYPTION;
    const void *der = ask->sent ? ask->sent : ask->request->der;
    size_t size = ask->sent ? ask->sent_size : ask->request->size;
    int r;

    if (j->method == &method_cmp)
        return 0;
    r = report_digest(job, second ? "encryption-request-md5" : "request-md5", EVP_md5(), der, size);
    return r < 0 ? r
                 : report_digest(job, second ? "encryption-request-sha256" : "request-sha256",
                                 EVP_sha256(), der, size);
}

static int enroll_finish(Job *job, ServerJob *j, Trustpoint *t)
{
    Request *before = t->record.request;
    bool any = false;
    int error = 0;

    t->record.request = TAKE_PTR(j->requests);
    for (size_t i = 0; i < j->n_asks; i++) {
        ServerAsk *ask = &j->asks[i];
        int reported = report_fingerprints(job, j, ask); /* while the request is there */
        int r = settle(job, j, ask, t);

        r = r < 0 ? r : reported;
        if (ask->error < 0 && ask->error != -ENOLINK)
            trustpoint_drop_request(t, ask->request);
        any = any || ask->error >= 0 || ask->error == -ENOLINK;
        if (r < 0 && error == 0) {
            error = r;
            (void)snprintf(j->reason, sizeof(j->reason), "%s", ask->reason);
        }
    }
    if (any)
        request_free(before);
    else
        t->record.request = before;
    return error < 0 ? restore(j, t, error) : 0;
}

/* Nobody has given the request up, and the CA may have it: it is asked, as after a kill. */
static void keep_interrupted(ServerJob *j)
{
    for (size_t i = 0; i < j->n_asks; i++)
        if (j->asks[i].error == -ECANCELED)
            j->asks[i].error = -ENOLINK;
}

/* What has come all the same stays. */
static bool is_given_up(const ServerJob *j, const Trustpoint *t)
{
    for (size_t i = 0; i < j->n_asks; i++)
        if (j->asks[i].error >= 0 && j->asks[i].certificates.n > 0)
            return false;
    return t->cancelled;
}

static void forget_request(const ServerJob *j, Trustpoint *t)
{
    int r = j->is_written || t->record.request
                ? trustpoint_set_request(&j->manager->trustpoints, t, NULL)
                : 0;

    if (r < 0)
        log_warning_errno(r, "Failed to forget a request of trustpoint %s, ignoring: %m", t->name);
}

static int enroll_done(Job *job, void *data, int r)
{
    ServerJob *j = data;
    Manager *m = j->manager;
    Trustpoint *t = trustpoint_job_done(m, j->trustpoint);

    if (!t)
        return r < 0 ? r : -ESTALE;
    if (r >= 0 && !(t->config && streq(t->config->fingerprint, j->configuration)))
        r = job_fail(job, ERROR_CONFLICT,
                     "The configuration of %s has changed meanwhile: try again", j->trustpoint);
    if (job_is_stopping(job))
        keep_interrupted(j);
    if (is_given_up(j, t)) {
        (void)snprintf(j->reason, sizeof(j->reason), "it was cancelled");
        r = was_cancelled(job, t->name);
        forget_request(j, t);
    } else
        r = r < 0 ? restore(j, t, r) : enroll_finish(job, j, t);
    tell_refused(j, t);
    /* The old certificate stays, and it is tried again, later and later. */
    if (r < 0 && j->renew && !job_is_stopping(job) && !trustpoint_polled_request(t, j->now))
        enrollment_renewal_failed(m, t, j->reason[0] ? j->reason : strerror(-r));
    t->poll_at = t->renew_at = 0;
    announce_trustpoint_changed(m, t);
    trustpoint_jobs_schedule(m);
    return r;
}

/* What an answer to a poll, or none, means for the request. */
static void poll_finish(Job *job, ServerJob *j, Trustpoint *t, int error)
{
    RequestEvent event = REQUEST_EVENT_NO_ANSWER;
    const ServerAsk *ask = &j->asks[0];
    Manager *m = j->manager;
    const char *why = ask->reason[0] ? ask->reason : job_error(job);
    RequestState state;
    int r;

    tell_refused(j, t);
    if (error >= 0 && ask->result == SERVER_GRANTED) {
        if (server_install(m, t, ask, job_user(job), &why) >= 0)
            return;
        if (why)
            enrollment_refused(m, t, why);
    } else if (error >= 0)
        event = ask->result == SERVER_REFUSED ? REQUEST_EVENT_REFUSED : REQUEST_EVENT_WAIT;
    r = trustpoint_request_event(&m->trustpoints, t, ask->request, event,
                                 event == REQUEST_EVENT_WAIT ? NULL : why, ask->pause);
    if (r < 0)
        log_warning_errno(r, "Failed to write down the state of trustpoint %s, ignoring: %m",
                          t->name);
    state = ask->request->lifecycle.state;
    if (state == REQUEST_REJECTED)
        log_ended(t, "was rejected", why ? why : "");
    else if (state == REQUEST_TIMED_OUT)
        log_ended(t, "timed out", why ? why : "the CA has not decided");
    if (!lifecycle_is_open(&ask->request->lifecycle) && trustpoint_certificate(t, ROLE_ROUTER))
        (void)trustpoint_renewal_failed(&m->trustpoints, t, why ? why : "the CA has not decided");
}

static int poll_done(Job *job, void *data, int r)
{
    ServerJob *j = data;
    Manager *m = j->manager;
    Trustpoint *t = trustpoint_job_done(m, j->trustpoint);

    /* Who was interrupted has not asked. */
    if (t && t->record.request && is_given_up(j, t)) {
        bool renewal = j->asks[0].request->renewal;

        forget_request(j, t);
        if (renewal)
            enrollment_renewal_failed(m, t, "it was cancelled");
    } else if (t && t->config && t->record.request && !(r < 0 && job_is_stopping(job)))
        poll_finish(job, j, t, r);
    if (t) {
        t->poll_at = t->renew_at = 0;
        announce_trustpoint_changed(m, t);
    }
    trustpoint_jobs_schedule(m);
    return r;
}

/* --- The start -------------------------------------------------------------------------------- */

/* Whose answers are believed. */
static int add_other(ServerJob *j, const StoredCertificate *c)
{
    X509 *x = stored_certificate_x509(c);

    if (!x)
        return -ENOMEM;
    j->others[j->n_others++] = x;
    return 0;
}

static int set_authority(ServerJob *j, const Trustpoint *t, bool next)
{
    StoredCertificate *const *chain = next ? t->record.next_chain : t->record.chain;
    size_t n = next ? t->record.n_next_chain : t->record.n_chain;
    const StoredCertificate *ca = trustpoint_certificate(t, next ? ROLE_NEXT_CA : ROLE_CA),
                            *other = trustpoint_certificate(t, next ? ROLE_CA : ROLE_NEXT_CA);
    int r;

    j->next_authority = next;
    j->authority = stored_certificate_x509(ca);
    r = j->authority ? 0 : -ENOMEM;
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = add_other(j, chain[i]);
    /* While it changes, the CA vouches for its servers with either. */
    if (r >= 0 && other && j->n_others < RECORD_CHAIN_MAX)
        r = add_other(j, other);
    return r;
}

/* SCEP asks for the key of the one that signs for its successor, and of no other. */
static int set_renewed(ServerJob *j, const StoredCertificate *c)
{
    X509_free(j->renewed);
    j->renewed = j->method == &method_scep && !j->by_certificate
                     ? shared_certificate_words(c->shared)
                     : stored_certificate_x509(c);
    return j->renewed ? 0 : -ENOMEM;
}

int server_job_new(Manager *m, const Trustpoint *t, bool next, ServerJob **ret)
{
    _cleanup_(server_job_freep) ServerJob *j = calloc(1, sizeof(*j));
    const StoredCertificate *old = trustpoint_certificate(t, ROLE_ROUTER);
    const TrustpointConfig *config = t->config;

    if (!j)
        return -ENOMEM;
    j->manager = m;
    j->method = server_method_get(config->method);
    j->legacy = config->legacy;
    j->route = enrollment_route(m, config);
    j->now = trustpoints_now(&m->trustpoints);
    j->retry = config->retry;
    j->digest = config->digest;
    j->trustpoint = strdup(t->name);
    j->configuration = strdup(config->fingerprint);
    j->url = strdup(config->url);
    j->session = malloc(sizeof(*j->session));
    if (j->session)
        *j->session = FETCH_SESSION_NONE;
    if (!j->trustpoint || !j->configuration || !j->url || !j->session)
        return -ENOMEM;
    if (set_authority(j, t, next) < 0 || admission_init(&j->admission, t, j->now) < 0 ||
        (j->method->shows_certificate && tls_identity_init(&j->tls, m, t) < 0))
        return -ENOMEM;
    if (old && (set_renewed(j, old) < 0 || key_name_copy(&old->key, &j->renewed_key) < 0))
        return -ENOMEM;
    *ret = TAKE_PTR(j);
    return 0;
}

static int copy_text(const char *text, char **ret)
{
    if (!text || !text[0])
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int add_new_request(ServerJob *j, const Trustpoint *t, const EnrollOptions *options)
{
    const TrustpointConfig *config = t->config;

    j->written = t->record;
    for (KeyPair pair = 0; pair < _PAIR_MAX; pair++)
        j->key_usages[pair] = key_usage_of_pair(config, pair);
    if (config->alternative_names && !(j->alternative_names = strdup(config->alternative_names)))
        return -ENOMEM;
    if (copy_text(options->challenge, &j->challenge) < 0 ||
        copy_text(config->challenge, &j->sealed) < 0 ||
        copy_text(options->identity, &j->identity) < 0 ||
        copy_text(options->secret, &j->secret) < 0)
        return -ENOMEM;
    return key_name_copy(&config->keypair, &j->key);
}

int server_enroll(Manager *m, Trustpoint *t, const char *fqdn, const EnrollOptions *options,
                  sd_bus_message *message, sd_bus_error *reterr_error)
{
    _cleanup_(server_job_freep) ServerJob *j = NULL;
    const char *reason = NULL;
    int r;

    r = server_job_new(m, t, rollover_is_for_enrollment(t, trustpoints_now(&m->trustpoints)), &j);
    if (r >= 0)
        r = add_new_request(j, t, options);
    if (r >= 0 && !j->identity)
        r = server_set_profile(j, t->config, false);
    if (r >= 0)
        r = enrollment_subject_new(m, t->config, ROLE_ROUTER, fqdn, options, &j->subject, &reason);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "The subject name can't be made: %s", reason);
    if (r < 0)
        return r;
    return trustpoint_job_start(t, message,
                                &(JobWork){.kind = "enroll",
                                           .run = enroll_run,
                                           .done = enroll_done,
                                           .free_data = server_job_free,
                                           .data = TAKE_PTR(j)},
                                reterr_error);
}

int server_poll(Manager *m, Trustpoint *t)
{
    Request *request = trustpoint_polled_request(t, trustpoints_now(&m->trustpoints));
    _cleanup_(server_job_freep) ServerJob *j = NULL;
    int r = server_job_new(m, t, request->next_authority && trustpoint_certificate(t, ROLE_NEXT_CA),
                           &j);

    if (r >= 0)
        r = copy_text(t->config->challenge, &j->sealed);
    if (r >= 0)
        r = copy_text(t->identity, &j->identity);
    if (r >= 0)
        r = copy_text(t->secret, &j->secret);
    if (r >= 0 && !j->identity)
        r = server_set_profile(j, t->config, request->renewal);
    if (r < 0)
        return r;
    j->asks[j->n_asks++].request = request;
    return trustpoint_job_start_internal(m, t,
                                         &(JobWork){.kind = "poll",
                                                    .run = poll_run,
                                                    .done = poll_done,
                                                    .free_data = server_job_free,
                                                    .data = TAKE_PTR(j)});
}

/* The subject is that of the certificate that is there: nobody is asked again. */
int server_renew(Manager *m, Trustpoint *t)
{
    static const EnrollOptions nothing = {.challenge = NULL};
    const StoredCertificate *old = trustpoint_certificate(t, ROLE_ROUTER);
    _cleanup_(server_job_freep) ServerJob *j = NULL;
    int r;

    r = server_job_new(m, t, rollover_is_for_renewal(t, trustpoints_now(&m->trustpoints)), &j);
    if (r >= 0)
        r = add_new_request(j, t, &nothing);
    if (r >= 0)
        r = server_set_profile(j, t->config, true);
    if (r < 0)
        return r;
    j->renew = true;
    /* Only with the key that it was made for, and while it is worth something. */
    j->by_certificate = t->config->renew_by_certificate && key_name_equal(&old->key, &j->key) &&
                        old->brief->not_after >= j->now;
    j->regenerate = t->config->regenerate && key_name_equal(&old->key, &j->key);
    /* It is the one that is there. */
    if (set_renewed(j, old) >= 0)
        j->subject = X509_NAME_dup(X509_get_subject_name(j->renewed));
    if (!j->subject)
        return -ENOMEM;
    return trustpoint_job_start_internal(m, t,
                                         &(JobWork){.kind = "renew",
                                                    .run = enroll_run,
                                                    .done = enroll_done,
                                                    .free_data = server_job_free,
                                                    .data = TAKE_PTR(j)});
}
