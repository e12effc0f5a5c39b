/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.Verify: the verification of a chain, in a worker thread, against the
 * trustpoints, and the pool as it was when it was asked. */
#include "errors.h"
#include "log.h"
#include "poold.h"
#include "revocation.h"
#include "trustpoints.h"

#include <time.h>

/* How long a verdict is kept that something was missing for. */
#define LACKING_SECONDS 300

typedef struct Check {
    Poold *poold;
    uint8_t key[VERDICT_KEY_SIZE];
    bool kept_if_good;       /* there is a key */
    uint64_t changes, asked; /* when it began: of everything, and of the trustpoints */
    int64_t good_until;      /* the first certificate of the path ends */
    VerifyRequest request;
    VerifyOrder order;
    void *data;
    char *purpose, *name;
    const AuthorityList *authorities;
    Trustpoints *trustpoints;
    CrlWork work;
    bool pool_optional;     /* the pool's policy */
    const char *trustpoint; /* whose policy it was; NULL: the pool's */
    VerifyVerdict verdict;
} Check;

static void check_free(void *userdata)
{
    Check *check = userdata;

    crl_work_done(&check->work);
    trustpoints_free(check->trustpoints);
    authority_list_unref(check->authorities);
    free(check->data);
    free(check->purpose);
    free(check->name);
    free(check);
}

/* --- In the worker ---------------------------------------------------------------------------- */

/* The first of the path that a trustpoint trusts. */
static const PeerTrustpoint *trustpoint_of_path(const Trustpoints *trustpoints,
                                                const STACK_OF(X509) * path)
{
    const PeerTrustpoint *found = NULL;

    for (int i = 0; !found && i < sk_X509_num(path); i++) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n;

        if (X509_digest(sk_X509_value(path, i), EVP_sha256(), digest, &n) == 1)
            found = trustpoints_of(trustpoints, digest);
    }
    return found;
}

static bool ends_nowhere(const VerifyVerdict *verdict)
{
    return verdict->error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           verdict->error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           verdict->error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           verdict->error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           verdict->error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

/* The path as such: what trustpoints trust comes first, and then the pool. */
static int find_path(Check *check, Verifier *v, const AuthorityList **ret)
{
    VerifyVerdict pool;
    int r;

    *ret = check->trustpoints->authorities;
    r = verifier_run(v, *ret, VERIFY_REVOCATION_NONE, NULL, &check->verdict);
    if (r < 0 || check->verdict.valid || !ends_nowhere(&check->verdict))
        return r;
    *ret = check->authorities;
    r = verifier_run(v, *ret, VERIFY_REVOCATION_NONE, NULL, &pool);
    if (r >= 0)
        check->verdict = pool;
    return r;
}

static RevocationPolicy find_policy(Check *check, const Verifier *v, bool of_trustpoint)
{
    const PeerTrustpoint *t = of_trustpoint
                                  ? trustpoint_of_path(check->trustpoints, verifier_path(v))
                                  : trustpoints_find(check->trustpoints, TRUSTPOINT_OF_POOL);
    bool optional = (t && t->crl_optional) || (!of_trustpoint && check->pool_optional);

    check->trustpoint = of_trustpoint && t ? t->name : NULL;
    return (RevocationPolicy){.revocation = check->order.revocation_given
                                                ? check->request.revocation
                                            : optional ? VERIFY_REVOCATION_OPTIONAL
                                                       : VERIFY_REVOCATION_REQUIRED,
                              .query_url = t ? t->query_url : NULL};
}

/* With CRLs of the caller's own, who has them for a reason, nothing is kept. */
static int note_end(Check *check, const Verifier *v)
{
    const STACK_OF(X509) *path = verifier_path(v);

    check->good_until = verifier_has_crls(v) ? 0 : INT64_MAX;
    for (int i = 0; i < sk_X509_num(path); i++) {
        int64_t not_after;

        if (x509_time_read(X509_get0_notAfter(sk_X509_value(path, i)), &not_after) < 0)
            return -EBADMSG;
        if (not_after < check->good_until)
            check->good_until = not_after;
    }
    return 0;
}

static int verify(Job *job, Check *check, Verifier *v)
{
    const AuthorityList *authorities;
    RevocationPolicy policy;
    int r = find_path(check, v, &authorities);

    if (r < 0 || !check->verdict.valid)
        return r;
    policy = find_policy(check, v, authorities == check->trustpoints->authorities);
    crl_work_begin(&check->work, job_cancel_fd(job));
    check->work.authorities[0] = check->trustpoints->authorities;
    check->work.authorities[1] = check->authorities;
    check->work.answers = check->order.of_now ? check->poold->answers : NULL;
    if (!check->order.may_fetch)
        check->work.fetch = NULL;
    r = revocation_check(v, authorities, &policy, &check->work, &check->verdict);
    return r < 0 ? r : note_end(check, v);
}

static int check_run(Job *job, void *userdata)
{
    _cleanup_(verifier_freep) Verifier *v = NULL;
    Check *check = userdata;
    const char *reason = NULL;
    int r = verifier_new(&check->request, &v, &reason);

    if (r == -EBADMSG)
        return job_fail(job, ERROR_MALFORMED, "The certificates cannot be read: %s", reason);
    if (r == -EINVAL)
        return job_fail(job, ERROR_INVALID_ARGUMENT, "The certificates cannot be verified: %s",
                        reason);
    if (r < 0)
        return r;
    if (!check->trustpoints)
        r = trustpoints_ask(&check->trustpoints);
    if (r < 0)
        return job_fail(job, ERROR_UNREACHABLE,
                        "Whom the trustpoints trust is not known, enrolld does not answer: %s",
                        strerror(-r));
    return verify(job, check, v);
}

/* --- In the main loop ------------------------------------------------------------------------- */

static char *join_path(const VerifyVerdict *verdict)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    for (size_t i = 0; f && i < verdict->n; i++)
        (void)fprintf(f, "%s%s", i > 0 ? " " : "", verdict->path[i]);
    if (!f || fclose(f) == EOF) {
        free(text);
        return NULL;
    }
    return text;
}

