/* SPDX-License-Identifier: Apache-2.0 */
/* CRLs that somebody relies on are fetched again before they expire, one worker at a time. */
#include <time.h>

#include "crl-jobs.h"
#include "log.h"
#include "poold.h"
#include "time-render.h"
#include "trustpoints.h"
#include "x509-render.h"

/* Whether the clock was set back is looked at as often. */
#define TICK_USEC (3600 * 1000000ULL)
#define ACCURACY_USEC (1 * 1000000ULL)

struct CrlRefresh {
    Poold *poold;
    sd_event_source *timer, *tick;
    bool running;
};

typedef struct Errand {
    CrlRefresh *refresh;
    CrlList due;
    const AuthorityList *authorities;
    Trustpoints *trustpoints; /* NULL: nobody has said which ones there are */
    CrlWork work;
} Errand;

static void errand_free(void *userdata)
{
    Errand *errand = userdata;

    crl_work_done(&errand->work);
    crl_list_done(&errand->due);
    authority_list_unref(errand->authorities);
    trustpoints_free(errand->trustpoints);
    free(errand);
}

/* --- In the worker ---------------------------------------------------------------------------- */

/* Whoever has signed what is there may sign the next one. */
static int list_signers(const Errand *errand, STACK_OF(X509) * signers)
{
    for (size_t i = 0; i < errand->due.n; i++) {
        const Crl *crl = errand->due.items[i];
        X509 *signer;
        int r = certificate_parse(crl->signer, crl->signer_size, &signer);

        if (r < 0)
            return r;
        if (sk_X509_push(signers, signer) <= 0) {
            X509_free(signer);
            return -ENOMEM;
        }
    }
    return 0;
}

static int find_trustpoints(Errand *errand, int cancel_fd)
{
    for (size_t i = 0; i < errand->due.n; i++)
        if (crl_is_of_scep(errand->due.items[i])) {
            int r = trustpoints_ask(NULL, cancel_fd, &errand->trustpoints);

            return r == -ECANCELED || r == -ENOMEM ? r : 0;
        }
    return 0;
}

/* By the trustpoint that has got it, or else (others) by the rest of those with that CA. -ENODATA:
 * none of them can ask. */
static int fetch_by_trustpoints(Errand *errand, const Crl *crl, bool others)
{
    const char *name = crl->url + STRLEN(CRL_SCEP_PREFIX);
    uint8_t ca[EVP_MAX_MD_SIZE];
    int taken = -ENODATA;

    if (EVP_Digest(crl->signer, crl->signer_size, ca, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; errand->trustpoints && i < errand->trustpoints->n; i++) {
        const PeerTrustpoint *t = &errand->trustpoints->items[i];
        CrlAsker asker = trustpoint_asker(t);
        int r;

        if (!asker.trustpoint || streq(t->name, name) == others ||
            memcmp(t->ca, ca, AUTHORITY_DIGEST_SIZE) != 0)
            continue;
        r = crl_work_fetch_scep(&errand->work, &asker);
        if (r != -ENODATA)
            taken = r;
        if (r != 0 && r != -ENODATA)
            break;
    }
    return taken;
}

static int fetch_again(Errand *errand, const Crl *crl)
{
    int r = crl_is_of_scep(crl) ? fetch_by_trustpoints(errand, crl, false) : -ENODATA;

    if (r == -ENODATA)
        r = crl_work_fetch(&errand->work, crl->url);
    if (r == 0 && crl_is_of_scep(crl))
        r = fetch_by_trustpoints(errand, crl, true);
    return r == -ENODATA ? 0 : r;
}

static int errand_run(Job *job, void *userdata)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *signers = sk_X509_new_null();
    Errand *errand = userdata;
    int r = signers ? list_signers(errand, signers) : -ENOMEM;

    crl_work_begin(&errand->work, job_cancel_fd(job));
    errand->work.signers = signers;
    errand->work.authorities[0] = errand->authorities;
    if (r >= 0)
        r = find_trustpoints(errand, job_cancel_fd(job));
    for (size_t i = 0; r >= 0 && i < errand->due.n; i++)
        r = fetch_again(errand, errand->due.items[i]);
    errand->work.signers = NULL;
    return r < 0 ? r : 0;
}

/* --- In the main loop ------------------------------------------------------------------------- */

