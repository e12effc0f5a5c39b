/* SPDX-License-Identifier: Apache-2.0 */
/* A renewed certificate takes the place of the one before, together with its key when it is for a
 * new one. The job goes from one step to the next, each of which may be repeated: what a process
 * that was killed has left undone, the next one finds in the record and goes on with. */
#include "clock.h"
#include "consumer-names.h"
#include "consumers.h"
#include "enrolld.h"
#include "errors.h"
#include "keyd-client.h"
#include "log.h"
#include "trustpoint-job.h"

#define AGAIN_SECONDS 60U

typedef struct ReplacementJob {
    Manager *manager;
    char *trustpoint;
    Replacement step;
    bool finalizing; /* of a trial: it has proved itself */
    bool tell_only;  /* there is nothing to go back to */
    char **reload, **probe;
    void *der; /* what has to be shown */
    size_t size;
    KeyName key;
    bool changes_key;
    unsigned char *public_key; /* of the key that is to be the current one */
    int public_key_size;
    int result; /* of what the worker did */
    char reason[CONSUMER_REASON_SIZE];
} ReplacementJob;

static void replacement_job_free(void *data)
{
    ReplacementJob *j = data;

    if (!j)
        return;
    free(j->trustpoint);
    key_name_done(&j->key);
    OPENSSL_free(j->public_key);
    consumers_free(j->reload);
    consumers_free(j->probe);
    free(j->der);
    free(j);
}

static void replacement_job_freep(ReplacementJob **j)
{
    replacement_job_free(*j);
}

/* --- In the worker ---------------------------------------------------------------------------- */

static int failed(ReplacementJob *j, int r)
{
    j->result = r;
    if (r < 0)
        (void)snprintf(j->reason, sizeof(j->reason), "%s",
                       keyd_last_errno() < 0 ? keyd_last_error() : strerror(-r));
    return 0;
}

static int change_run(Job *job, void *data)
{
    ReplacementJob *j = data;
    int r = 0;

    if (j->changes_key && j->step == REPLACEMENT_STAGED)
        r = keyd_rotation_commit(j->key.algorithm, j->key.label, j->public_key,
                                 (size_t)j->public_key_size);
    else if (j->changes_key)
        r = keyd_rotation_undo(j->key.algorithm, j->key.label, j->public_key,
                               (size_t)j->public_key_size);
    return failed(j, r);
}

/* Everybody is told, even when somebody cannot be. */
static int reload_all(Job *job, ReplacementJob *j)
{
    char reason[CONSUMER_REASON_SIZE] = "";
    int error = 0;

    for (char **unit = j->reload; unit && *unit; unit++) {
        int r = consumer_reload(*unit, job_cancel_fd(job), error < 0 ? reason : j->reason);

        error = error < 0 ? error : r;
    }
    return error;
}

/* The services are told, and have to show it. */
static int trial_run(Job *job, void *data)
{
    ReplacementJob *j = data;
    int r = reload_all(job, j);

    for (char **address = j->probe; r >= 0 && address && *address; address++)
        r = consumer_probe(*address, j->der, j->size, job_cancel_fd(job), j->reason);
    if (r == -ECANCELED)
        return r;
    j->result = r;
    if (r >= 0)
        j->reason[0] = '\0';
    return 0;
}

/* The previous one is back, as far as they are concerned as well. What they say to that is of no
 * consequence. */
static int tell_run(Job *job, void *data)
{
    ReplacementJob *j = data;
    char why[CONSUMER_REASON_SIZE];

    (void)snprintf(why, sizeof(why), "%s", j->reason);
    (void)reload_all(job, j);
    (void)snprintf(j->reason, sizeof(j->reason), "%s", why);
    j->result = 0;
    return 0;
}

static int finalize_run(Job *job, void *data)
{
    ReplacementJob *j = data;

    return failed(
        j, j->changes_key ? keyd_rotation_forget(j->key.algorithm, j->key.label, "previous") : 0);
}

/* --- In the main loop ------------------------------------------------------------------------- */

static const char *reason_of(const ReplacementJob *j)
{
    return j->reason[0] ? j->reason : strerror(-j->result);
}

static void log_undone(const Trustpoint *t, const char *reason)
{
    static const LogEvent event = {LOG_RENEWAL_UNDONE};

    log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "REASON", reason),
              "The renewed certificate of trustpoint %s has not proved itself, the previous one is "
              "back: %s",
              t->name, reason);
}

/* The next key is gone, and with it what the certificate was good for. */
static int drop(const ReplacementJob *j, Trustpoint *t)
{
    int r = trustpoint_unstage(&j->manager->trustpoints, t);

    if (r >= 0)
        enrollment_renewal_failed(j->manager, t,
                                  "its key was replaced or removed before the certificate took its "
                                  "place");
    return r;
}

