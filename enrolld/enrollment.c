/* SPDX-License-Identifier: Apache-2.0 */
/* What all enrolments have in common, and self enrolment: the jobs that make the root and the
 * router certificate. What a job needs is copied when it starts; it signs in its own thread, with
 * keys that stay in keyd; what it made is kept, or refused when the configuration has changed
 * meanwhile, in the main loop. */
#include "enrolld.h"
#include "errors.h"
#include "identity.h"
#include "issue.h"
#include "keyd-client.h"
#include "log.h"
#include "trustpoint-job.h"

#define DAY_SECONDS INT64_C(86400)

/* A certificate that is made: one for each pair. */
typedef struct Leaf {
    KeyName key;
    unsigned key_usage;
    char *serial;
    void *der; /* the result */
    size_t der_size;
} Leaf;

typedef struct Enrollment {
    Manager *manager;
    char *trustpoint;
    CertificateRole role;
    char *configuration; /* as it was when the job started */
    KeyName key, ca_key; /* of the subject, of the issuer; for a root they are the same */
    X509_NAME *subject;
    X509 *issuer; /* NULL for a root */
    char *serial;
    const char *digest;
    unsigned key_usages[_PAIR_MAX];
    bool renew, regenerate;
    int64_t not_before, not_after;
    Record written; /* borrows all; for a second serial number */
    Leaf leaves[REQUESTS_MAX];
    size_t n_leaves;
} Enrollment;

static void enrollment_free(void *data)
{
    Enrollment *e = data;

    if (!e)
        return;
    free(e->trustpoint);
    free(e->configuration);
    key_name_done(&e->key);
    key_name_done(&e->ca_key);
    X509_NAME_free(e->subject);
    X509_free(e->issuer);
    free(e->serial);
    for (size_t i = 0; i < e->n_leaves; i++) {
        key_name_done(&e->leaves[i].key);
        free(e->leaves[i].serial);
        free(e->leaves[i].der);
    }
    free(e);
}

static void enrollment_freep(Enrollment **e)
{
    enrollment_free(*e);
}

/* --- In the worker ---------------------------------------------------------------------------- */

/* "crypto key generate ecdsa nistp384 LABEL" */
static const char *generate_words(const char *algorithm)
{
    return strncmp(algorithm, "ecdsa", 5) == 0 ? "ecdsa " : "";
}

int enrollment_load_key(Job *job, const Manager *m, const KeyName *name, const char *purpose,
                        EVP_PKEY **ret)
{
    const char *ecdsa = generate_words(name->algorithm);
    int r;

    r = name->pair == PAIR_ENCRYPTION || name->pair == PAIR_NEXT
            ? keyd_pair_new(m->context, name->algorithm, name->label, key_pair_name(name->pair),
                            purpose, ret)
            : keyd_key_new(m->context, name->algorithm, name->label, purpose, NULL, 0, ret);
    if (r == -ENOENT)
        return job_fail(job, ERROR_NO_SUCH_OBJECT,
                        "There is no %s key '%s': crypto key generate %s%s %s", name->algorithm,
                        name->label, ecdsa, name->algorithm + (ecdsa[0] ? STRLEN("ecdsa") : 0),
                        name->label);
    if (r < 0)
        return job_fail(job, error_name_from_errno(r), "%s", keyd_last_error());
    return 0;
}

int enrollment_pairs(Job *job, const Manager *m, const KeyName *name, KeyName ret[REQUESTS_MAX],
                     size_t *ret_n)
{
    KeyName pairs[] = {*name, *name};
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *first = NULL, *second = NULL;
    bool two;
    int r;

    pairs[0].pair = PAIR_SIGNATURE;
    pairs[1].pair = PAIR_ENCRYPTION;
    r = enrollment_load_key(job, m, &pairs[0], "certificate-request", &first);
    if (r >= 0)
        r = enrollment_load_key(job, m, &pairs[1], "certificate-request", &second);
    if (r < 0)
        return r;
    two = EVP_PKEY_eq(first, second) != 1;
    ERR_clear_error();
    if (!two)
        pairs[0].pair = PAIR_GENERAL;
    r = key_name_copy(&pairs[0], &ret[0]);
    if (r >= 0 && two) {
        r = key_name_copy(&pairs[1], &ret[1]);
        if (r < 0)
            key_name_done(&ret[0]);
    }
    if (r >= 0)
        *ret_n = two ? 2 : 1;
    return r;
}