static bool has_come(const CrlWork *work, const Crl *crl)
{
    for (size_t i = 0; i < work->fetched.n; i++)
        if (memcmp(work->fetched.items[i]->slot, crl->slot, sizeof crl->slot) == 0)
            return true;
    for (size_t i = 0; i < work->n_attempts; i++)
        if (streq(work->attempts[i].url, crl->url))
            return work->attempts[i].good;
    return true; /* not tried: its turn is the next time */
}

static void complain(const Errand *errand)
{
    static const LogEvent event = {LOG_CRL_REFRESH_FAILED};

    for (size_t i = 0; i < errand->due.n; i++) {
        const Crl *crl = errand->due.items[i];
        char until[TIME_TEXT_SIZE];

        if (has_come(&errand->work, crl))
            continue;
        log_event(&event, LOG_FIELDS("ISSUER", crl->issuer, "URL", crl->url),
                  "The CRL of %s, good until %s, could not be fetched again: %s", crl->issuer,
                  time_render(crl->next_update, until), errand->work.problem ?: "no answer");
    }
}

static int errand_done(Job *job, void *userdata, int r)
{
    Errand *errand = userdata;
    CrlRefresh *refresh = errand->refresh;

    refresh->running = false;
    complain(errand);
    crl_jobs_keep(refresh->poold, &errand->work, job_user(job));
    return r;
}

static int start(CrlRefresh *refresh, int64_t now)
{
    JobWork work = {
        .kind = "crl-refresh", .run = errand_run, .done = errand_done, .free_data = errand_free};
    Errand *errand = calloc(1, sizeof *errand);
    int r;

    if (!errand)
        return -ENOMEM;
    errand->refresh = refresh;
    r = crl_cache_due(refresh->poold->crls, now, &errand->due);
    if (r >= 0)
        r = crl_jobs_prepare(refresh->poold, true, &errand->work);
    errand->work.questions = refresh->poold->questions;
    errand->authorities = authority_list_ref(pool_get_active(refresh->poold->pool));
    if (r < 0) {
        errand_free(errand);
        return r;
    }
    work.data = errand;
    r = job_start_internal(refresh->poold->server, &work);
    refresh->running = r >= 0;
    return r;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    CrlRefresh *refresh = userdata;
    int64_t now = time(NULL), next = crl_cache_next(refresh->poold->crls, now);
    int r;

    if (next != 0 && next <= now && !refresh->running) {
        r = start(refresh, now);
        if (r < 0) {
            log_error_errno(r, "CRLs cannot be fetched again, trying later: %m");
            return 0; /* with the next tick */
        }
    }
    crl_refresh_arm(refresh);
    return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    int r = sd_event_source_set_time_relative(source, TICK_USEC);

    crl_refresh_arm(userdata);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void crl_refresh_arm(CrlRefresh *refresh)
{
    int64_t next = crl_cache_next(refresh->poold->crls, time(NULL));
    int r;

    /* While a worker is under way: it will call when it has ended. */
    if (next == 0 || refresh->running) {
        (void)sd_event_source_set_enabled(refresh->timer, SD_EVENT_OFF);
        return;
    }
    r = sd_event_source_set_time(refresh->timer, next > 0 ? (uint64_t)next * 1000000ULL : 0);
    if (r >= 0)
        r = sd_event_source_set_enabled(refresh->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        log_error_errno(r, "The refresh of CRLs cannot be scheduled: %m");
}

CrlRefresh *crl_refresh_free(CrlRefresh *refresh)
{
    if (refresh) {
        sd_event_source_disable_unref(refresh->timer);
        sd_event_source_disable_unref(refresh->tick);
        free(refresh);
    }
    return NULL;
}

int crl_refresh_new(Poold *poold, CrlRefresh **ret)
{
    CrlRefresh *refresh = calloc(1, sizeof *refresh);
    sd_event *event = server_event(poold->server);
    int r;

    if (!refresh)
        return -ENOMEM;
    refresh->poold = poold;
    r = sd_event_add_time(event, &refresh->timer, CLOCK_REALTIME, 0, ACCURACY_USEC, on_time,
                          refresh);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &refresh->tick, CLOCK_BOOTTIME, TICK_USEC,
                                       60 * 1000000ULL, on_tick, refresh);
    if (r < 0) {
        crl_refresh_free(refresh);
        return r;
    }
    crl_refresh_arm(refresh);
    *ret = refresh;
    return 0;
}
