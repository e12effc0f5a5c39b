/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-work.h"

#include <stdarg.h>
#include <time.h>

#include "clock.h"
#include "crl-reply.h"

#define URL_SHOWN 200
#define CRL_TRIES 3U /* as many servers may take all their time */

void crl_work_begin(CrlWork *work, int cancel_fd)
{
    uint64_t seconds;

    work->fetch = fetch;
    work->cancel_fd = cancel_fd;
    work->now = time(NULL);
    work->good_until = INT64_MAX;
    if (work->fetch_seconds == 0)
        work->fetch_seconds = CRL_TIMEOUT_DEFAULT;
    seconds = CRL_TRIES * work->fetch_seconds;
    work->deadline = clock_usec(CLOCK_BOOTTIME) +
                     (seconds > CRL_WORK_SECONDS ? seconds : CRL_WORK_SECONDS) * USEC_PER_SEC;
}

void crl_work_done(CrlWork *work)
{
    crl_list_done(&work->known);
    crl_list_done(&work->fetched);
    crl_list_done(&work->relied);
    for (char **p = work->paused; p && *p; p++)
        free(*p);
    free(work->paused);
    for (size_t i = 0; i < work->n_attempts; i++)
        free(work->attempts[i].url);
    free(work->problem);
    *work = (CrlWork){0};
}

static int miss(CrlWork *work, const char *url, const char *format, ...) _printf_(3, 4);

/* Returns 0: it is not there, and others may be. */
static int miss(CrlWork *work, const char *url, const char *format, ...)
{
    _cleanup_free_ char *why = NULL;
    char *problem;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&why, format, ap);
    va_end(ap);
    if (n < 0 || asprintf(&problem, "%.*s: %s", URL_SHOWN, url, why) < 0)
        return -ENOMEM;
    free(work->problem);
    work->problem = problem;
    return 0;
}

/* --- Whose it is ------------------------------------------------------------------------------ */

static int try_authority(const Authority *authority, X509_CRL *list, X509 **ret)
{
    _cleanup_(x509_stack_freep) STACK_OF(X509) *one = sk_X509_new_null();
    X509 *certificate = NULL;
    int r = one ? certificate_parse(authority->der, authority->der_size, &certificate) : -ENOMEM;

    if (r < 0)
        return r;
    if (sk_X509_push(one, certificate) <= 0) {
        X509_free(certificate);
        return -ENOMEM;
    }
    if (!crl_find_signer(list, one))
        return 0;
    *ret = sk_X509_shift(one);
    return 1;
}

static int find_authority(const AuthorityList *authorities, X509_CRL *list, X509 **ret)
{
    const X509_NAME *name = X509_CRL_get_issuer(list);
    const Authority *authority;
    unsigned long hash;
    size_t at = 0;
    int r = authority_hash_name(name, &hash);

    while (r == 0 && (authority = authority_list_next_named(authorities, name, hash, &at)))
        r = try_authority(authority, list, ret);
    return r;
}

/* The caller frees the certificate; NULL when nobody has signed it who is trusted. */
static int find_signer(const CrlWork *work, X509_CRL *list, X509 **ret)
{
    X509 *signer = crl_find_signer(list, work->signers);

    if (signer) {
        if (!X509_up_ref(signer))
            return -ENOMEM;
        *ret = signer;
        return 0;
    }
    for (size_t i = 0; i < ELEMENTSOF(work->authorities); i++) {
        int r = work->authorities[i] ? find_authority(work->authorities[i], list, ret) : 0;

        if (r != 0)
            return r < 0 ? r : 0;
    }
    *ret = NULL;
    return 0;
}

/* --- What is taken ---------------------------------------------------------------------------- */

static Crl **find_slot(const CrlList *list, const Crl *crl)
{
    for (size_t i = 0; i < list->n; i++)
        if (memcmp(list->items[i]->slot, crl->slot, sizeof crl->slot) == 0)
            return &list->items[i];
    return NULL;
}

static int keep(CrlWork *work, const char *url, Crl *crl)
{
    Crl **fetched = find_slot(&work->fetched, crl), **known = find_slot(&work->known, crl);

    if ((fetched && crl_compare(crl, *fetched) < 0) || (known && crl_compare(crl, *known) < 0)) {
        crl_free(crl);
        return miss(work, url, "it is older than the CRL that is there");
    }
    if (fetched) {
        crl_free(*fetched);
        *fetched = crl;
        return 1;
    }
    if (crl_list_append(&work->fetched, crl) < 0) {
        crl_free(crl);
        return -ENOMEM;
    }
    return 1;
}