int enrollment_next_pair(Job *job, const KeyName *name, KeyName ret[REQUESTS_MAX], size_t *ret_n)
{
    int r;

    job_progress(job, 5, "Making a new key");
    r = keyd_rotation_stage(name->algorithm, name->label);
    if (r < 0)
        return job_fail(job, error_name_from_errno(r), "%s", keyd_last_error());
    r = key_name_copy(name, &ret[0]);
    if (r < 0)
        return r;
    ret[0].pair = PAIR_NEXT;
    *ret_n = 1;
    return 0;
}

/* Signing went through OpenSSL, which knows only that it failed: keyd's own words are better. */
int enrollment_sign_failed(Job *job, int r, const char *what)
{
    int keyd = keyd_last_errno();

    if (keyd < 0)
        return job_fail(job, error_name_from_errno(keyd), "%s", keyd_last_error());
    return job_fail(job, r == -EKEYREJECTED ? ERROR_VERIFICATION_FAILED : ERROR_FAILED,
                    "The %s could not be made: %s", what,
                    r == -EKEYREJECTED ? "what was signed does not verify" : strerror(-r));
}

/* The CA's key is the one in the CA's certificate. */
static int check_issuer(Job *job, const Enrollment *e, const EVP_PKEY *ca_key)
{
    if (e->role == ROLE_CA || EVP_PKEY_eq(ca_key, X509_get0_pubkey(e->issuer)) == 1)
        return 0;
    ERR_clear_error();
    return job_fail(job, ERROR_VERIFICATION_FAILED,
                    "The %s key '%s' is not the one in the CA certificate any more: clear the "
                    "certificates of %s, authenticate and enroll again",
                    e->ca_key.algorithm, e->ca_key.label, e->trustpoint);
}

/* On disk before it is used, here too. */
static int take_second_serial(Job *job, Enrollment *e, char **ret)
{
    int r = serial_next(e->serial, ret);

    if (r < 0)
        return r;
    e->written.serial = *ret;
    r = record_write_at(e->manager->trustpoints.state_fd, &e->written);
    return r < 0 ? job_fail(job, ERROR_FAILED, "The serial number could not be written down: %s",
                            strerror(-r))
                 : 0;
}

/* Which certificates there are to make. */
static int prepare_leaves(Job *job, Enrollment *e)
{
    KeyName keys[REQUESTS_MAX] = {{NULL}};
    size_t n = 1;
    int r;

    if (e->role == ROLE_CA)
        r = key_name_copy(&e->ca_key, &keys[0]);
    else
        r = e->regenerate ? enrollment_next_pair(job, &e->key, keys, &n)
                          : enrollment_pairs(job, e->manager, &e->key, keys, &n);
    if (r < 0)
        return r;
    e->n_leaves = n;
    for (size_t i = 0; i < n; i++)
        e->leaves[i] = (Leaf){.key = keys[i], .key_usage = e->key_usages[keys[i].pair]};
    e->leaves[0].serial = strdup(e->serial);
    if (!e->leaves[0].serial)
        return -ENOMEM;
    return n > 1 ? take_second_serial(job, e, &e->leaves[1].serial) : 0;
}

static int make_leaf(Job *job, Enrollment *e, Leaf *leaf, EVP_PKEY *ca_key)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    Issue issue = {
        .context = e->manager->context,
        .subject = e->subject,
        .subject_key = ca_key,
        .issuer = e->issuer,
        .issuer_key = ca_key,
        .digest = e->digest,
        .serial = leaf->serial,
        .not_before = e->not_before,
        .not_after = e->not_after,
        .key_usage = leaf->key_usage,
    };
    int r;

    if (e->role == ROLE_ROUTER) {
        r = enrollment_load_key(job, e->manager, &leaf->key, "certificate-request", &key);
        if (r < 0)
            return r;
        job_progress(job, 30, "Making the certificate request");
        issue.subject_key = key;
        r = issue_prove(&issue);
        if (r < 0)
            return enrollment_sign_failed(job, r, "certificate request");
    }
    if (job_is_cancelled(job))
        return -ECANCELED;
    job_progress(job, 60, "Signing the certificate");
    r = issue_certificate(&issue, &leaf->der, &leaf->der_size);
    return r < 0 ? enrollment_sign_failed(job, r, "certificate") : 0;
}

