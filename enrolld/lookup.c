/* SPDX-License-Identifier: Apache-2.0 */
/* What a CA has made before and is asked for once more: a certificate, by its serial number, whose
 * answer got lost; and, for poold, its revocation list. */
#include "enrolld.h"
#include "errors.h"
#include "log.h"
#include "memfd.h"
#include "org.chancery.Enrollment1.h"
#include "server-method.h"
#include "trustpoint-job.h"

#define SERIAL_OCTETS_MAX 20U

typedef struct Lookup {
    ServerJob *server;
    ASN1_INTEGER *serial;
    sd_bus_message *call; /* of poold, which is answered when the list is there */
    int fd;
    int error;
} Lookup;

static void lookup_free(void *data)
{
    Lookup *l = data;

    if (!l)
        return;
    server_job_free(l->server);
    ASN1_INTEGER_free(l->serial);
    sd_bus_message_unref(l->call);
    closep(&l->fd);
    free(l);
}

static void lookup_freep(Lookup **l)
{
    lookup_free(*l);
}

static int lookup_new(Manager *m, const Trustpoint *t, bool next, Lookup **ret)
{
    Lookup *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return -ENOMEM;
    l->fd = -EBADF;
    r = server_job_new(m, t, next, &l->server);
    if (r < 0) {
        lookup_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

/* --- A certificate ---------------------------------------------------------------------------- */

/* As it is shown: hexadecimal, with colons or without. */
static int parse_serial(const char *text, ASN1_INTEGER **ret)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;
    char hex[2 * SERIAL_OCTETS_MAX + 1];
    size_t n = 0;

    for (; *text; text++) {
        if (*text == ':')
            continue;
        if (!strchr("0123456789abcdefABCDEF", *text) || n == sizeof(hex) - 1)
            return -EINVAL;
        hex[n++] = *text;
    }
    hex[n] = '\0';
    if (n == 0 || BN_hex2bn(&number, hex) == 0)
        return -EINVAL;
    *ret = BN_to_ASN1_INTEGER(number, NULL);
    return *ret ? 0 : -ENOMEM;
}

static int certificate_run(Job *job, void *data)
{
    Lookup *l = data;
    ServerJob *s = l->server;
    ServerAsk *ask = &s->asks[0];
    int r;

    job_progress(job, 10, "Asking the CA for the certificate");
    r = s->method->begin(job, s);
    if (r < 0)
        (void)snprintf(ask->reason, sizeof(ask->reason), "%s", s->reason);
    else
        r = s->method->get_certificate(job, s, ask, l->serial);
    if (r >= 0 && ask->result == SERVER_GRANTED)
        r = server_admit(job, s, ask, &ask->certificates);
    if (r == -ENOLINK)
        r = -EHOSTUNREACH;
    if (r >= 0 && ask->result != SERVER_GRANTED)
        return job_fail(job, ERROR_NO_SUCH_OBJECT, "The CA of %s has no such certificate: %s",
                        s->trustpoint, ask->reason);
    return r < 0 ? job_fail(job, error_name_from_errno(r), "%s cannot be asked: %s", s->trustpoint,
                            ask->reason[0] ? ask->reason : strerror(-r))
                 : 0;
}

static int take(Job *job, const ServerJob *s, Trustpoint *t)
{
    const char *reason = "";
    int r;

    if (!t->config || !streq(t->config->fingerprint, s->configuration) || !t->record.request)
        return job_fail(job, ERROR_CONFLICT,
                        "The configuration of %s has changed meanwhile: try again", s->trustpoint);
    r = server_install(s->manager, t, &s->asks[0], job_user(job), &reason);
    if (r < 0)
        return job_fail(job, error_name_from_errno(r),
                        "The certificate that came cannot be used by %s: %s", t->name,
                        reason[0] ? reason : strerror(-r));
    return enrollment_report(job, t, r);
}

static int certificate_done(Job *job, void *data, int r)
{
    const Lookup *l = data;
    const ServerJob *s = l->server;
    Manager *m = s->manager;
    Trustpoint *t = trustpoint_job_done(m, s->trustpoint);

    if (!t)
        return r;
    if (s->asks[0].is_refused)
        enrollment_refused(m, t, server_refusal(&s->asks[0]));
    if (r >= 0)
        r = take(job, s, t);
    /* Also when it has come to nothing: the CA may have been due to be asked meanwhile. */
    t->poll_at = t->renew_at = 0;
    announce_trustpoint_changed(m, t);
    trustpoint_jobs_schedule(m);
    return r;
}

int lookup_certificate(Manager *m, Trustpoint *t, const char *serial, sd_bus_message *message,
                       sd_bus_error *reterr_error)
{
    const ServerMethod *method = server_method_get(t->config->method);
    Request *request = t->record.request;
    _cleanup_(lookup_freep) Lookup *l = NULL;
    int r;

    if (!method || !method->get_certificate || request->method != t->config->method)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "Only a SCEP server can be asked for a certificate by its number, "
                                 "and %s has not sent its request to one",
                                 t->name);
    r = lookup_new(m, t, request->next_authority && trustpoint_certificate(t, ROLE_NEXT_CA), &l);
    if (r >= 0 && t->config->challenge && !(l->server->sealed = strdup(t->config->challenge)))
        r = -ENOMEM;
    if (r >= 0)
        r = parse_serial(serial, &l->serial);
    if (r == -EINVAL)
        return sd_bus_error_setf(reterr_error, ERROR_INVALID_ARGUMENT,
                                 "A serial number has up to 40 hexadecimal digits");
    if (r < 0)
        return r;
    l->server->asks[l->server->n_asks++].request = request;
    return trustpoint_job_start(t, message,
                                &(JobWork){.kind = "retrieve",
                                           .run = certificate_run,
                                           .done = certificate_done,
                                           .free_data = lookup_free,
                                           .data = TAKE_PTR(l)},
                                reterr_error);
}