static int take(CrlWork *work, const char *url, DerSpan der)
{
    _cleanup_(X509_CRL_freep) X509_CRL *list = NULL;
    _cleanup_(X509_freep) X509 *signer = NULL;
    _cleanup_(crl_freep) Crl *crl = NULL;
    const char *reason = "";
    int r;

    r = crl_parse(der, &list, &reason);
    if (r == -EBADMSG)
        return miss(work, url, "%s", reason);
    if (r >= 0)
        r = find_signer(work, list, &signer);
    if (r < 0)
        return r;
    if (!signer)
        return miss(work, url, "nobody has signed it who is trusted to");
    r = crl_new(der, signer, url, &crl, &reason);
    if (r >= 0)
        r = crl_check_time(crl, work->now, &reason);
    if (r < 0)
        return r == -ENOMEM ? r : miss(work, url, "%s", reason);
    return keep(work, url, TAKE_PTR(crl));
}

static int take_all(CrlWork *work, const char *url, const FetchReply *reply)
{
    _cleanup_(crl_reply_done) CrlReply lists = {0};
    const char *reason = "";
    int r, taken = 0;

    r = crl_reply_read((DerSpan){reply->body, reply->body_size}, &lists, &reason);
    if (r < 0)
        return r == -EBADMSG ? miss(work, url, "%s", reason) : r;
    for (size_t i = 0; i < lists.n; i++) {
        r = take(work, url, (DerSpan){lists.data[i], lists.size[i]});
        if (r < 0)
            return r;
        taken += r;
    }
    return taken;
}

/* --- Fetching --------------------------------------------------------------------------------- */

static unsigned seconds_left(const CrlWork *work)
{
    uint64_t now = clock_usec(CLOCK_BOOTTIME),
             left = now < work->deadline ? (work->deadline - now) / USEC_PER_SEC : 0;

    return left < work->fetch_seconds ? (unsigned)left : work->fetch_seconds;
}

static bool is_paused(const CrlWork *work, const char *url)
{
    for (char **p = work->paused; p && *p; p++)
        if (streq(*p, url))
            return true;
    return false;
}

static CrlAttempt *find_attempt(CrlWork *work, const char *url)
{
    for (size_t i = 0; i < work->n_attempts; i++)
        if (streq(work->attempts[i].url, url))
            return &work->attempts[i];
    return NULL;
}

static int get(const CrlWork *work, const FetchRequest *request, FetchReply *reply)
{
    if (strncmp(request->url, CRL_SCEP_PREFIX, STRLEN(CRL_SCEP_PREFIX)) != 0)
        return work->fetch(request, work->cancel_fd, reply);
    return work->scep ? work->scep(request->url + STRLEN(CRL_SCEP_PREFIX), work->cancel_fd, reply)
                      : -EOPNOTSUPP;
}

/* Returns 1 with what the server has, -ENODATA when there is nothing to ask with. name: of the
 * attempt. */
static int download(CrlWork *work, const char *name, FetchRequest *request, FetchReply *reply,
                    CrlAttempt **ret_attempt)
{
    CrlAttempt *attempt;
    int r;

    request->timeout_seconds = seconds_left(work);
    request->route = &work->route;
    if (!work->fetch || find_attempt(work, name))
        return 0;
    if (is_paused(work, name))
        return miss(work, request->url, "it has failed a short while ago");
    if (request->timeout_seconds < FETCH_TIMEOUT_MIN || work->n_attempts == CRL_URLS_MAX)
        return miss(work, request->url, "there was no time left for it");
    attempt = &work->attempts[work->n_attempts];
    *attempt = (CrlAttempt){.url = strdup(name)};
    if (!attempt->url)
        return -ENOMEM;
    work->n_attempts++;
    *ret_attempt = attempt;
    r = get(work, request, reply);
    if (r == -ENODATA)
        return r;
    if (r == -EMSGSIZE)
        return miss(work, request->url, "it is too large");
    if (r == -EHOSTUNREACH)
        return miss(work, request->url, "%s", reply->error);
    if (r < 0)
        return r == -ENOMEM || r == -ECANCELED ? r : miss(work, request->url, "%s", strerror(-r));
    if (reply->status != 200)
        return miss(work, request->url, "the server answered with HTTP status %u", reply->status);
    return 1;
}