static int run(Job *job, void *data)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = NULL;
    Enrollment *e = data;
    int r;

    job_progress(job, 10, "Looking for the keys");
    r = enrollment_load_key(job, e->manager, &e->ca_key, "certificate", &ca_key);
    if (r >= 0)
        r = check_issuer(job, e, ca_key);
    if (r >= 0)
        r = prepare_leaves(job, e);
    for (size_t i = 0; r >= 0 && i < e->n_leaves; i++)
        r = make_leaf(job, e, &e->leaves[i], ca_key);
    return r;
}

/* --- Afterwards ------------------------------------------------------------------------------- */

static void say_installed(const Trustpoint *t, CertificateRole role, const char *user)
{
    static const LogEvent event = {LOG_CERT_INSTALLED};
    _cleanup_(certificate_summary_done) CertificateSummary s = {0};
    int r = shared_certificate_summarize(trustpoint_certificate(t, role)->shared, &s);

    if (r < 0) {
        log_error_errno(r, "Failed to say that a certificate of trustpoint %s is there: %m",
                        t->name);
        return;
    }
    log_event(&event,
              LOG_FIELDS("TRUSTPOINT", t->name, "ROLE", certificate_role_name(role), "USER", user,
                         "SERIAL", s.serial_number, "SUBJECT", s.subject, "SHA256",
                         s.sha256_fingerprint),
              "%s certificate of trustpoint %s installed by %s: serial number %s, subject %s",
              role == ROLE_CA        ? "CA"
              : role == ROLE_NEXT_CA ? "Next CA"
                                     : "Router",
              t->name, user, s.serial_number, s.subject);
}

void enrollment_certificate_installed(Manager *m, Trustpoint *t, CertificateRole role, bool existed,
                                      const char *user)
{
    say_installed(t, role, user);
    if (existed)
        announce_certificate_changed(m, t, role, true);
    else
        announce_certificate_added(m, t, role);
    export_certificates(m, t);
    expiry_watch_run(m);
    /* What was renewed is told to the services in steps. */
    if (role == ROLE_ROUTER && !streq(user, ENROLLMENT_RENEWER))
        replacement_tell(m, t);
}

void enrollment_installed(Manager *m, Trustpoint *t, CertificateRole role, bool existed,
                          const char *user)
{
    enrollment_certificate_installed(m, t, role, existed, user);
    announce_trustpoint_changed(m, t);
}

FetchRoute enrollment_route(const Manager *m, const TrustpointConfig *config)
{
    return fetch_access_route(&m->access, config->vrf);
}

int enrollment_report_summary(Job *job, const CertificateSummary *s)
{
    uint64_t not_before = (uint64_t)s->not_before, not_after = (uint64_t)s->not_after;
    int r;

    r = job_result(job, "serial-number", 's', s->serial_number);
    if (r >= 0)
        r = job_result(job, "subject", 's', s->subject);
    if (r >= 0)
        r = job_result(job, "issuer", 's', s->issuer);
    if (r >= 0)
        r = job_result(job, "not-before", 't', &not_before);
    if (r >= 0)
        r = job_result(job, "not-after", 't', &not_after);
    if (r >= 0)
        r = job_result(job, "sha1-fingerprint", 's', s->sha1_fingerprint);
    return r < 0 ? r : job_result(job, "sha256-fingerprint", 's', s->sha256_fingerprint);
}

int enrollment_report(Job *job, const Trustpoint *t, CertificateRole role)
{
    _cleanup_(certificate_summary_done) CertificateSummary summary = {0};
    _cleanup_free_ char *path = NULL;
    int r = certificate_path(t, role, &path);

    if (r >= 0)
        r = job_result(job, role == ROLE_ENCRYPTION ? "encryption-certificate" : "certificate", 'o',
                       path);
    if (r < 0 || role == ROLE_ENCRYPTION)
        return r;
    r = shared_certificate_summarize(trustpoint_certificate(t, role)->shared, &summary);
    return r < 0 ? r : enrollment_report_summary(job, &summary);
}

