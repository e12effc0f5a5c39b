/* SPDX-License-Identifier: Apache-2.0 */
/* What all enrolments have in common, and self enrolment: the jobs that make the root and the
 * router certificate. What a job needs is copied when it starts; it signs in its own thread, with
 * keys that stay in keyd; what it made is kept, or refused when the configuration has changed
 * meanwhile, in the main loop. */
#include "enrolld.h"
#include "errors.h"
#include "identity.h"
#include "issue.h"
#include "job.h"
#include "keyd-client.h"
#include "log.h"

#define DAY_SECONDS INT64_C(86400)

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
    unsigned key_usage;
    int64_t not_before, not_after;
    void *der; /* the result */
    size_t der_size;
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
    free(e->der);
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

    r = keyd_key_new(m->context, name->algorithm, name->label, purpose, NULL, 0, ret);
    if (r == -ENOENT)
        return job_fail(job, ERROR_NO_SUCH_OBJECT,
                        "There is no %s key '%s': crypto key generate %s%s %s", name->algorithm,
                        name->label, ecdsa, name->algorithm + (ecdsa[0] ? STRLEN("ecdsa") : 0),
                        name->label);
    if (r < 0)
        return job_fail(job, error_name_from_errno(r), "%s", keyd_last_error());
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

/* The router's certificate: the key that asks for it proves itself, and the CA's key is the one in
 * the CA's certificate. */
static int prepare_router(Job *job, Enrollment *e, const Issue *issue)
{
    int r;

    if (EVP_PKEY_eq(issue->issuer_key, X509_get0_pubkey(e->issuer)) != 1) {
        ERR_clear_error();
        return job_fail(job, ERROR_VERIFICATION_FAILED,
                        "The %s key '%s' is not the one in the CA certificate any more: clear the "
                        "certificates of %s, authenticate and enroll again",
                        e->ca_key.algorithm, e->ca_key.label, e->trustpoint);
    }
    job_progress(job, 30, "Making the certificate request");
    r = issue_prove(issue);
    return r < 0 ? enrollment_sign_failed(job, r, "certificate request") : 0;
}

static int run(Job *job, void *data)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL, *ca_key = NULL;
    Enrollment *e = data;
    Issue issue = {
        .context = e->manager->context,
        .subject = e->subject,
        .issuer = e->issuer,
        .digest = e->digest,
        .serial = e->serial,
        .not_before = e->not_before,
        .not_after = e->not_after,
        .key_usage = e->key_usage,
    };
    int r;

    job_progress(job, 10, "Looking for the keys");
    r = enrollment_load_key(job, e->manager, &e->ca_key, "certificate", &ca_key);
    if (r >= 0 && e->role == ROLE_ROUTER)
        r = enrollment_load_key(job, e->manager, &e->key, "certificate-request", &key);
    if (r < 0)
        return r;
    issue.issuer_key = ca_key;
    issue.subject_key = key ? key : ca_key;
    if (e->role == ROLE_ROUTER) {
        r = prepare_router(job, e, &issue);
        if (r < 0)
            return r;
    }
    if (job_is_cancelled(job))
        return -ECANCELED;
    job_progress(job, 60, "Signing the certificate");
    r = issue_certificate(&issue, &e->der, &e->der_size);
    return r < 0 ? enrollment_sign_failed(job, r, "certificate") : 0;
}

/* --- Afterwards ------------------------------------------------------------------------------- */

void enrollment_installed(Manager *m, const Trustpoint *t, CertificateRole role, bool existed,
                          const char *user)
{
    static const LogEvent event = {LOG_CERT_INSTALLED};
    const CertificateSummary *s = &trustpoint_certificate(t, role)->summary;

    log_event(&event,
              LOG_FIELDS("TRUSTPOINT", t->name, "ROLE", certificate_role_name(role), "USER", user,
                         "SERIAL", s->serial_number, "SUBJECT", s->subject, "SHA256",
                         s->sha256_fingerprint),
              "%s certificate of trustpoint %s installed by %s: serial number %s, subject %s",
              role == ROLE_CA ? "CA" : "Router", t->name, user, s->serial_number, s->subject);
    if (existed)
        announce_certificate_changed(m, t, role, true);
    else
        announce_certificate_added(m, t, role);
    announce_trustpoint_changed(m, t);
    expiry_watch_run(m);
}

static int install(Job *job, Enrollment *e, Trustpoint *t)
{
    Manager *m = e->manager;
    bool existed = trustpoint_certificate(t, e->role) != NULL;
    _cleanup_free_ char *path = NULL;
    int r;

    r = trustpoint_install(&m->trustpoints, t, e->role, e->serial, e->der, e->der_size, &e->key);
    if (r < 0) {
        log_error_errno(r, "Failed to keep the certificate of trustpoint %s: %m", t->name);
        return job_fail(job, ERROR_FAILED,
                        "The certificate could not be written to the state folder: %s",
                        strerror(-r));
    }
    enrollment_installed(m, t, e->role, existed, job_user(job));
    r = certificate_path(t, e->role, &path);
    return r < 0 ? r : job_result(job, "certificate", 'o', path);
}

static int done(Job *job, void *data, int r)
{
    Enrollment *e = data;
    Manager *m = e->manager;
    Trustpoint *t = trustpoint_find(&m->trustpoints, e->trustpoint);

    /* A trustpoint stays as long as a job works for it. */
    t->busy = false;
    if (r >= 0 && !(t->config && streq(t->config->json, e->configuration)))
        r = job_fail(job, ERROR_CONFLICT,
                     "The configuration of %s has changed meanwhile: try again", t->name);
    if (r >= 0)
        r = install(job, e, t);
    if (!t->config && !t->record.name) {
        announce_trustpoint_removed(m, t);
        (void)trustpoint_collect(&m->trustpoints, t);
    }
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
    if (ca->summary.not_after <= trustpoints_now(&m->trustpoints))
        return sd_bus_error_setf(reterr_error, ERROR_EXPIRED,
                                 "The CA certificate of %s has expired: clear crypto ca "
                                 "certificates %s, then authenticate and enroll again",
                                 t->name, t->name);
    return 0;
}

int enrollment_check(Manager *m, const char *trustpoint, CertificateRole role, Trustpoint **ret,
                     char **ret_fqdn, sd_bus_error *reterr_error)
{
    Trustpoint *t = trustpoint_find(&m->trustpoints, trustpoint);
    int r;

    if (!t || !t->config)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "Trustpoint '%.128s' is not configured", trustpoint);
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
    e->configuration = strdup(config->json);
    e->digest = config->digest;
    e->key_usage = role == ROLE_CA ? config->ca_key_usage : config->key_usage;
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

        e->issuer = ca->x509;
        (void)X509_up_ref(e->issuer);
        /* Nobody believes it longer than its issuer. */
        if (e->not_after > ca->summary.not_after)
            e->not_after = ca->summary.not_after;
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
    if (r < 0)
        return log_error_errno(r, "Failed to prepare a certificate of trustpoint %s: %m", t->name);
    r = job_start(message,
                  &(JobWork){.kind = role == ROLE_CA ? "authenticate" : "enroll",
                             .run = run,
                             .done = done,
                             .free_data = enrollment_free,
                             .data = TAKE_PTR(e)},
                  reterr_error);
    if (r >= 0)
        t->busy = true;
    return r;
}