static int fetch_lists(CrlWork *work, const char *url)
{
    FetchRequest request = {.url = url, .size_max = CRL_SIZE_MAX * 3 / 2};
    _cleanup_(fetch_reply_done) FetchReply reply = {0};
    CrlAttempt *attempt;
    int r = download(work, url, &request, &reply, &attempt);

    if (r <= 0)
        return r;
    r = take_all(work, url, &reply);
    attempt->good = r > 0;
    return r;
}

int crl_work_fetch(CrlWork *work, const char *url)
{
    int r = fetch_lists(work, url);

    return r == -ENODATA ? miss(work, url, "there is no certificate to ask with any more") : r;
}

static int fetch_scep(CrlWork *work, const char *url)
{
    size_t before = work->n_attempts;
    int r = fetch_lists(work, url);

    /* Then nobody has been asked. */
    if (r == -ENODATA && work->n_attempts > before) {
        free(work->attempts[--work->n_attempts].url);
        work->attempts[work->n_attempts] = (CrlAttempt){.url = NULL};
    }
    return r;
}

/* Another worker has got it, and keeps it. */
static int learn(CrlWork *work, Crl *crl)
{
    Crl **fetched = find_slot(&work->fetched, crl), **known = find_slot(&work->known, crl);

    if ((fetched && crl_compare(crl, *fetched) <= 0) || (known && crl_compare(crl, *known) <= 0))
        return 0;
    if (known) {
        crl_free(*known);
        *known = crl_ref(crl);
        return 1;
    }
    if (crl_list_append(&work->known, crl_ref(crl)) < 0) {
        crl_free(crl);
        return -ENOMEM;
    }
    return 1;
}

static int learn_all(CrlWork *work, const CrlList *lists)
{
    int n = 0;

    for (size_t i = 0; i < lists->n; i++) {
        int r = learn(work, lists->items[i]);

        if (r < 0)
            return r;
        n += r;
    }
    return n;
}

static CrlOutcome outcome_of(int r, bool was_tried)
{
    if (r > 0)
        return CRL_CAME;
    return was_tried && r != -ECANCELED ? CRL_FAILED : CRL_NOT_ASKED;
}

static void tell_others(CrlWork *work, const CrlAsker *asker, const char *url, CrlOutcome outcome)
{
    CrlList lists = {0}; /* borrows */

    for (size_t i = 0; i < work->fetched.n; i++)
        if (streq(work->fetched.items[i]->url, url))
            (void)crl_list_append(&lists, work->fetched.items[i]);
    crl_question_end(work->questions, asker, outcome, &lists);
    free(lists.items);
}

static int fetch_once(CrlWork *work, const CrlAsker *asker, const char *url)
{
    _cleanup_(crl_list_done) CrlList lists = {0};
    size_t before = work->n_attempts;
    int r = crl_question_begin(work->questions, asker, work->cancel_fd, work->deadline, &lists);

    if (r == 0)
        return learn_all(work, &lists);
    if (r == -EHOSTDOWN) /* what has failed here says more */
        return work->problem ? 0 : miss(work, url, "its server has failed a short while ago");
    if (r == -ETIMEDOUT)
        return miss(work, url, "there was no time left for it");
    if (r < 0)
        return r;
    r = fetch_scep(work, url);
    tell_others(work, asker, url, outcome_of(r, work->n_attempts > before));
    return r;
}

int crl_work_fetch_scep(CrlWork *work, const CrlAsker *asker)
{
    _cleanup_free_ char *url = NULL;

    if (!work->fetch)
        return 0;
    if (asprintf(&url, CRL_SCEP_PREFIX "%s", asker->trustpoint) < 0)
        return -ENOMEM;
    return work->questions ? fetch_once(work, asker, url) : fetch_scep(work, url);
}

/* --- OCSP ------------------------------------------------------------------------------------- */