static int keep_leaves(Enrollment *e, Trustpoint *t)
{
    _cleanup_(stored_certificate_freep) StoredCertificate *router = NULL, *encryption = NULL;
    StoredCertificate **made[REQUESTS_MAX] = {&router, &encryption};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < e->n_leaves; i++) {
        const Leaf *leaf = &e->leaves[i];

        r = stored_certificate_new(leaf->der, leaf->der_size, &leaf->key, made[i]);
    }
    if (r >= 0)
        r = trustpoint_install_router(&e->manager->trustpoints, t, router, encryption);
    if (r < 0)
        return r;
    TAKE_PTR(router);
    TAKE_PTR(encryption);
    return 0;
}

static int install(Job *job, Enrollment *e, Trustpoint *t)
{
    const Leaf *first = &e->leaves[0];
    bool existed[ROLE_MAX];
    Manager *m = e->manager;
    int r;

    for (CertificateRole role = 0; role < ROLE_MAX; role++)
        existed[role] = trustpoint_certificate(t, role) != NULL;
    r = e->role == ROLE_CA ? trustpoint_install(&m->trustpoints, t, ROLE_CA, first->serial,
                                                first->der, first->der_size, &first->key)
                           : keep_leaves(e, t);
    if (r < 0) {
        log_error_errno(r, "Failed to keep the certificate of trustpoint %s: %m", t->name);
        return job_fail(job, ERROR_FAILED,
                        "The certificate could not be written to the state folder: %s",
                        strerror(-r));
    }
    for (size_t i = 0; r >= 0 && i < e->n_leaves; i++) {
        CertificateRole role =
            e->role == ROLE_CA ? ROLE_CA : certificate_role_of_pair(e->leaves[i].key.pair);

        enrollment_installed(m, t, role, existed[role], job_user(job));
        r = enrollment_report(job, t, role);
    }
    enrollment_announce_gone(m, t, existed);
    return r;
}

AuthoritiesView enrollment_view_authorities(const Trustpoint *t)
{
    return (AuthoritiesView){trustpoint_certificate(t, ROLE_CA),
                             trustpoint_certificate(t, ROLE_NEXT_CA)};
}

void enrollment_announce_authorities(Manager *m, Trustpoint *t, AuthoritiesView before)
{
    const AuthoritiesView now = enrollment_view_authorities(t);

    if (before.ca && now.ca && now.ca == before.next)
        enrollment_installed(m, t, ROLE_CA, true, ENROLLMENT_RENEWER);
    if (before.next && !now.next)
        announce_certificate_removed(m, t, ROLE_NEXT_CA);
    else if (!before.next && now.next)
        enrollment_installed(m, t, ROLE_NEXT_CA, false, ENROLLMENT_RENEWER);
    else if (before.next != now.next)
        announce_certificate_changed(m, t, ROLE_NEXT_CA, true);
}

void enrollment_announce_gone(Manager *m, const Trustpoint *t, const bool existed[ROLE_MAX])
{
    for (CertificateRole role = 0; role < ROLE_MAX; role++)
        if (existed[role] && !trustpoint_certificate(t, role))
            announce_certificate_removed(m, t, role);
}

/* What is on disk by now, or will be with the next write: never the number before it. */
static void adopt_second_serial(Enrollment *e, Trustpoint *t)
{
    char *copy;

    if (!e->written.serial || !t->record.serial || !(copy = strdup(e->written.serial)))
        return;
    free(t->record.serial);
    t->record.serial = copy;
}

void enrollment_refused(Manager *m, Trustpoint *t, const char *reason)
{
    static const LogEvent event = {LOG_CERT_REFUSED};
    int r = trustpoint_set_refusal(&m->trustpoints, t, reason);

    if (r < 0)
        log_warning_errno(r, "Failed to write down what was refused of trustpoint %s, ignoring: %m",
                          t->name);
    if (r == 0)
        return;
    log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "REASON", reason),
              "A certificate that came for trustpoint %s is refused: %s", t->name, reason);
    announce_trustpoint_changed(m, t);
}

