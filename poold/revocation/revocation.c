/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation.h"

#include <strings.h>

#include "fetch-url.h"
#include "x509-render.h"

/* As often as a run may say what it lacks: for each certificate each of its points. */
#define ROUNDS_MAX ((VERIFY_DEPTH_MAX + 2U) * CRL_POINTS_MAX)

typedef struct Search {
    Verifier *v;
    const AuthorityList *authorities;
    const RevocationPolicy *policy;
    CrlWork *work;
    STACK_OF(X509) * path; /* the good one; what it is made of may sign CRLs */
    bool deltas_sought;
} Search;

/* --- What is handed over ---------------------------------------------------------------------- */

static void more_done(VerifyMore *more)
{
    sk_X509_CRL_pop_free(more->crls, X509_CRL_free);
    sk_X509_pop_free(more->others, X509_free);
}

static bool concerns(const Crl *crl, const STACK_OF(X509) * path)
{
    int ok;

    for (int i = 0; i < sk_X509_num(path); i++)
        if (X509_NAME_hash_ex(X509_get_issuer_name(sk_X509_value(path, i)), NULL, NULL, &ok) ==
            crl->issuer_hash)
            return true;
    return crl->indirect;
}

/* Another key of the same name: not a CRL of this CA. */
static bool is_of_namesake(X509_CRL *list, const STACK_OF(X509) * path)
{
    bool named = false;

    for (int i = 0; i < sk_X509_num(path); i++)
        named = named || X509_NAME_cmp(X509_get_subject_name(sk_X509_value(path, i)),
                                       X509_CRL_get_issuer(list)) == 0;
    return named && !crl_find_signer(list, path);
}

static int add_crl(Search *s, Crl *crl, VerifyMore *more)
{
    _cleanup_(X509_CRL_freep) X509_CRL *list = NULL;
    X509 *signer = NULL;
    const char *reason;
    int r = crl_parse((DerSpan){crl->der, crl->der_size}, &list, &reason);

    if (r < 0)
        return r;
    if (is_of_namesake(list, s->path))
        return 0;
    if (sk_X509_CRL_push(more->crls, list) <= 0)
        return -ENOMEM;
    (void)TAKE_PTR(list);
    r = crl_work_rely(s->work, crl);
    if (r < 0 || !crl->indirect)
        return r;
    r = certificate_parse(crl->signer, crl->signer_size, &signer);
    if (r >= 0 && sk_X509_push(more->others, signer) <= 0) {
        X509_free(signer);
        r = -ENOMEM;
    }
    return r;
}

static int collect(Search *s, VerifyMore *more)
{
    _cleanup_free_ Crl **lists = NULL;
    size_t n = 0;
    int r;

    more->crls = sk_X509_CRL_new_null();
    more->others = sk_X509_new_null();
    if (!more->crls || !more->others)
        return -ENOMEM;
    r = crl_work_lists(s->work, &lists, &n);
    for (size_t i = 0; r >= 0 && i < n; i++)
        if (concerns(lists[i], s->path))
            r = add_crl(s, lists[i], more);
    return r;
}

static int run(Search *s, VerifyVerdict *verdict)
{
    _cleanup_(more_done) VerifyMore more = {0};
    int r = collect(s, &more);

    return r < 0 ? r
                 : verifier_run(s->v, s->authorities, VERIFY_REVOCATION_REQUIRED, &more, verdict);
}

/* --- What is fetched -------------------------------------------------------------------------- */

/* Returns how many lists have come. */
static int fetch_next(Search *s, const X509 *certificate)
{
    _cleanup_(crl_points_done) CrlPoints points = {0};
    _cleanup_free_ char *url = NULL;
    int r;

    r = crl_points_read(certificate, NULL, NID_crl_distribution_points, s->policy->query_url,
                        &points);
    for (size_t i = 0; r == 0 && i < points.n; i++)
        r = crl_work_fetch_point(s->work, &points.points[i]);
    if (r != 0)
        return r;
    r = crl_points_directory(X509_get_issuer_name(certificate), s->policy->query_url, &url);
    r = r < 0 ? (r == -ENOENT ? 0 : r) : crl_work_fetch(s->work, url);
    if (r != 0 || !s->policy->scep.trustpoint ||
        X509_NAME_cmp(X509_get_issuer_name(certificate),
                      X509_get_subject_name(s->policy->scep_ca)) != 0)
        return r;
    r = crl_work_fetch_scep(s->work, &s->policy->scep);
    return r == -ENODATA ? 0 : r;
}

/* Is a delta from there that is still good? */
static bool has_current(const Search *s, const CrlPoint *point)
{
    const char *reason;

    for (size_t i = 0; i < s->work->known.n; i++)
        for (size_t k = 0; k < point->n; k++)
            if (streq(s->work->known.items[i]->url, point->urls[k]) &&
                crl_check_time(s->work->known.items[i], s->work->now, &reason) >= 0)
                return true;
    return false;
}

static int fetch_deltas_of(Search *s, const X509 *certificate, const X509_CRL *list)
{
    _cleanup_(crl_points_done) CrlPoints points = {0};
    int r = crl_points_read(certificate, list, NID_freshest_crl, s->policy->query_url, &points),
        n = 0;

    for (size_t i = 0; r >= 0 && i < points.n; i++) {
        if (has_current(s, &points.points[i]))
            continue;
        r = crl_work_fetch_point(s->work, &points.points[i]);
        n += r > 0 ? r : 0;
    }
    return r < 0 ? r : n;
}