static int ask(CrlWork *work, const char *url, const char *name, const OcspQuery *query,
               OcspAnswer *ret)
{
    FetchRequest request = {.url = url,
                            .body = query->der,
                            .body_size = query->size,
                            .content_type = "application/ocsp-request",
                            .size_max = OCSP_SIZE_MAX};
    _cleanup_(fetch_reply_done) FetchReply reply = {0};
    const char *reason = "";
    CrlAttempt *attempt;
    int r = download(work, name, &request, &reply, &attempt);

    if (r <= 0)
        return r;
    r = ocsp_answer_read(query, (DerSpan){reply.body, reply.body_size}, work->now, ret, &reason);
    if (r < 0)
        return r == -EBADMSG ? miss(work, url, "%s", reason) : r;
    attempt->good = true;
    return 1;
}

static char *name_question(const char *url, const uint8_t key[OCSP_KEY_SIZE])
{
    char hex[2 * OCSP_KEY_SIZE + 1], *name;

    for (size_t i = 0; i < OCSP_KEY_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)key[i]);
    return asprintf(&name, "%s#%s", url, hex) < 0 ? NULL : name;
}

static void keep_answer(CrlWork *work, const uint8_t key[OCSP_KEY_SIZE], const OcspAnswer *answer)
{
    if (!work->answers)
        return;
    ocsp_cache_put(work->answers, key, answer);
    work->has_answer = true;
}

static int found(CrlWork *work, const OcspAnswer *answer)
{
    if (answer->next_update < work->good_until)
        work->good_until = answer->next_update;
    return 1;
}

int crl_work_ask(CrlWork *work, const char *url, X509 *certificate, X509 *issuer, OcspAnswer *ret)
{
    _cleanup_(ocsp_query_done) OcspQuery query = {0};
    _cleanup_free_ char *name = NULL;
    uint8_t key[OCSP_KEY_SIZE];
    int r = ocsp_cache_key(certificate, issuer, key);

    if (r < 0)
        return r;
    if (work->answers && ocsp_cache_get(work->answers, key, work->now, ret))
        return found(work, ret);
    name = name_question(url, key);
    r = name ? ocsp_query_new(certificate, issuer, &query) : -ENOMEM;
    if (r >= 0)
        r = ask(work, url, name, &query, ret);
    if (r > 0)
        keep_answer(work, key, ret);
    return r > 0 ? found(work, ret) : r;
}

int crl_work_heed(CrlWork *work, DerSpan answer, X509 *certificate, X509 *issuer, OcspAnswer *ret)
{
    _cleanup_(ocsp_query_done) OcspQuery query = {0};
    uint8_t key[OCSP_KEY_SIZE];
    const char *reason = "";
    int r = ocsp_cache_key(certificate, issuer, key);

    if (r >= 0)
        r = ocsp_query_new(certificate, issuer, &query);
    if (r >= 0)
        r = ocsp_answer_read(&query, answer, work->now, ret, &reason);
    if (r < 0)
        return r == -EBADMSG ? miss(work, "the OCSP answer that came along", "%s", reason) : r;
    keep_answer(work, key, ret);
    return found(work, ret);
}

/* --- Points and lists ------------------------------------------------------------------------- */

int crl_work_fetch_point(CrlWork *work, const CrlPoint *point)
{
    for (size_t i = 0; i < point->n; i++) {
        const CrlAttempt *attempt = find_attempt(work, point->urls[i]);

        if (attempt && attempt->good)
            return 0;
    }
    for (size_t i = 0; i < point->n; i++) {
        int r = crl_work_fetch(work, point->urls[i]);

        if (r != 0)
            return r;
    }
    return 0;
}

int crl_work_lists(const CrlWork *work, Crl ***ret, size_t *ret_n)
{
    Crl **all = calloc(work->known.n + work->fetched.n + 1, sizeof(Crl *));
    size_t n = 0;

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < work->fetched.n; i++)
        all[n++] = work->fetched.items[i];
    for (size_t i = 0; i < work->known.n; i++)
        if (!find_slot(&work->fetched, work->known.items[i]))
            all[n++] = work->known.items[i];
    *ret = all;
    *ret_n = n;
    return 0;
}

int crl_work_rely(CrlWork *work, Crl *crl)
{
    if (find_slot(&work->relied, crl))
        return 0;
    /* One that has expired decides nothing. */
    if (crl->next_update > work->now && crl->next_update < work->good_until)
        work->good_until = crl->next_update;
    if (crl_list_append(&work->relied, crl_ref(crl)) < 0) {
        crl_free(crl);
        return -ENOMEM;
    }
    return 0;
}