void enrollment_renewal_failed(Manager *m, Trustpoint *t, const char *reason)
{
    static const LogEvent event = {LOG_REQUEST_ENDED};
    int r = trustpoint_renewal_failed(&m->trustpoints, t, reason);

    if (r < 0)
        log_warning_errno(r, "Failed to write down a failure of trustpoint %s, ignoring: %m",
                          t->name);
    log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "REASON", reason),
              "Request of trustpoint %s for renewal came to nothing: %s", t->name, reason);
}

/* Of one pair it takes its place in steps; of usage keys, at once. */
static int keep_renewal(Job *job, Enrollment *e, Trustpoint *t)
{
    const Leaf *leaf = &e->leaves[0];
    int r;

    if (e->n_leaves > 1)
        return install(job, e, t);
    r = trustpoint_stage(&e->manager->trustpoints, t, leaf->der, leaf->der_size, &leaf->key);
    if (r >= 0)
        (void)replacement_start(e->manager, t); /* else by and by */
    return r;
}

/* A renewal, which nobody waits for. */
static int finish_renewal(Job *job, Enrollment *e, int r)
{
    Manager *m = e->manager;
    Trustpoint *t = trustpoint_job_done(m, e->trustpoint);

    if (!t)
        return r < 0 ? r : -ESTALE;
    adopt_second_serial(e, t);
    if (r >= 0 && !(t->config && streq(t->config->fingerprint, e->configuration)))
        r = job_fail(job, ERROR_CONFLICT, "The configuration of %s has changed meanwhile", t->name);
    if (r >= 0)
        r = keep_renewal(job, e, t);
    if (r < 0 && !job_is_stopping(job))
        enrollment_renewal_failed(m, t, job_error(job) ? job_error(job) : strerror(-r));
    t->renew_at = 0;
    announce_trustpoint_changed(m, t);
    trustpoint_jobs_schedule(m);
    return r;
}

static int done(Job *job, void *data, int r)
{
    Enrollment *e = data;
    Manager *m = e->manager;
    Trustpoint *t = trustpoint_find(&m->trustpoints, e->trustpoint);

    if (e->renew)
        return finish_renewal(job, e, r);
    /* A trustpoint stays as long as a job works for it. */
    trustpoint_job_end(t);
    adopt_second_serial(e, t);
    if (r >= 0 && !(t->config && streq(t->config->fingerprint, e->configuration)))
        r = job_fail(job, ERROR_CONFLICT,
                     "The configuration of %s has changed meanwhile: try again", t->name);
    if (r >= 0)
        r = install(job, e, t);
    if (!t->config && !t->record.name) {
        announce_trustpoint_removed(m, t);
        (void)trustpoint_collect(&m->trustpoints, t);
    } else
        t->renew_at = 0;
    trustpoint_jobs_schedule(m);
    return r;
}

/* --- The start -------------------------------------------------------------------------------- */

static int check_certificates(Manager *m, const Trustpoint *t, CertificateRole role,
                              sd_bus_error *reterr_error)
{
    const StoredCertificate *ca = trustpoint_certificate(t, ROLE_CA);

    if (role == ROLE_CA)
        return !ca ? 0
                   : sd_bus_error_setf(
                         reterr_error, ERROR_ALREADY_EXISTS,
                         "%s is authenticated already: clear crypto ca certificates %s first",
                         t->name, t->name);
    if (!ca)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "%s has no CA certificate: crypto ca authenticate %s first",
                                 t->name, t->name);
    if ((t->config->method == METHOD_SELF) != (t->record.serial != NULL))
        return sd_bus_error_setf(reterr_error, ERROR_CONFLICT,
                                 "The certificates of %s are those of another enrollment: clear "
                                 "crypto ca certificates %s, then authenticate and enroll",
                                 t->name, t->name);
    if (t->config->method == METHOD_SELF && !key_name_equal(&ca->key, &t->config->ca_keypair))
        return sd_bus_error_setf(reterr_error, ERROR_VERIFICATION_FAILED,
                                 "The CA certificate of %s was made for another key pair: clear "
                                 "crypto ca certificates %s, then authenticate and enroll again",
                                 t->name, t->name);
    /* It would take the place of the one that is asked for now. */
    if (trustpoint_replacement(t) != REPLACEMENT_NONE)
        return sd_bus_error_setf(reterr_error, ERROR_BUSY,
                                 "A renewed certificate of %s is being put in place: wait for it; "
                                 "or clear crypto ca certificates %s, then authenticate and enroll",
                                 t->name, t->name);
    if (ca->brief->not_after <= trustpoints_now(&m->trustpoints))
        return sd_bus_error_setf(reterr_error, ERROR_EXPIRED,
                                 "The CA certificate of %s has expired: clear crypto ca "
                                 "certificates %s, then authenticate and enroll again",
                                 t->name, t->name);
    return 0;
}