/* What is written down is what counts: the next step is that of the record. */
static int write_down(ReplacementJob *j, Trustpoint *t)
{
    Trustpoints *set = &j->manager->trustpoints;

    switch (j->step) {
    case REPLACEMENT_STAGED:
        if (j->result == -ENOENT)
            return drop(j, t);
        return j->result < 0 ? j->result : trustpoint_replaced(set, t);
    case REPLACEMENT_TRIAL:
        if (!j->finalizing)
            return j->result < 0 ? trustpoint_undo(set, t, reason_of(j)) : 0;
        return j->result < 0 ? j->result : trustpoint_finalized(set, t);
    case REPLACEMENT_UNDO:
        /* There is no way back: what is there stays. */
        return j->result < 0 && j->result != -ENOENT
                   ? j->result
                   : trustpoint_restored(set, t, j->result == -ENOENT);
    case REPLACEMENT_NONE:
    default:
        return -EINVAL;
    }
}

/* Said once for each cause, however often it is tried. */
static void say_why(Trustpoint *t, const char *reason)
{
    if (streq_ptr(t->replacement_problem, reason))
        return;
    log_warning("A certificate of trustpoint %s cannot be put in place yet, trying again every %u "
                "seconds: %s",
                t->name, AGAIN_SECONDS, reason);
    free(t->replacement_problem);
    t->replacement_problem = strdup(reason);
}

static void later(ReplacementJob *j, Trustpoint *t, int error)
{
    say_why(t, j->reason[0] ? j->reason : strerror(-error));
    t->renew_at = clock_usec(CLOCK_BOOTTIME) + AGAIN_SECONDS * USEC_PER_SEC;
}

static void end(ReplacementJob *j, Trustpoint *t)
{
    t = trustpoint_job_done(j->manager, j->trustpoint);
    if (t)
        announce_trustpoint_changed(j->manager, t);
    trustpoint_jobs_schedule(j->manager);
}

/* What the services have to show. */
static int set_shown(ReplacementJob *j, const StoredCertificate *c)
{
    free(j->der);
    j->size = c->shared->size;
    j->der = malloc(j->size);
    if (!j->der)
        return -ENOMEM;
    memcpy(j->der, c->shared->der, j->size);
    return 0;
}

static int set_step(ReplacementJob *j, const Trustpoint *t)
{
    const StoredCertificate *to =
        t->record.staged ? t->record.staged : t->record.certificates[ROLE_ROUTER];
    _cleanup_(X509_freep) X509 *x = NULL;
    int r;

    j->step = trustpoint_replacement(t);
    j->changes_key = trustpoint_replaces_key(t);
    if (j->step == REPLACEMENT_NONE)
        return 0;
    OPENSSL_free(j->public_key);
    j->public_key = NULL;
    key_name_done(&j->key);
    x = shared_certificate_words(to->shared);
    j->public_key_size = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &j->public_key) : 0;
    if (j->public_key_size <= 0)
        return -ENOMEM;
    r = set_shown(j, to);
    return r < 0 ? r : key_name_copy(&to->key, &j->key);
}

typedef int (*run_t)(Job *job, void *data);

/* A trial has two parts: first it is one, then what is no longer needed goes. */
static run_t run_of(const ReplacementJob *j)
{
    if (j->step == REPLACEMENT_TRIAL)
        return j->finalizing ? finalize_run : trial_run;
    return change_run;
}

static void show_again(Manager *m, const Trustpoint *t)
{
    announce_certificate_changed(m, t, ROLE_ROUTER, true);
    announce_trustpoint_changed(m, t);
    export_certificates(m, t);
}

/* What is there now, when that is another one than before this step. */
static void tell_step(const ReplacementJob *j, Trustpoint *t)
{
    Manager *m = j->manager;

    if (j->step == REPLACEMENT_STAGED && j->result >= 0)
        enrollment_installed(m, t, ROLE_ROUTER, true, ENROLLMENT_RENEWER);
    else if (j->step == REPLACEMENT_TRIAL && j->result < 0) {
        log_undone(t, j->reason);
        show_again(m, t);
    } else if (j->step == REPLACEMENT_UNDO && j->result < 0) {
        log_warning("The previous key of trustpoint %s is not there any more: its renewed "
                    "certificate stays",
                    t->name);
        show_again(m, t);
    }
}

static int give_up(const Job *job, ReplacementJob *j, Trustpoint *t, int error)
{
    t->renew_at = 0;
    /* What is broken off by the end of the daemon, the next one goes on with. */
    if (!job_is_stopping(job))
        later(j, t, error);
    end(j, t);
    return error;
}

