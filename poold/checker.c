/* SPDX-License-Identifier: Apache-2.0 */
#include "checker.h"

#include "poold.h"

#include <time.h>

/* --- In the worker ---------------------------------------------------------------------------- */

/* Of several with the same CA, the preferred one. */
static const PeerTrustpoint *trustpoint_with(const Checker *c, const uint8_t *ca)
{
    const PeerTrustpoint *preferred =
        c->preferred ? trustpoints_find(c->trustpoints, c->preferred) : NULL;

    if (preferred && preferred->has_ca && memcmp(preferred->ca, ca, AUTHORITY_DIGEST_SIZE) == 0)
        return preferred;
    return trustpoints_of(c->trustpoints, ca);
}

/* The first of the path that a trustpoint trusts. */
static const PeerTrustpoint *trustpoint_of_path(const Checker *c, const STACK_OF(X509) * path)
{
    const PeerTrustpoint *found = NULL;

    for (int i = 0; !found && i < sk_X509_num(path); i++) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n;

        if (X509_digest(sk_X509_value(path, i), EVP_sha256(), digest, &n) == 1)
            found = trustpoint_with(c, digest);
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

static int add_ca(AuthorityList *list, X509 *ca)
{
    static const AuthorityRules any = {.allow_v1 = true, .allow_expired = true};

    return authority_list_add_parsed(list, ca, &any);
}

/* A certificate of a trustpoint's own is good under its CA, or the one that follows, and nowhere
 * else. */
static int find_own_path(Checker *c, Verifier *v, const AuthorityList **ret)
{
    const PeerTrustpoint *t = trustpoints_find(c->trustpoints, c->preferred);
    int r = 0;

    c->cas = authority_list_new();
    if (!c->cas)
        return -ENOMEM;
    if (t && t->has_ca)
        r = add_ca(c->cas, sk_X509_value(t->certificates, 0));
    if (r >= 0 && t && t->next)
        r = add_ca(c->cas, t->next);
    *ret = c->cas;
    return r < 0 ? r : verifier_run(v, *ret, VERIFY_REVOCATION_NONE, NULL, &c->verdict);
}

/* The path as such: what trustpoints trust comes first, and then the pool. */
static int find_path(Checker *c, Verifier *v, const AuthorityList **ret)
{
    VerifyVerdict pool;
    int r;

    if (c->own != CHECKER_PEER)
        return find_own_path(c, v, ret);
    *ret = c->trustpoints->authorities;
    r = verifier_run(v, *ret, VERIFY_REVOCATION_NONE, NULL, &c->verdict);
    if (r < 0 || c->verdict.valid || !ends_nowhere(&c->verdict))
        return r;
    *ret = c->authorities;
    r = verifier_run(v, *ret, VERIFY_REVOCATION_NONE, NULL, &pool);
    if (r >= 0)
        c->verdict = pool;
    return r;
}

/* Of the trustpoint that the path ends at, or of the pool; may be NULL. */
static const PeerTrustpoint *find_trustpoint(const Checker *c, const Verifier *v,
                                             bool of_trustpoint)
{
    if (c->own != CHECKER_PEER)
        return trustpoints_find(c->trustpoints, c->preferred);
    return of_trustpoint ? trustpoint_of_path(c, verifier_path(v))
                         : trustpoints_find(c->trustpoints, TRUSTPOINT_OF_POOL);
}

/* "extended-key-usage match", which is about peers: nothing is fetched for one that is refused
 * anyway. */
static bool is_for_this_use(Checker *c, const PeerTrustpoint *t, const Verifier *v)
{
    if (c->own != CHECKER_PEER || !t ||
        peer_usage_matches(t->peer_usage, sk_X509_value(verifier_path(v), 0)))
        return true;
    c->verdict.valid = false;
    c->verdict.error = X509_V_ERR_INVALID_PURPOSE;
    c->verdict.reason = peer_usage_reason(t->peer_usage);
    c->verdict.depth = 0;
    return false;
}

static CrlAsker find_asker(const Checker *c, const PeerTrustpoint *t)
{
    return t && c->own != CHECKER_RECEIVED ? trustpoint_asker(t) : (CrlAsker){.trustpoint = NULL};
}

static RevocationPolicy find_policy(Checker *c, const VerifyRequest *request,
                                    const PeerTrustpoint *t, bool of_trustpoint)
{
    bool optional = (t && t->crl_optional) || (!of_trustpoint && c->pool_optional);

    c->trustpoint = of_trustpoint && t ? t->name : NULL;
    return (RevocationPolicy){.revocation = c->revocation_given ? request->revocation
                                            : optional          ? VERIFY_REVOCATION_OPTIONAL
                                                                : VERIFY_REVOCATION_REQUIRED,
                              .query_url = t ? t->query_url : NULL,
                              .staple = request->staple,
                              .scep = find_asker(c, t),
                              .scep_ca = t && t->has_ca ? sk_X509_value(t->certificates, 0) : NULL};
}

/* With CRLs of the caller's own, who has them for a reason, nothing is kept. */
static int note_end(Checker *c, const Verifier *v)
{
    const STACK_OF(X509) *path = verifier_path(v);

    c->good_until = verifier_has_crls(v) ? 0 : INT64_MAX;
    for (int i = 0; i < sk_X509_num(path); i++) {
        int64_t not_after;

        if (x509_time_read(X509_get0_notAfter(sk_X509_value(path, i)), &not_after) < 0)
            return -EBADMSG;
        if (not_after < c->good_until)
            c->good_until = not_after;
    }
    return 0;
}

static int verify(Checker *c, const VerifyRequest *request, Verifier *v, int cancel_fd)
{
    const AuthorityList *authorities;
    const PeerTrustpoint *t;
    RevocationPolicy policy;
    bool of_trustpoint;
    int r = find_path(c, v, &authorities);

    if (r < 0 || !c->verdict.valid)
        return r;
    of_trustpoint = authorities != c->authorities;
    t = find_trustpoint(c, v, of_trustpoint);
    policy = find_policy(c, request, t, of_trustpoint);
    /* For whom it is done has a say too, wherever the path ends. */
    if (!is_for_this_use(c, t, v) ||
        (c->preferred && !is_for_this_use(c, trustpoints_find(c->trustpoints, c->preferred), v)))
        return 0;
    crl_work_begin(&c->work, cancel_fd);
    c->work.authorities[0] = c->trustpoints->authorities;
    c->work.authorities[1] = c->authorities;
    c->work.answers = c->answers;
    if (!c->may_fetch)
        c->work.fetch = NULL;
    r = revocation_check(v, authorities, &policy, &c->work, &c->verdict);
    return r < 0 ? r : note_end(c, v);
}

int checker_run(Checker *c, const VerifyRequest *request, int cancel_fd, const char **ret_reason)
{
    _cleanup_(verifier_freep) Verifier *v = NULL;
    int r = verifier_new(request, &v, ret_reason);

    if (r < 0)
        return r;
    if (!c->trustpoints)
        r = trustpoints_ask(c->former, cancel_fd, &c->trustpoints);
    if (r == -ECANCELED)
        return r;
    if (r < 0) {
        *ret_reason = "whom the trustpoints trust is not known, enrolld does not answer";
        return -EHOSTDOWN;
    }
    return verify(c, request, v, cancel_fd);
}

/* CRLs themselves never come by https. */
int checker_judge(void *userdata, const FetchServer *server, int cancel_fd, char **ret_reason)
{
    const VerifyRequest request = {.data = server->certificates,
                                   .size = server->certificates_size,
                                   .purpose = "tls-server",
                                   .time = time(NULL),
                                   .lenient = true,
                                   .staple = {server->staple, server->staple_size}};
    Checker *checker = userdata;
    const char *reason = NULL;
    int r = checker_run(checker, &request, cancel_fd, &reason);

    if (r >= 0 && checker->verdict.valid)
        return 1;
    if (r < 0 && !reason)
        return r;
    if (r >= 0 && verify_lacks_crl(&checker->verdict) && checker->work.problem)
        r = asprintf(ret_reason, "%s (%s)", checker->verdict.reason, checker->work.problem);
    else
        r = asprintf(ret_reason, "%s", reason ?: checker->verdict.reason);
    return r < 0 ? -ENOMEM : 0;
}

/* --- In the main loop ------------------------------------------------------------------------- */

int checker_prepare(const Poold *poold, Checker *ret)
{
    *ret = (Checker){.authorities = authority_list_ref(pool_get_active(poold->pool)),
                     .answers = poold->answers,
                     .pool_optional = poold->policy->crl_optional,
                     .may_fetch = true};
    ret->trustpoints = trustpoint_cache_get(poold->trustpoints, &ret->asked);
    ret->former = trustpoint_cache_former(poold->trustpoints);
    return crl_jobs_prepare(poold, false, &ret->work);
}

void checker_keep(const Checker *c, Poold *poold, const char *user)
{
    crl_jobs_keep(poold, &c->work, user);
    if (c->trustpoints)
        trustpoint_cache_put(poold->trustpoints, c->asked, c->trustpoints);
}

void checker_done(Checker *c)
{
    crl_work_done(&c->work);
    trustpoints_free(c->trustpoints);
    trustpoints_free(c->former);
    authority_list_unref(c->authorities);
    authority_list_free(c->cas);
    *c = (Checker){.authorities = NULL};
}
