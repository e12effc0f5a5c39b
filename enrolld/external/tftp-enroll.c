/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment by files on a TFTP or sftp server, as far as it is not the same as by cut and paste:
 * the job that fetches the certificates that the CA has made of the open requests. */
#include "admission.h"
#include "enrolld.h"
#include "errors.h"
#include "identity.h"
#include "log.h"
#include "tftp-client.h"
#include "tftp-url.h"
#include "trustpoint-job.h"

typedef struct Retrieval {
    Manager *manager;
    char *trustpoint;
    FileServer server;
    char *urls[REQUESTS_MAX]; /* one for each open request, in their order */
    size_t n;
    X509_REQ *requests[REQUESTS_MAX];
    Admission admission;
    /* The outcome */
    ReceivedList certificates[REQUESTS_MAX];
    int errors[REQUESTS_MAX];
    bool refused[REQUESTS_MAX]; /* by poold */
    char reasons[REQUESTS_MAX][VERDICT_REASON_SIZE];
} Retrieval;

static void retrieval_free(void *data)
{
    Retrieval *r = data;

    if (!r)
        return;
    free(r->trustpoint);
    admission_done(&r->admission);
    file_server_done(&r->server);
    for (size_t i = 0; i < r->n; i++) {
        free(r->urls[i]);
        X509_REQ_free(r->requests[i]);
        received_done(&r->certificates[i]);
    }
    free(r);
}

static void retrieval_freep(Retrieval **r)
{
    retrieval_free(*r);
}

/* Does poold have something against it? */
static int admit(Job *job, Retrieval *r, size_t i)
{
    int error = admission_check(&r->admission, &r->certificates[i], r->requests[i],
                                job_cancel_fd(job), r->reasons[i]);

    r->refused[i] = error == -EKEYREJECTED;
    return error;
}

static int retrieve_run(Job *job, void *data)
{
    Retrieval *r = data;

    job_progress(job, 20, "Fetching what the CA has made");
    for (size_t i = 0; i < r->n; i++) {
        r->errors[i] = tftp_get(r->urls[i], &r->server, job_cancel_fd(job), &r->certificates[i],
                                r->reasons[i]);
        if (r->errors[i] >= 0)
            r->errors[i] = admit(job, r, i);
    }
    return 0;
}

static int take(Job *job, Retrieval *r, size_t i, Trustpoint *t, const Request *request)
{
    CertificateRole role = certificate_role_of_pair(request->key.pair);
    const char *reason = "";
    bool existed[ROLE_MAX];
    int error;

    if (r->refused[i]) {
        enrollment_refused(r->manager, t, r->reasons[i]);
        return job_fail(job, ERROR_VERIFICATION_FAILED,
                        "The certificate at %s cannot be used by %s: %s", r->urls[i], t->name,
                        r->reasons[i]);
    }
    if (r->errors[i] < 0)
        return job_fail(job, error_name_from_errno(r->errors[i]), "%s", r->reasons[i]);
    for (CertificateRole j = 0; j < ROLE_MAX; j++)
        existed[j] = trustpoint_certificate(t, j) != NULL;
    error = external_take_answer(r->manager, t, request, &r->certificates[i], &reason);
    if (error == -EKEYREJECTED || error == -EKEYEXPIRED)
        return job_fail(job, error_name_from_errno(error),
                        "The certificate at %s cannot be used by %s: %s", r->urls[i], t->name,
                        reason);
    if (error < 0)
        return error;
    enrollment_installed(r->manager, t, role, existed[role], job_user(job));
    enrollment_announce_gone(r->manager, t, existed);
    return enrollment_report(job, t, role);
}

/* Of usage keys whichever is there is taken. */
static int retrieve_done(Job *job, void *data, int result)
{
    Retrieval *r = data;
    Trustpoint *t = trustpoint_job_done(r->manager, r->trustpoint);
    const Request *request, *next;
    bool any = false;
    int error = 0;

    if (result < 0)
        return result;
    if (!t || !t->config)
        return job_fail(job, ERROR_CONFLICT, "%s is no longer configured", r->trustpoint);
    request = t->record.request;
    for (size_t i = 0; i < r->n && request; i++, request = next) {
        int e;

        next = request->next;
        e = take(job, r, i, t, request);
        any = any || e >= 0;
        error = e < 0 && error == 0 ? e : error;
    }
    return any ? 0 : error;
}

int tftp_file_url(const Manager *m, const TrustpointConfig *config, KeyPair pair,
                  const char *suffix, char **ret)
{
    _cleanup_free_ char *fqdn = NULL;

    if (router_fqdn(m->hostname, m->domain, &fqdn) < 0)
        fqdn = NULL;
    return tftp_url_new(config->url, config->sftp_user, fqdn ? fqdn : config->name, pair, suffix,
                        ret);
}

int tftp_retrieve(Manager *m, Trustpoint *t, sd_bus_message *message, sd_bus_error *reterr_error)
{
    _cleanup_(retrieval_freep) Retrieval *r = calloc(1, sizeof(*r));
    FetchRoute route;
    int e;

    if (!r)
        return -ENOMEM;
    r->manager = m;
    route = enrollment_route(m, t->config);
    r->trustpoint = strdup(t->name);
    if (!r->trustpoint || file_server_new(t->config, &route, &r->server) < 0)
        return -ENOMEM;
    for (const Request *i = t->record.request; i; i = i->next) {
        e = tftp_file_url(m, t->config, i->key.pair, "crt", &r->urls[r->n]);
        if (e < 0)
            return e;
        r->requests[r->n++] = X509_REQ_dup(i->x509);
        if (!r->requests[r->n - 1])
            return -ENOMEM;
    }
    e = admission_init(&r->admission, t, trustpoints_now(&m->trustpoints));
    if (e < 0)
        return e;
    return trustpoint_job_start(t, message,
                                &(JobWork){.kind = "retrieve",
                                           .run = retrieve_run,
                                           .done = retrieve_done,
                                           .free_data = retrieval_free,
                                           .data = TAKE_PTR(r)},
                                reterr_error);
}