static int tell(Job *job, const VerifyVerdict *verdict, const char *trustpoint, const char *path,
                const char *problem)
{
    uint32_t depth = verdict->depth;
    int r = job_result(job, "valid", 'b', &verdict->valid);

    if (r >= 0)
        r = job_result(job, "reason", 's', verdict->reason);
    if (r >= 0)
        r = job_result(job, "depth", 'u', &depth);
    if (r >= 0)
        r = job_result(job, "trustpoint", 's', trustpoint ?: "");
    if (r >= 0 && problem)
        r = job_result(job, "problem", 's', problem);
    return r < 0 ? r : job_result(job, "path", 's', path);
}

/* What was found while something changed is told, and not kept. */
static int keep(const Check *check, uint64_t changes, const char *path)
{
    int64_t now = check->work.now, until = check->good_until;
    bool lacks = check->work.lacks;

    if (!check->kept_if_good || !check->verdict.valid || check->changes != changes)
        return 0;
    if (check->work.good_until < until)
        until = check->work.good_until;
    for (size_t i = 0; i < check->work.n_attempts; i++)
        lacks |= !check->work.attempts[i].good;
    if (lacks && until > now + LACKING_SECONDS)
        until = now + LACKING_SECONDS;
    if (until <= now)
        return 0;
    return verdict_cache_put(check->poold->verdicts, check->key, now, until, path,
                             check->trustpoint);
}

static int check_done(Job *job, void *userdata, int r)
{
    const Check *check = userdata;
    const VerifyVerdict *verdict = &check->verdict;
    uint64_t changes = check->poold->changes; /* before the CRLs that it has brought itself */
    _cleanup_free_ char *path = NULL;

    crl_jobs_keep(check->poold, &check->work, job_user(job));
    if (check->trustpoints)
        trustpoint_cache_put(check->poold->trustpoints, check->asked, check->trustpoints);
    if (r < 0)
        return 0;
    path = join_path(verdict);
    r = path ? keep(check, changes, path) : -ENOMEM;
    return r < 0 ? r
                 : tell(job, verdict, check->trustpoint, path,
                        verify_lacks_crl(verdict) ? check->work.problem : NULL);
}

