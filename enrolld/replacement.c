/* SPDX-License-Identifier: Apache-2.0 */
/* A renewed certificate takes the place of the one before, together with its key when it is for a
 * new one. The job goes from one step to the next, each of which may be repeated: what a process
 * that was killed has left undone, the next one finds in the record and goes on with. */
#include "enrolld.h"
#include "errors.h"
#include "job.h"
#include "keyd-client.h"
#include "log.h"

#define AGAIN_SECONDS 60U

typedef struct ReplacementJob {
    Manager *manager;
    char *trustpoint;
    Replacement step;
    bool finalizing; /* of a trial: it has proved itself */
    KeyName key;
    bool changes_key;
    unsigned char *public_key; /* of the key that is to be the current one */
    int public_key_size;
    int result; /* of what the worker did */
    char reason[512];
} ReplacementJob;

static void replacement_job_free(void *data)
{
    ReplacementJob *j = data;

    if (!j)
        return;
    free(j->trustpoint);
    key_name_done(&j->key);
    OPENSSL_free(j->public_key);
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

static int finalize_run(Job *job, void *data)
{
    ReplacementJob *j = data;

    return failed(
        j, j->changes_key ? keyd_rotation_forget(j->key.algorithm, j->key.label, "previous") : 0);
}

/* --- In the main loop ------------------------------------------------------------------------- */

static void log_undone(const Trustpoint *t, const char *reason)
{
    static const LogEvent event = {LOG_RENEWAL_UNDONE};

    log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "REASON", reason),
              "The renewed certificate of trustpoint %s has not proved itself, the previous one is "
              "back: %s",
              t->name, reason);
}

/* What is written down is what counts: the next step is that of the record. */
static int write_down(ReplacementJob *j, Trustpoint *t)
{
    Trustpoints *set = &j->manager->trustpoints;

    switch (j->step) {
    case REPLACEMENT_STAGED:
        if (j->result == -ENOENT) {
            /* Somebody has made another key of that name, or removed it. */
            (void)trustpoint_renewal_failed(set, t);
            return trustpoint_unstage(set, t);
        }
        return j->result < 0 ? j->result : trustpoint_replaced(set, t);
    case REPLACEMENT_TRIAL:
        if (!j->finalizing)
            return 0;
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

static void later(ReplacementJob *j, Trustpoint *t, int error)
{
    struct timespec boot;

    log_warning("A certificate of trustpoint %s cannot be put in place yet: %s", t->name,
                j->reason[0] ? j->reason : strerror(-error));
    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    t->renew_at = ((uint64_t)boot.tv_sec + AGAIN_SECONDS) * 1000000;
}

static void end(ReplacementJob *j, Trustpoint *t)
{
    t = external_end_work(j->manager, j->trustpoint);
    if (t)
        announce_trustpoint_changed(j->manager, t);
    scep_schedule(j->manager);
}

static int set_step(ReplacementJob *j, const Trustpoint *t)
{
    const StoredCertificate *to =
        t->record.staged ? t->record.staged : t->record.certificates[ROLE_ROUTER];

    j->step = trustpoint_replacement(t);
    j->finalizing = false;
    j->changes_key = trustpoint_replaces_key(t);
    j->reason[0] = '\0';
    if (j->step == REPLACEMENT_NONE)
        return 0;
    OPENSSL_free(j->public_key);
    j->public_key = NULL;
    key_name_done(&j->key);
    j->public_key_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(to->x509), &j->public_key);
    return j->public_key_size <= 0 ? -ENOMEM : key_name_copy(&to->key, &j->key);
}

static int done(Job *job, void *data, int r)
{
    ReplacementJob *j = data;
    Manager *m = j->manager;
    Trustpoint *t = trustpoint_find(&m->trustpoints, j->trustpoint);
    Replacement step = j->step;

    if (r >= 0)
        r = write_down(j, t);
    if (r < 0) {
        t->renew_at = 0;
        later(j, t, r);
        end(j, t);
        return r;
    }
    if (step == REPLACEMENT_STAGED && j->result >= 0)
        enrollment_installed(m, t, ROLE_ROUTER, true, "enrolld");
    else if (step == REPLACEMENT_UNDO) {
        log_undone(t, j->reason);
        announce_certificate_changed(m, t, ROLE_ROUTER, true);
    }
    r = set_step(j, t);
    if (r < 0 || j->step == REPLACEMENT_NONE) {
        t->poll_at = t->renew_at = 0;
        end(j, t);
        return r;
    }
    j->finalizing = j->step == REPLACEMENT_TRIAL;
    job_then(job, j->finalizing ? finalize_run : change_run);
    return 0;
}

int replacement_start(Manager *m, Trustpoint *t)
{
    _cleanup_(replacement_job_freep) ReplacementJob *j = calloc(1, sizeof(*j));
    int r;

    if (!j)
        return -ENOMEM;
    j->manager = m;
    j->trustpoint = strdup(t->name);
    r = j->trustpoint ? set_step(j, t) : -ENOMEM;
    if (r < 0 || j->step == REPLACEMENT_NONE)
        return r;
    j->finalizing = j->step == REPLACEMENT_TRIAL;
    r = job_start_internal(m->server, &(JobWork){.kind = "replace",
                                                 .run = j->finalizing ? finalize_run : change_run,
                                                 .done = done,
                                                 .free_data = replacement_job_free,
                                                 .data = j});
    TAKE_PTR(j);
    if (r >= 0)
        t->busy = true;
    return r;
}
