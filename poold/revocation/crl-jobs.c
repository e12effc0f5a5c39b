/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-jobs.h"

#include <time.h>

#include "errors.h"
#include "log.h"
#include "names.h"
#include "poold.h"
#include "trustpoints.h"

/* --- Between the cache and workers ------------------------------------------------------------ */

int crl_jobs_prepare(const Poold *poold, bool insist, CrlWork *work)
{
    int r = crl_cache_list(poold->crls, &work->known);

    work->scep = trustpoints_get_crl;
    work->route = fetch_access_route(&poold->access, poold->policy->route.device);
    work->fetch_seconds = poold->access.crl_timeout;
    if (r < 0 || insist)
        return r;
    work->questions = poold->questions;
    return crl_cache_paused(poold->crls, time(NULL), &work->paused);
}

/* Who relies on a certificate looks again. */
static void announce(Poold *poold, const char *signal)
{
    int r =
        sd_bus_emit_signal(server_bus(poold->server), TRUSTPOOL_PATH, TRUSTPOOL_NAME, signal, NULL);

    if (r < 0)
        log_warning_errno(r, "The signal %s cannot be sent, ignoring: %m", signal);
}

static void keep_one(Poold *poold, Crl *crl, const char *user, int64_t now)
{
    static const LogEvent event = {LOG_CRL_UPDATED};
    int r = crl_cache_put(poold->crls, crl, now);

    if (r > 0) {
        poold_changed(poold);
        announce(poold, "CrlTaken");
        log_event(&event,
                  LOG_FIELDS("USER", user, "ISSUER", crl->issuer, "URL", crl->url, "NUMBER",
                             crl->number ?: ""),
                  "CRL of %s taken from %s: %zu entries", crl->issuer, crl->url, crl->entries);
    } else if (r < 0 && r != -ESTALE)
        log_error_errno(r, "The CRL of %s cannot be kept, going on without it: %m", crl->issuer);
}

static void not_stored(const Crl *crl, int error)
{
    log_error_errno(error, "The CRL of %s cannot be stored, a restart will not know of it: %m",
                    crl->issuer);
}

int crl_jobs_write(Poold *poold)
{
    return crl_cache_write(poold->crls, not_stored);
}

static int write_run(Job *job, void *userdata)
{
    (void)crl_jobs_write(userdata);
    return 0;
}

static void write_later(Poold *poold)
{
    const JobWork work = {.kind = "crl-write", .run = write_run, .data = poold};
    int r = crl_cache_has_changes(poold->crls) ? job_start_internal(poold->server, &work) : 0;

    if (r >= 0)
        return;
    log_warning_errno(r, "Failed to start a worker thread, storing CRLs without one: %m");
    (void)crl_jobs_write(poold);
}

void crl_jobs_keep(Poold *poold, const CrlWork *work, const char *user)
{
    int64_t now = time(NULL);

    for (size_t i = 0; i < work->n_attempts; i++)
        if (!work->attempts[i].good)
            crl_cache_failed(poold->crls, work->attempts[i].url, now);
    for (size_t i = 0; i < work->fetched.n; i++)
        keep_one(poold, work->fetched.items[i], user, now);
    for (size_t i = 0; i < work->n_attempts; i++)
        if (work->attempts[i].good)
            crl_cache_answered(poold->crls, work->attempts[i].url, now);
    for (size_t i = 0; i < work->relied.n; i++)
        crl_cache_use(poold->crls, work->relied.items[i]);
    if (work->has_answer)
        announce(poold, "OcspAnswersChanged");
    write_later(poold);
    crl_refresh_arm(poold->crl_refresh);
}

/* --- On request ------------------------------------------------------------------------------- */

typedef struct CrlOrder {
    Poold *poold;
    char *what; /* a URL, or the name of a trustpoint */
    const AuthorityList *authorities;
    Trustpoints *trustpoints;
    CrlWork work;
    bool kept;
} CrlOrder;

static void order_free(void *userdata)
{
    CrlOrder *order = userdata;

    crl_work_done(&order->work);
    trustpoints_free(order->trustpoints);
    authority_list_unref(order->authorities);
    free(order->what);
    free(order);
}

static bool is_url(const char *what)
{
    return strstr(what, "://");
}

/* URLs of its CA, and of what the CA has issued: nobody else is believed about where to look. */
static int fetch_points_of(CrlOrder *order, const PeerTrustpoint *t, X509 *certificate,
                           size_t *n_points)
{
    X509 *ca = sk_X509_value(t->certificates, 0);
    _cleanup_(crl_points_done) CrlPoints points = {0};
    int r, taken = 0;

    if (certificate != ca && (X509_check_issued(ca, certificate) != X509_V_OK ||
                              X509_verify(certificate, X509_get0_pubkey(ca)) != 1)) {
        ERR_clear_error();
        return 0;
    }
    r = crl_points_read(certificate, NULL, NID_crl_distribution_points, t->query_url, &points);
    for (size_t i = 0; r >= 0 && i < points.n; i++) {
        r = crl_work_fetch_point(&order->work, &points.points[i]);
        taken += r > 0 ? r : 0;
    }
    *n_points += points.n;
    return r < 0 ? r : taken;
}