static int check_fill(Poold *poold, const VerifyOrder *order, Check *check)
{
    const VerifyRequest *request = &order->request;
    int r;

    check->poold = poold;
    check->order = *order;
    check->pool_optional = poold->policy->crl_optional;
    check->request = *request;
    check->changes = poold->changes;
    check->data = malloc(request->size + 1);
    check->purpose = strdup(request->purpose);
    check->name = request->name ? strdup(request->name) : NULL;
    r = check->data && check->purpose && (check->name || !request->name) ? 0 : -ENOMEM;
    check->authorities = authority_list_ref(pool_get_active(poold->pool));
    check->trustpoints = trustpoint_cache_get(poold->trustpoints, &check->asked);
    if (r >= 0)
        r = crl_jobs_prepare(poold, false, &check->work);
    if (r < 0)
        return r;
    memcpy(check->data, request->data, request->size);
    check->request.data = check->data;
    check->request.purpose = check->purpose;
    check->request.name = check->name;
    return 0;
}

/* --- What is known already -------------------------------------------------------------------- */

typedef struct Known {
    char *path, *trustpoint;
} Known;

static void known_free(void *userdata)
{
    Known *known = userdata;

    free(known->path);
    free(known->trustpoint);
    free(known);
}

static int known_done(Job *job, void *userdata, int r)
{
    static const VerifyVerdict good = {.valid = true, .reason = "ok"};
    const Known *known = userdata;

    return tell(job, &good, known->trustpoint, known->path, NULL);
}

static int answer_known(sd_bus_message *m, const KeptVerdict *kept, sd_bus_error *reterr_error)
{
    Known *known = calloc(1, sizeof *known);

    if (!known)
        return -ENOMEM;
    known->path = strdup(kept->path);
    known->trustpoint = kept->trustpoint ? strdup(kept->trustpoint) : NULL;
    if (!known->path || (kept->trustpoint && !known->trustpoint)) {
        known_free(known);
        return -ENOMEM;
    }
    return job_start(
        m, &(JobWork){.kind = "verify", .done = known_done, .free_data = known_free, .data = known},
        reterr_error);
}

/* A question about another time is not one of those whose answers are kept. */
static int make_key(const VerifyOrder *order, uint8_t ret[VERDICT_KEY_SIZE])
{
    static const char *const words[] = {[VERIFY_REVOCATION_REQUIRED] = "required",
                                        [VERIFY_REVOCATION_OPTIONAL] = "optional",
                                        [VERIFY_REVOCATION_NONE] = "none"};
    const char *revocation =
        order->revocation_given ? words[order->request.revocation] : "as configured";

    if (!order->of_now || order->request.size > VERDICT_REQUEST_MAX)
        return -ENOENT;
    return verdict_cache_key(&order->request, revocation, (DerSpan){NULL, 0}, ret);
}

int poold_verify(Poold *poold, sd_bus_message *m, const VerifyOrder *order,
                 sd_bus_error *reterr_error)
{
    JobWork work = {
        .kind = "verify", .run = check_run, .done = check_done, .free_data = check_free};
    uint8_t key[VERDICT_KEY_SIZE];
    const KeptVerdict *kept;
    Check *check;
    int r = make_key(order, key);

    if (r < 0 && r != -ENOENT)
        return r;
    kept = r >= 0 ? verdict_cache_get(poold->verdicts, key, order->request.time) : NULL;
    if (kept) {
        log_debug("The verdict is known already");
        return answer_known(m, kept, reterr_error);
    }
    check = calloc(1, sizeof *check);
    if (!check)
        return -ENOMEM;
    check->kept_if_good = r >= 0;
    if (check->kept_if_good)
        memcpy(check->key, key, sizeof key);
    r = check_fill(poold, order, check);
    if (r < 0) {
        check_free(check);
        return r;
    }
    work.data = check;
    return job_start(m, &work, reterr_error);
}