/* That one is missing is no reason: the complete list is still good. */
static int fetch_deltas(Search *s)
{
    _cleanup_(more_done) VerifyMore more = {0};
    int r = collect(s, &more), n = 0;

    for (int i = 0; r >= 0 && i < sk_X509_num(s->path); i++) {
        r = fetch_deltas_of(s, sk_X509_value(s->path, i), NULL);
        n += r > 0 ? r : 0;
    }
    for (int i = 0; r >= 0 && i < sk_X509_CRL_num(more.crls); i++) {
        r = fetch_deltas_of(s, NULL, sk_X509_CRL_value(more.crls, i));
        n += r > 0 ? r : 0;
    }
    return r < 0 ? r : n;
}

/* --- Responders ------------------------------------------------------------------------------- */

static void strings_releasep(STACK_OF(OPENSSL_STRING) * *list)
{
    X509_email_free(*list);
}

static int ask_one(Search *s, const char *url, X509 *certificate, X509 *issuer, OcspAnswer *ret)
{
    const char *reason;

    if (strlen(url) > CRL_URL_MAX || fetch_url_check(url, &reason) < 0 ||
        strncasecmp(url, "http://", STRLEN("http://")) != 0)
        return 0;
    return crl_work_ask(s->work, url, certificate, issuer, ret);
}

/* What its issuer says about it. Returns 1 with the answer, 0 when there is none. */
static int ask_responders(Search *s, X509 *certificate, X509 *issuer, OcspAnswer *ret)
{
    _cleanup_(strings_releasep) STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(certificate);
    int r = 0;

    for (int i = 0; r == 0 && i < sk_OPENSSL_STRING_num(urls) && i < (int)OCSP_URLS_MAX; i++)
        r = ask_one(s, sk_OPENSSL_STRING_value(urls, i), certificate, issuer, ret);
    ERR_clear_error();
    return r;
}

static void set_revoked(VerifyVerdict *verdict)
{
    verdict->valid = false;
    verdict->error = X509_V_ERR_CERT_REVOKED;
    verdict->reason = X509_verify_cert_error_string(verdict->error);
}

/* --- Search ----------------------------------------------------------------------------------- */

/* There is no CRL of today for this certificate: a responder may know, and it may not matter. */
static int look_elsewhere(Search *s, VerifyVerdict *verdict)
{
    X509 *certificate = sk_X509_value(s->path, (int)verdict->depth),
         *issuer = sk_X509_value(s->path, (int)verdict->depth + 1);
    OcspAnswer answer = {0};
    int r = issuer ? ask_responders(s, certificate, issuer, &answer) : 0;

    if (r < 0)
        return r;
    if (r > 0 && answer.revoked) {
        set_revoked(verdict);
        return 0;
    }
    if (r == 0 && s->policy->revocation != VERIFY_REVOCATION_OPTIONAL)
        return 0;
    s->work->lacks |= r == 0;
    r = verifier_exempt(s->v, certificate);
    return r < 0 ? r : 1;
}

/* Returns 1 when there is more than before, 0 when the verdict is the last one. */
static int look_further(Search *s, VerifyVerdict *verdict)
{
    X509 *certificate = sk_X509_value(s->path, (int)verdict->depth);
    int r;

    if (verdict->valid) {
        if (s->deltas_sought)
            return 0;
        s->deltas_sought = true;
        r = fetch_deltas(s);
        return r > 0 ? 1 : r;
    }
    if (!verify_lacks_crl(verdict) || !certificate)
        return 0;
    r = fetch_next(s, certificate);
    return r == 0 ? look_elsewhere(s, verdict) : r < 0 ? r : 1;
}

/* Returns 1 when it has decided: about the first certificate nothing more is to be found. */
static int heed_staple(Search *s, VerifyVerdict *verdict)
{
    X509 *certificate = sk_X509_value(s->path, 0), *issuer = sk_X509_value(s->path, 1);
    OcspAnswer answer = {0};
    int r;

    if (s->policy->staple.size == 0 || !issuer)
        return 0;
    r = crl_work_heed(s->work, s->policy->staple, certificate, issuer, &answer);
    if (r <= 0)
        return r;
    if (answer.revoked) {
        set_revoked(verdict);
        return 1;
    }
    r = verifier_exempt(s->v, certificate);
    return r < 0 ? r : 0;
}

int revocation_check(Verifier *v, const AuthorityList *authorities, const RevocationPolicy *policy,
                     CrlWork *work, VerifyVerdict *verdict)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *path = X509_chain_up_ref(verifier_path(v));
    Search s = {v, authorities, policy, work, path, false};
    int r = path ? 0 : -ENOMEM;

    if (policy->revocation == VERIFY_REVOCATION_NONE)
        return 0;
    work->signers = path;
    if (r >= 0)
        r = heed_staple(&s, verdict);
    if (r != 0) {
        work->signers = NULL;
        return r < 0 ? r : 0;
    }
    for (unsigned i = 0; r >= 0 && i < ROUNDS_MAX; i++) {
        r = run(&s, verdict);
        if (r >= 0)
            r = look_further(&s, verdict);
        if (r == 0)
            break;
    }
    work->signers = NULL;
    return r < 0 ? r : 0;
}