/* --- A revocation list ------------------------------------------------------------------------ */

static int crl_run(Job *job, void *data)
{
    Lookup *l = data;
    ServerJob *s = l->server;
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    r = s->method->begin(job, s);
    if (r >= 0)
        r = s->method->get_crl(job, s, &der, &size);
    if (r >= 0)
        r = l->fd = memfd_new_sealed("crl", der, size);
    l->error = r == -ENOLINK ? -EHOSTUNREACH : r < 0 ? r : 0;
    return 0;
}

static int crl_done(Job *job, void *data, int r)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    Lookup *l = data;
    const ServerJob *s = l->server;

    if (r >= 0)
        r = l->error;
    if (r >= 0)
        r = sd_bus_reply_method_return(l->call, "h", l->fd);
    else {
        (void)sd_bus_error_setf(&error, error_name_from_errno(r), "%s",
                                s->reason[0] ? s->reason : strerror(-r));
        r = sd_bus_reply_method_error(l->call, &error);
    }
    if (r < 0)
        log_warning_errno(r, "Failed to answer about a CRL of %s, ignoring: %m", s->trustpoint);
    return 0;
}

const StoredCertificate *lookup_signer(const Trustpoint *t)
{
    /* Of usage keys, the one that answers can be encrypted for. */
    const StoredCertificate *c = trustpoint_certificate(t, ROLE_ENCRYPTION)
                                     ? trustpoint_certificate(t, ROLE_ENCRYPTION)
                                     : trustpoint_certificate(t, ROLE_ROUTER);

    return t->config && t->config->method == METHOD_SCEP && !t->record.serial && c &&
                   c->key.algorithm && key_algorithm_is_rsa_or_ecdsa(c->key.algorithm) &&
                   trustpoint_replacement(t) == REPLACEMENT_NONE
               ? c
               : NULL;
}

static int take_signer(ServerJob *s, const StoredCertificate *c)
{
    X509_free(s->renewed);
    s->renewed = stored_certificate_x509(c);
    if (!s->renewed)
        return -ENOMEM;
    key_name_done(&s->renewed_key);
    return key_name_copy(&c->key, &s->renewed_key);
}

int enrollment1_method_get_crl(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    _cleanup_(lookup_freep) Lookup *l = NULL;
    const StoredCertificate *signer;
    Manager *manager = userdata;
    const char *name;
    Trustpoint *t;
    int r = sd_bus_message_read(m, "s", &name);

    if (r < 0)
        return r;
    t = trustpoint_find(&manager->trustpoints, name);
    signer = t ? lookup_signer(t) : NULL;
    if (!signer)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT,
                                 "'%.128s' has no certificate of a SCEP server, with an RSA or "
                                 "ECDSA key, to ask with",
                                 name);
    r = lookup_new(manager, t, false, &l);
    if (r >= 0)
        r = take_signer(l->server, signer);
    if (r < 0)
        return r;
    l->call = sd_bus_message_ref(m);
    r = job_start_internal(manager->server, &(JobWork){.kind = "crl",
                                                       .run = crl_run,
                                                       .done = crl_done,
                                                       .free_data = lookup_free,
                                                       .data = TAKE_PTR(l)});
    return r < 0 ? r : 1;
}
