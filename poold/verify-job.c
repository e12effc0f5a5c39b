/* SPDX-License-Identifier: Apache-2.0 */
/* org.chancery.TrustPool1.Verify: the verification of a chain, in a worker thread, against the
 * trustpoints, and the pool as it was when it was asked. */
#include "errors.h"
#include "poold.h"
#include "revocation.h"
#include "trustpoints.h"

#include <time.h>

typedef struct Check {
    Poold *poold;
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
    return revocation_check(v, authorities, &policy, &check->work, &check->verdict);
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

static int check_done(Job *job, void *userdata, int r)
{
    const Check *check = userdata;
    const char *problem = check->work.problem;
    const VerifyVerdict *verdict = &check->verdict;
    _cleanup_free_ char *path = NULL;
    uint32_t depth = verdict->depth;

    crl_jobs_keep(check->poold, &check->work, job_user(job));
    if (r < 0)
        return 0;
    path = join_path(verdict);
    if (!path)
        return -ENOMEM;
    r = job_result(job, "valid", 'b', &verdict->valid);
    if (r >= 0)
        r = job_result(job, "reason", 's', verdict->reason);
    if (r >= 0)
        r = job_result(job, "depth", 'u', &depth);
    if (r >= 0)
        r = job_result(job, "trustpoint", 's', check->trustpoint ?: "");
    if (r >= 0 && verify_lacks_crl(verdict) && problem)
        r = job_result(job, "problem", 's', problem);
    return r < 0 ? r : job_result(job, "path", 's', path);
}

int poold_verify(Poold *poold, sd_bus_message *m, const VerifyOrder *order,
                 sd_bus_error *reterr_error)
{
    JobWork work = {
        .kind = "verify", .run = check_run, .done = check_done, .free_data = check_free};
    const VerifyRequest *request = &order->request;
    Check *check = calloc(1, sizeof *check);
    int r;

    if (!check)
        return -ENOMEM;
    check->poold = poold;
    check->order = *order;
    check->pool_optional = poold->policy->crl_optional;
    check->request = *request;
    check->data = malloc(request->size + 1);
    check->purpose = strdup(request->purpose);
    check->name = request->name ? strdup(request->name) : NULL;
    r = check->data && check->purpose && (check->name || !request->name) ? 0 : -ENOMEM;
    check->authorities = authority_list_ref(pool_get_active(poold->pool));
    if (r >= 0)
        r = crl_jobs_prepare(poold, false, &check->work);
    if (r < 0) {
        check_free(check);
        return r;
    }
    memcpy(check->data, request->data, request->size);
    check->request.data = check->data;
    check->request.purpose = check->purpose;
    check->request.name = check->name;
    work.data = check;
    return job_start(m, &work, reterr_error);
}