static int finish(ReplacementJob *j, Trustpoint *t)
{
    t->poll_at = t->renew_at = 0;
    free(t->replacement_problem);
    t->replacement_problem = NULL;
    end(j, t);
    return 0;
}

static int tell_done(ReplacementJob *j, Trustpoint *t, int r)
{
    if (r >= 0 && j->result < 0)
        log_warning("Trustpoint %s has another certificate: %s", t->name, j->reason);
    return finish(j, t);
}

static int done(Job *job, void *data, int r)
{
    ReplacementJob *j = data;
    Manager *m = j->manager;
    Trustpoint *t = trustpoint_find(&m->trustpoints, j->trustpoint);
    const bool proved = j->step == REPLACEMENT_TRIAL && j->result >= 0;
    const AuthoritiesView before = enrollment_view_authorities(t);
    const Replacement step = j->step;

    if (j->tell_only)
        return tell_done(j, t, r);
    if (r >= 0)
        r = write_down(j, t);
    if (r >= 0)
        enrollment_announce_authorities(m, t, before);
    if (r < 0)
        return give_up(job, j, t, r);
    tell_step(j, t);
    r = set_step(j, t);
    if (r < 0)
        return give_up(job, j, t, r);
    t->replacement_proved = j->finalizing = proved && j->step == REPLACEMENT_TRIAL;
    j->result = 0;
    if (j->step != REPLACEMENT_NONE) {
        job_then(job, run_of(j));
        return 0;
    }
    if (step != REPLACEMENT_UNDO)
        return finish(j, t);
    /* With its key back, the services can have the previous one again. */
    j->tell_only = true;
    job_then(job, tell_run);
    return 0;
}

static int job_new(Manager *m, Trustpoint *t, ReplacementJob **ret)
{
    _cleanup_(replacement_job_freep) ReplacementJob *j = calloc(1, sizeof(*j));
    int r;

    if (!j)
        return -ENOMEM;
    j->manager = m;
    j->trustpoint = strdup(t->name);
    r = j->trustpoint ? set_step(j, t) : -ENOMEM;
    /* Who has been told, and has shown it, is not asked a second time. */
    j->finalizing = j->step == REPLACEMENT_TRIAL && t->replacement_proved;
    if (r >= 0)
        r = consumers_copy(t->config ? t->config->reload : NULL, &j->reload);
    if (r >= 0)
        r = consumers_copy(t->config ? t->config->probe : NULL, &j->probe);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(j);
    return 0;
}

/* Takes over the job. */
static int start(Manager *m, Trustpoint *t, ReplacementJob *j, run_t run)
{
    return trustpoint_job_start_internal(m, t,
                                         &(JobWork){.kind = "replace",
                                                    .run = run,
                                                    .done = done,
                                                    .free_data = replacement_job_free,
                                                    .data = j});
}

int replacement_start(Manager *m, Trustpoint *t)
{
    ReplacementJob *j;
    int r = job_new(m, t, &j);

    return r < 0 ? r : start(m, t, j, run_of(j));
}

static int tell_new(Manager *m, Trustpoint *t, const StoredCertificate *c, ReplacementJob **ret)
{
    _cleanup_(replacement_job_freep) ReplacementJob *j = NULL;
    int r = job_new(m, t, &j);

    if (r >= 0)
        r = set_shown(j, c);
    if (r < 0)
        return r;
    j->tell_only = true;
    *ret = TAKE_PTR(j);
    return 0;
}

void replacement_tell(Manager *m, Trustpoint *t)
{
    const StoredCertificate *c = trustpoint_certificate(t, ROLE_ROUTER);
    ReplacementJob *j;
    int r;

    if (!c || t->busy || !t->config || (!t->config->reload && !t->config->probe))
        return;
    r = tell_new(m, t, c, &j);
    if (r >= 0)
        r = start(m, t, j, trial_run);
    if (r < 0)
        log_warning_errno(r, "Failed to tell the services of trustpoint %s, ignoring: %m", t->name);
}

void export_certificates(Manager *m, const Trustpoint *t)
{
    int r = m->runtime_fd < 0 ? 0 : consumers_export(m->runtime_fd, t);

    if (r < 0)
        log_warning_errno(r,
                          "Failed to write the certificates of trustpoint %s for services, "
                          "ignoring: %m",
                          t->name);
}

void export_all_certificates(Manager *m)
{
    int r = m->runtime_fd < 0 ? 0 : consumers_sweep(m->runtime_fd, &m->trustpoints);

    if (r < 0)
        log_warning_errno(r, "Failed to remove files of certificates that are gone, ignoring: %m");
    for (const Trustpoint *t = m->trustpoints.first; t; t = t->next)
        export_certificates(m, t);
}