int trustpoint_get(Manager *m, const char *name, Trustpoint **ret, sd_bus_error *reterr_error)
{
    _cleanup_free_ char *detail = NULL;
    Trustpoint *t;

    manager_read_again(m);
    t = trustpoint_find(&m->trustpoints, name);
    if (!t)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "There is no trustpoint '%.128s'", name);
    if (trustpoint_unread(t)) {
        detail = trustpoint_detail(t, trustpoints_now(&m->trustpoints));
        return sd_bus_error_setf(reterr_error, ERROR_FAILED, "Trustpoint %s: %.*s", name,
                                 detail ? (int)strlen(detail) - 1 : 0, detail ? detail : "");
    }
    *ret = t;
    return 0;
}

int trustpoint_get_configured(Manager *m, const char *name, Trustpoint **ret,
                              sd_bus_error *reterr_error)
{
    int r = trustpoint_get(m, name, ret, reterr_error);

    if (r >= 0 && !(*ret)->config)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "Trustpoint '%.128s' is no longer configured", name);
    return r;
}

int enrollment_check(Manager *m, const char *trustpoint, CertificateRole role, Trustpoint **ret,
                     char **ret_fqdn, sd_bus_error *reterr_error)
{
    Trustpoint *t;
    int r = trustpoint_get_configured(m, trustpoint, &t, reterr_error);

    if (r < 0)
        return r;
    if (t->config->method == METHOD_NONE)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "Trustpoint %s has no enrollment configured: enrollment url self, "
                                 "or enrollment terminal",
                                 t->name);
    r = check_certificates(m, t, role, reterr_error);
    if (r < 0)
        return r;
    r = router_fqdn(m->hostname, m->domain, ret_fqdn);
    /* A CA elsewhere needs a subject, and any will do. */
    if (r < 0 && t->config->method != METHOD_SELF && (role == ROLE_CA || t->config->subject_name)) {
        *ret_fqdn = NULL;
        r = 0;
    }
    if (r == -ENODATA)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "No domain name is configured: domain name NAME");
    if (r == -EINVAL)
        return sd_bus_error_setf(
            reterr_error, ERROR_NOT_CONFIGURED,
            "Host name and domain name don't make a host's name: configure both");
    if (r < 0)
        return r;
    *ret = t;
    return 0;
}

/* Configuration decides; where it leaves the question open, the caller has answered it. */
static IssueSubject enrollment_subject(const Manager *m, const TrustpointConfig *config,
                                       CertificateRole role, const char *fqdn,
                                       const EnrollOptions *options)
{
    IssueSubject subject = {.fqdn = fqdn};

    if (role == ROLE_CA) {
        subject.configured = config->ca_subject_name;
        /* Nobody is asked about the root: it carries the serial number unless that is configured
         * away. */
        subject.serial_number = config->serial_number == SUBJECT_OMIT ? NULL : m->serial_number;
        return subject;
    }
    subject.configured = config->subject_name;
    if (config->serial_number == SUBJECT_INCLUDE ||
        (config->serial_number == SUBJECT_ASK && options->include_serial_number))
        subject.serial_number = m->serial_number;
    if (config->ip_address == SUBJECT_INCLUDE)
        subject.address = config->address;
    else if (config->ip_address == SUBJECT_ASK)
        subject.address = options->address;
    return subject;
}

int enrollment_subject_new(const Manager *m, const TrustpointConfig *config, CertificateRole role,
                           const char *fqdn, const EnrollOptions *options, X509_NAME **ret,
                           const char **ret_reason)
{
    IssueSubject subject = enrollment_subject(m, config, role, fqdn, options);

    return issue_subject_build(&subject, ret, ret_reason);
}

