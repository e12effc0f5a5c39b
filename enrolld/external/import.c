/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that an operator brings for an open request: what can be said of it at once is;
 * then poold is asked, and whoever has brought it is answered when that is known. */
#include "admission.h"
#include "enrolld.h"
#include "errors.h"
#include "log.h"
#include "trustpoint-job.h"

typedef struct Import {
    Manager *manager;
    char *trustpoint, *configuration; /* as they were when it was brought */
    char *user;
    sd_bus_message *call;
    ReceivedList list;
    Admission admission;
    X509_REQ *request;
    int error; /* of poold's */
    char reason[VERDICT_REASON_SIZE];
} Import;

static void import_free(void *data)
{
    Import *i = data;

    if (!i)
        return;
    free(i->trustpoint);
    free(i->configuration);
    free(i->user);
    sd_bus_message_unref(i->call);
    received_done(&i->list);
    admission_done(&i->admission);
    X509_REQ_free(i->request);
    free(i);
}

static void import_freep(Import **i)
{
    import_free(*i);
}

static int import_run(Job *job, void *data)
{
    Import *i = data;

    i->error = admission_check(&i->admission, &i->list, i->request, job_cancel_fd(job), i->reason);
    return 0;
}

/* Which request is this the answer to? The first when it is to none: it will be told why not. */
static const Request *find_request(const Trustpoint *t, const ReceivedList *list)
{
    for (const Request *i = t->record.request; i; i = i->next)
        if (received_find(list, i->x509))
            return i;
    return t->record.request;
}

static int cannot_be_used(const Trustpoint *t, int r, const char *reason, sd_bus_error *error)
{
    if (r == -EKEYREJECTED || r == -EKEYEXPIRED)
        return sd_bus_error_setf(error, error_name_from_errno(r),
                                 "The certificate cannot be used by %s: %s", t->name, reason);
    return r;
}

static int take(Import *i, Trustpoint *t, char **ret_path, sd_bus_error *error)
{
    const Request *request = find_request(t, &i->list);
    CertificateRole role = certificate_role_of_pair(request->key.pair);
    const char *reason = "";
    bool existed[ROLE_MAX];
    int r;

    for (CertificateRole j = 0; j < ROLE_MAX; j++)
        existed[j] = trustpoint_certificate(t, j) != NULL;
    r = external_take_answer(i->manager, t, request, &i->list, &reason);
    if (r < 0)
        return cannot_be_used(t, r, reason, error);
    if (r == 0)
        enrollment_installed(i->manager, t, role, existed[role], i->user);
    enrollment_announce_gone(i->manager, t, existed);
    return certificate_path(t, role, ret_path);
}

static int finish(Import *i, char **ret_path, sd_bus_error *error)
{
    Trustpoint *t = trustpoint_job_done(i->manager, i->trustpoint);

    if (!t || !t->config || !streq(t->config->fingerprint, i->configuration) || !t->record.request)
        return sd_bus_error_setf(error, ERROR_CONFLICT,
                                 "The configuration of %s has changed meanwhile: try again",
                                 i->trustpoint);
    if (i->error == -EKEYREJECTED)
        enrollment_refused(i->manager, t, i->reason);
    return i->error < 0 ? cannot_be_used(t, i->error, i->reason, error)
                        : take(i, t, ret_path, error);
}

static int import_done(Job *job, void *data, int r)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *path = NULL;
    Import *i = data;

    if (r < 0)
        i->error = r;
    r = finish(i, &path, &error);
    /* A poll may have been due meanwhile, and a renewal is now. */
    trustpoint_jobs_schedule(i->manager);
    r = r < 0 ? sd_bus_reply_method_errno(i->call, r, &error)
              : sd_bus_reply_method_return(i->call, "o", path);
    if (r < 0)
        log_warning_errno(r, "Failed to answer about a certificate of %s, ignoring: %m",
                          i->trustpoint);
    return 0;
}

static int import_new(Manager *m, const Trustpoint *t, const Request *request,
                      sd_bus_message *message, Import **ret)
{
    _cleanup_(import_freep) Import *i = calloc(1, sizeof(*i));
    int r;

    if (!i)
        return -ENOMEM;
    i->manager = m;
    i->trustpoint = strdup(t->name);
    i->configuration = strdup(t->config->fingerprint);
    i->request = X509_REQ_dup(request->x509);
    i->call = sd_bus_message_ref(message);
    if (!i->trustpoint || !i->configuration || !i->request)
        return -ENOMEM;
    if (bus_sender_name(message, &i->user) < 0 && !(i->user = strdup("?")))
        return -ENOMEM;
    r = admission_init(&i->admission, t, trustpoints_now(&m->trustpoints));
    if (r >= 0)
        *ret = TAKE_PTR(i);
    return r;
}

static int start(Manager *m, Trustpoint *t, const Request *request, ReceivedList *list,
                 sd_bus_message *message)
{
    Import *i;
    int r = import_new(m, t, request, message, &i);

    if (r < 0)
        return r;
    i->list = *list;
    *list = (ReceivedList){.n = 0};
    r = trustpoint_job_start_internal(m, t,
                                      &(JobWork){.kind = "import",
                                                 .run = import_run,
                                                 .done = import_done,
                                                 .free_data = import_free,
                                                 .data = i});
    if (r < 0)
        return r;
    return 1;
}

int external_import(Manager *m, const char *trustpoint, const void *data, size_t size,
                    sd_bus_message *message, sd_bus_error *reterr_error)
{
    _cleanup_(received_done) ReceivedList list = {.n = 0};
    const Request *request;
    const char *reason = "";
    Trustpoint *t = NULL;
    int r;

    r = external_find_requested(m, trustpoint, &t, reterr_error);
    if (r < 0)
        return r;
    r = received_parse(data, size, &list, &reason);
    if (r == -EBADMSG || r == -EMSGSIZE)
        return sd_bus_error_setf(reterr_error, error_name_from_errno(r),
                                 "That is no certificate: %s", reason);
    if (r < 0)
        return r;
    request = find_request(t, &list);
    r = external_check_answer(m, t, request, &list, NULL, &reason);
    return r < 0 ? cannot_be_used(t, r, reason, reterr_error)
                 : start(m, t, request, &list, message);
}