static int fetch_directory(CrlOrder *order, const PeerTrustpoint *t, size_t *n_points)
{
    _cleanup_free_ char *url = NULL;
    int r = crl_points_directory(X509_get_subject_name(sk_X509_value(t->certificates, 0)),
                                 t->query_url, &url);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    *n_points += 1;
    return crl_work_fetch(&order->work, url);
}

static int fetch_of_trustpoint(Job *job, CrlOrder *order)
{
    const PeerTrustpoint *t = trustpoints_find(order->trustpoints, order->what);
    CrlAsker asker = t ? trustpoint_asker(t) : (CrlAsker){.trustpoint = NULL};
    size_t n_points = 0;
    int taken = 0, r = 0;

    if (!t)
        return job_fail(job, ERROR_NO_SUCH_OBJECT, "There is no trustpoint '%s'", order->what);
    if (!t->has_ca)
        return job_fail(job, ERROR_NO_SUCH_OBJECT,
                        "%s has no CA certificate: authenticate it first", t->name);
    for (int i = 0; r >= 0 && i < sk_X509_num(t->certificates); i++) {
        r = fetch_points_of(order, t, sk_X509_value(t->certificates, i), &n_points);
        taken += r > 0 ? r : 0;
    }
    if (r >= 0 && taken == 0) {
        r = fetch_directory(order, t, &n_points);
        taken += r > 0 ? r : 0;
    }
    if (r >= 0 && taken == 0 && asker.trustpoint) {
        r = crl_work_fetch_scep(&order->work, &asker);
        n_points += r != -ENODATA;
        r = r == -ENODATA ? 0 : r;
        taken += r > 0 ? r : 0;
    }
    if (r >= 0 && n_points == 0)
        return job_fail(job, ERROR_NOT_CONFIGURED,
                        "No certificate of %s says where its CRL is: configure its query url, or "
                        "request a URL",
                        t->name);
    return r < 0 ? r : taken;
}

static int order_run(Job *job, void *userdata)
{
    CrlOrder *order = userdata;
    int r = trustpoints_ask(NULL, job_cancel_fd(job), &order->trustpoints);

    if (r == -ECANCELED)
        return r;
    if (r < 0)
        return job_fail(job, ERROR_UNREACHABLE,
                        "Whom the trustpoints trust is not known, enrolld does not answer: %s",
                        strerror(-r));
    crl_work_begin(&order->work, job_cancel_fd(job));
    order->work.authorities[0] = order->trustpoints->authorities;
    order->work.authorities[1] = order->authorities;
    job_progress(job, 10, "Fetching");
    r = is_url(order->what) ? crl_work_fetch(&order->work, order->what)
                            : fetch_of_trustpoint(job, order);
    if (r == 0)
        return job_fail(job, ERROR_UNREACHABLE, "No CRL was taken: %s",
                        order->work.problem ?: "none was found");
    return r < 0 ? r : 0;
}

/* What is said to be there is there after a restart, too. */
static int order_write(Job *job, void *userdata)
{
    const CrlOrder *order = userdata;

    (void)crl_jobs_write(order->poold);
    return 0;
}

static int order_done(Job *job, void *userdata, int r)
{
    CrlOrder *order = userdata;
    uint32_t n = (uint32_t)order->work.fetched.n;

    if (order->kept)
        return 0;
    order->kept = true;
    crl_jobs_keep(order->poold, &order->work, job_user(job));
    /* Who asks for them is about to use them. */
    for (size_t i = 0; i < order->work.fetched.n; i++)
        crl_cache_use(order->poold->crls, order->work.fetched.items[i]);
    crl_refresh_arm(order->poold->crl_refresh);
    if (r >= 0)
        job_then(job, order_write);
    return r < 0 ? r : job_result(job, "crls", 'u', &n);
}

int crl_jobs_request(Poold *poold, sd_bus_message *m, const char *what, sd_bus_error *reterr_error)
{
    JobWork work = {
        .kind = "crl-request", .run = order_run, .done = order_done, .free_data = order_free};
    CrlOrder *order = calloc(1, sizeof *order);
    int r;

    if (!order)
        return -ENOMEM;
    order->poold = poold;
    order->what = strdup(what);
    r = order->what ? crl_jobs_prepare(poold, true, &order->work) : -ENOMEM;
    order->authorities = authority_list_ref(pool_get_active(poold->pool));
    if (r < 0) {
        order_free(order);
        return r;
    }
    work.data = order;
    return job_start(m, &work, reterr_error);
}