static int enrollment_new(Manager *m, Trustpoint *t, CertificateRole role, Enrollment **ret)
{
    const TrustpointConfig *config = t->config;
    Enrollment *e = calloc(1, sizeof(*e));
    int r;

    if (!e)
        return -ENOMEM;
    e->manager = m;
    e->role = role;
    e->trustpoint = strdup(t->name);
    e->configuration = strdup(config->fingerprint);
    e->digest = config->digest;
    for (KeyPair pair = 0; pair < _PAIR_MAX; pair++)
        e->key_usages[pair] =
            role == ROLE_CA ? config->ca_key_usage : key_usage_of_pair(config, pair);
    e->not_before = trustpoints_now(&m->trustpoints);
    e->not_after =
        e->not_before + DAY_SECONDS * (role == ROLE_CA ? config->ca_lifetime : config->lifetime);
    r = e->trustpoint && e->configuration ? 0 : -ENOMEM;
    if (r >= 0)
        r = key_name_copy(&config->ca_keypair, &e->ca_key);
    if (r >= 0)
        r = key_name_copy(role == ROLE_CA ? &config->ca_keypair : &config->keypair, &e->key);
    if (r >= 0 && role == ROLE_ROUTER) {
        const StoredCertificate *ca = trustpoint_certificate(t, ROLE_CA);

        e->issuer = stored_certificate_x509(ca);
        if (!e->issuer)
            r = -ENOMEM;
        /* Nobody believes it longer than its issuer. */
        if (e->not_after > ca->brief->not_after)
            e->not_after = ca->brief->not_after;
    }
    if (r < 0) {
        enrollment_free(e);
        return r;
    }
    *ret = e;
    return 0;
}

int enrollment_start_self(Manager *m, Trustpoint *t, CertificateRole role, const char *fqdn,
                          const EnrollOptions *options, sd_bus_message *message,
                          sd_bus_error *reterr_error)
{
    _cleanup_(enrollment_freep) Enrollment *e = NULL;
    const char *reason = NULL;
    int r;

    r = enrollment_new(m, t, role, &e);
    if (r < 0)
        return r;
    r = enrollment_subject_new(m, t->config, role, fqdn, options, &e->subject, &reason);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_NOT_CONFIGURED,
                                 "The subject name can't be made: %s", reason);
    /* On disk before it is used, so that no two certificates ever have the same. */
    if (r >= 0)
        r = role == ROLE_CA ? serial_first(&e->serial)
                            : trustpoint_take_serial(&m->trustpoints, t, &e->serial);
    e->written = t->record;
    e->written.serial = NULL;
    if (r < 0)
        return log_error_errno(r, "Failed to prepare a certificate of trustpoint %s: %m", t->name);
    return trustpoint_job_start(t, message,
                                &(JobWork){.kind = role == ROLE_CA ? "authenticate" : "enroll",
                                           .run = run,
                                           .done = done,
                                           .free_data = enrollment_free,
                                           .data = TAKE_PTR(e)},
                                reterr_error);
}

/* The subject is that of the certificate that is there: nobody is asked again. */
int enrollment_renew_self(Manager *m, Trustpoint *t)
{
    const StoredCertificate *old = trustpoint_certificate(t, ROLE_ROUTER);
    _cleanup_(enrollment_freep) Enrollment *e = NULL;
    _cleanup_(X509_freep) X509 *x = NULL;
    int r;

    r = enrollment_new(m, t, ROLE_ROUTER, &e);
    if (r < 0)
        return r;
    e->renew = true;
    e->regenerate = t->config->regenerate && key_name_equal(&old->key, &e->key);
    x = stored_certificate_x509(old);
    e->subject = x ? X509_NAME_dup(X509_get_subject_name(x)) : NULL;
    if (!e->subject)
        return -ENOMEM;
    r = trustpoint_take_serial(&m->trustpoints, t, &e->serial);
    if (r < 0)
        return r;
    e->written = t->record;
    e->written.serial = NULL;
    return trustpoint_job_start_internal(m, t,
                                         &(JobWork){.kind = "renew",
                                                    .run = run,
                                                    .done = done,
                                                    .free_data = enrollment_free,
                                                    .data = TAKE_PTR(e)});
}
