/* SPDX-License-Identifier: Apache-2.0 */
/* Asks servers for the next certificates of their CAs, and has them take over. */
#include "clock.h"
#include "enrolld.h"
#include "log.h"
#include "rollover.h"
#include "server-method.h"
#include "trustpoint-job.h"

typedef struct RolloverJob {
    ServerJob *server;
    ReceivedRules rules;
    ReceivedList list;
    int result;
} RolloverJob;

static void rollover_job_free(void *data)
{
    RolloverJob *j = data;

    if (!j)
        return;
    server_job_free(j->server);
    received_done(&j->list);
    free(j);
}

static int run(Job *job, void *data)
{
    RolloverJob *j = data;
    ServerJob *s = j->server;
    const char *why = "";
    int r;

    r = s->method->begin(job, s);
    if (r >= 0)
        r = s->method->get_next_authorities(job, s, &j->list);
    if (r >= 0) {
        r = rollover_check(&j->list, s->authority, &j->rules, s->method == &method_scep, &why);
        if (r < 0 && why[0])
            (void)snprintf(s->reason, sizeof(s->reason), "what came cannot be used: %s", why);
    }
    if (r == -ECANCELED)
        return r;
    j->result = r;
    return 0;
}

static void failed(Manager *m, Trustpoint *t, int error, const char *reason)
{
    static const LogEvent event = {LOG_REQUEST_ENDED};
    bool has_none = error == -ENODATA;
    int r = rollover_failed(&m->trustpoints, t, has_none ? NULL : reason);

    if (r < 0)
        log_warning_errno(r, "Failed to write down a failure of trustpoint %s, ignoring: %m",
                          t->name);
    if (!has_none)
        log_event(&event, LOG_FIELDS("TRUSTPOINT", t->name, "REASON", reason),
                  "The next CA certificate of trustpoint %s cannot be had: %s", t->name, reason);
}

static bool is_authority(const StoredCertificate *ca, const X509 *authority)
{
    _cleanup_(X509_freep) X509 *x = ca ? stored_certificate_x509(ca) : NULL;

    return x && X509_cmp(x, authority) == 0;
}

static int done(Job *job, void *data, int r)
{
    RolloverJob *j = data;
    ServerJob *s = j->server;
    Manager *m = s->manager;
    Trustpoint *t = trustpoint_job_done(m, s->trustpoint);
    AuthoritiesView before;

    if (!t)
        return r;
    before = enrollment_view_authorities(t);
    /* What was asked under another configuration, or for another CA, is asked again. */
    if (r >= 0 && t->config && streq(t->config->fingerprint, s->configuration) &&
        is_authority(trustpoint_certificate(t, ROLE_CA), s->authority)) {
        if (j->result >= 0) {
            j->result = rollover_stage(&m->trustpoints, t, &j->list);
            s->reason[0] = '\0';
        }
        if (j->result < 0)
            failed(m, t, j->result, s->reason[0] ? s->reason : strerror(-j->result));
        enrollment_announce_authorities(m, t, before);
    }
    t->rollover_at = t->renew_at = 0;
    announce_trustpoint_changed(m, t);
    trustpoint_jobs_schedule(m);
    return r;
}

static int ask(Manager *m, Trustpoint *t)
{
    RolloverJob *j;
    int r;

    if (!server_method_get(t->config->method)->get_next_authorities)
        return -EOPNOTSUPP;
    j = calloc(1, sizeof(*j));
    if (!j)
        return -ENOMEM;
    r = server_job_new(m, t, false, &j->server);
    if (r < 0) {
        rollover_job_free(j);
        return r;
    }
    j->rules = (ReceivedRules){.now = j->server->now, .legacy = t->config->legacy};
    return trustpoint_job_start_internal(m, t,
                                         &(JobWork){.kind = "rollover",
                                                    .run = run,
                                                    .done = done,
                                                    .free_data = rollover_job_free,
                                                    .data = j});
}

static int take_over(Manager *m, Trustpoint *t)
{
    const AuthoritiesView before = enrollment_view_authorities(t);
    int r = rollover_take_over(&m->trustpoints, t);

    if (r < 0)
        return r;
    t->rollover_at = t->renew_at = 0;
    enrollment_announce_authorities(m, t, before);
    return 0;
}

/* --- For the clock ---------------------------------------------------------------------------- */

uint64_t rollover_time(Manager *m, Trustpoint *t, uint64_t now)
{
    int64_t wait;

    if (t->busy || rollover_next_step(t, trustpoints_now(&m->trustpoints), &wait) == ROLLOVER_NONE)
        return UINT64_MAX;
    if (t->rollover_at == 0)
        t->rollover_at =
            now + (uint64_t)(wait < SERVER_WAIT_MAX ? wait : SERVER_WAIT_MAX) * USEC_PER_SEC;
    return t->rollover_at;
}

bool rollover_start_due(Manager *m, Trustpoint *t, uint64_t now)
{
    RolloverStep step;
    int64_t wait;
    int r;

    if (rollover_time(m, t, now) > now)
        return false;
    t->rollover_at = 0;
    step = rollover_next_step(t, trustpoints_now(&m->trustpoints), &wait);
    /* A long wait is measured in pieces, because clocks are set. */
    if (step == ROLLOVER_NONE || wait > 0)
        return false;
    r = step == ROLLOVER_ASK ? ask(m, t) : take_over(m, t);
    if (r < 0)
        log_warning_errno(r, "Failed to roll over the CA of trustpoint %s, ignoring: %m", t->name);
    if (r < 0)
        t->rollover_at = now + SERVER_WAIT_MAX * USEC_PER_SEC;
    return true;
}
