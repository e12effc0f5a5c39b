/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment over CMP with OpenSSL's client, which gets its answers from chancery-fetch and its
 * signatures from keyd. The first certificate is asked for under a shared secret, any other with
 * the one that is there. What a transaction has come to is in memory, beside the request: who comes
 * back without it begins another one. */
#include <openssl/cmp.h>
#include <openssl/cmperr.h>

#include "cmp-message.h"
#include "enrolld.h"
#include "errors.h"
#include "fetch-client.h"
#include "fetch-message.h"
#include "keyd-client.h"
#include "server-method.h"

#define TIMEOUT_SECONDS 60U

typedef struct Session {
    OSSL_CMP_CTX *cmp;
    int type; /* OSSL_CMP_IR, ... */
    /* Of the job that has it. */
    const ServerJob *job;
    ServerAsk *ask;
    Job *work;
    int cancel_fd;
    int error; /* of our own; the reason says more */
} Session;

static void session_free(void *data)
{
    Session *s = data;

    if (!s)
        return;
    OSSL_CMP_CTX_free(s->cmp);
    free(s);
}

static void session_freep(Session **s)
{
    session_free(*s);
}

/* Remembers why, for after OpenSSL has given up. */
static int _printf_(3, 4) explain(Session *s, int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(s->ask->reason, sizeof(s->ask->reason), format, ap);
    va_end(ap);
    s->error = error;
    return error;
}

/* --- Called by OpenSSL ------------------------------------------------------------------------ */

static int post(Session *s, const void *data, size_t size, FetchReply *reply)
{
    _cleanup_free_ char *url = NULL;
    FetchRequest request = {.body = data,
                            .body_size = size,
                            .content_type = "application/pkixcmp",
                            .size_max = CMP_REPLY_MAX,
                            .timeout_seconds = TIMEOUT_SECONDS,
                            .route = &s->job->route};
    char said[SERVER_REASON_SIZE / 2];
    const char *why = "";
    DerSpan answer;
    int r = cmp_url_new(s->job->url, &url);

    if (r < 0)
        return r;
    request.url = url;
    r = fetch_in_session(s->job->session, &request, s->cancel_fd, reply);
    if (r == -EMSGSIZE)
        return explain(s, r, "the answer of %.200s is larger than %u KiB", url,
                       CMP_REPLY_MAX >> 10);
    if (r < 0)
        return explain(s, reply->lost ? -ENOLINK : r, "%.200s cannot be reached: %.200s", url,
                       reply->error ? reply->error : strerror(-r));
    if (reply->status != 200)
        return explain(
            s, -EHOSTUNREACH, "%.200s answered with HTTP status %u%s", url, reply->status,
            reply->status >= 300 && reply->status < 400 ? ", a redirection, which is not followed"
                                                        : "");
    answer = (DerSpan){reply->body, reply->body_size};
    r = cmp_reply_check(reply->content_type, (DerSpan){data, size}, answer, s->job->now, &why);
    if (r < 0 && cmp_reply_hearsay(answer, said, sizeof(said)))
        return explain(s, r, "the answer cannot be used: %s, and may be from anybody: %s", why,
                       fetch_clean_text(said));
    return r < 0 ? explain(s, r, "the answer cannot be used: %s", why) : 0;
}

static OSSL_CMP_MSG *transfer(OSSL_CMP_CTX *cmp, const OSSL_CMP_MSG *request)
{
    Session *s = OSSL_CMP_CTX_get_transfer_cb_arg(cmp);
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    _cleanup_openssl_free_ unsigned char *der = NULL;
    OSSL_CMP_MSG *answer;
    const unsigned char *p;
    int size = i2d_OSSL_CMP_MSG(request, &der);

    if (size <= 0 || post(s, der, (size_t)size, &reply) < 0)
        return NULL;
    p = reply.body;
    answer = d2i_OSSL_CMP_MSG(NULL, &p, (long)reply.body_size);
    if (answer && p == (const unsigned char *)reply.body + reply.body_size)
        return answer;
    OSSL_CMP_MSG_free(answer);
    (void)explain(s, -EBADMSG, "the answer cannot be used: it is no CMP message");
    return NULL;
}

/* poold has a say before the CA is told. */
static int admit(const Session *s, X509 *certificate)
{
    _cleanup_(received_done) ReceivedList list = {.n = 0};
    _cleanup_free_ void *der = NULL;
    const char *why;
    size_t size;
    int r = certificate_encode(certificate, &der, &size);

    if (r >= 0)
        r = received_add(&list, der, size, &why);
    return r < 0 ? r : server_admit(s->work, s->job, s->ask, &list);
}

/* The CA is told whether the certificate is taken, which is why it is never asked to go without. */
static int confirm(OSSL_CMP_CTX *cmp, X509 *certificate, int fail_info, const char **ret_text)
{
    Session *s = OSSL_CMP_CTX_get_certConf_cb_arg(cmp);
    const ReceivedRules rules = {.now = s->job->now};
    const char *why = "";
    int r =
        received_check_answer(certificate, s->job->authority, s->ask->request->x509, &rules, &why);

    /* F10 */
    if (r >= 0 && s->job->renewed &&
        ASN1_INTEGER_cmp(X509_get0_serialNumber(s->job->renewed),
                         X509_get0_serialNumber(certificate)) == 0) {
        why = "it is the one that is there already";
        r = -EKEYREJECTED;
    }
    if (r >= 0) {
        s->error = admit(s, certificate);
        if (s->error >= 0)
            return fail_info;
        *ret_text = server_refusal(s->ask);
        return OSSL_CMP_CTX_FAILINFO_incorrectData;
    }
    s->ask->is_refused = true;
    (void)explain(s, r, SERVER_REFUSED_WORDS "%s", why);
    *ret_text = why;
    return OSSL_CMP_CTX_FAILINFO_incorrectData;
}

static int say_nothing(const char *function, const char *file, int line, OSSL_CMP_severity level,
                       const char *text)
{
    return 1;
}

/* --- Sessions --------------------------------------------------------------------------------- */

static bool is_among(const STACK_OF(X509_OBJECT) * objects, const X509 *x)
{
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (one && X509_cmp(one, x) == 0)
            return true;
    }
    return false;
}

/* RFC 6402 section 2.10 */
static bool is_for_cmp(X509 *x)
{
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_ASN1_OBJECT_num(usage); i++) {
        int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));

        found = nid == NID_cmcCA || nid == NID_cmcRA;
    }
    EXTENDED_KEY_USAGE_free(usage);
    return found;
}

/* Any router has a certificate of that CA: one that speaks for the CA is its own, came with it, or
 * says what it is for. */
static int judge_signer(int ok, X509_STORE_CTX *path)
{
    X509_STORE *store = X509_STORE_CTX_get0_store(path);
    X509 *x = X509_STORE_CTX_get_current_cert(path);

    if (!ok || X509_STORE_CTX_get_error_depth(path) != 0 ||
        is_among(X509_STORE_get0_objects(store), x) || is_for_cmp(x))
        return ok;
    X509_STORE_CTX_set_error(path, X509_V_ERR_INVALID_PURPOSE);
    return 0;
}

/* Whose signatures are believed. */
static int set_trust(Session *s)
{
    const ServerJob *j = s->job;
    X509_STORE *store = X509_STORE_new();
    bool ok = store && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
              X509_STORE_add_cert(store, j->authority) == 1;

    for (size_t i = 0; ok && i < j->n_others; i++)
        ok = X509_STORE_add_cert(store, j->others[i]) == 1;
    if (ok)
        X509_STORE_set_verify_cb(store, judge_signer);
    if (ok && OSSL_CMP_CTX_set0_trustedStore(s->cmp, store) == 1)
        return 0;
    X509_STORE_free(store);
    return -ENOMEM;
}

static int load_key(Session *s, const KeyName *name, EVP_PKEY **ret)
{
    const char *pair = name->pair == PAIR_GENERAL ? "signature" : key_pair_name(name->pair);
    int r = keyd_pair_new(s->job->manager->context, name->algorithm, name->label, pair, "cmp", ret);

    return r < 0 ? explain(s, r, "the %s key '%s' cannot be used: %s", name->algorithm, name->label,
                           keyd_last_error())
                 : 0;
}

/* RFC 9483: with the secret that somebody has given, or with the certificate that is there. */
static int set_protection(Session *s)
{
    const ServerJob *j = s->job;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    time_t now = (time_t)j->now;
    int r;

    if (j->secret && !s->ask->request->renewal) {
        s->type = OSSL_CMP_IR;
        return OSSL_CMP_CTX_set1_referenceValue(s->cmp, (const unsigned char *)j->identity,
                                                (int)strlen(j->identity)) == 1 &&
                       OSSL_CMP_CTX_set1_secretValue(s->cmp, (const unsigned char *)j->secret,
                                                     (int)strlen(j->secret)) == 1
                   ? 0
                   : -ENOMEM;
    }
    if (!j->renewed || X509_cmp_time(X509_get0_notAfter(j->renewed), &now) <= 0)
        return explain(
            s, -ENODATA,
            "without a certificate that is valid, the CA knows the router by a reference "
            "and a shared secret only: crypto ca enroll %s",
            j->trustpoint);
    s->type = s->ask->request->renewal ? OSSL_CMP_KUR : OSSL_CMP_CR;
    r = load_key(s, &j->renewed_key, &key);
    if (r < 0)
        return r;
    if (OSSL_CMP_CTX_set1_cert(s->cmp, j->renewed) != 1 ||
        OSSL_CMP_CTX_set1_pkey(s->cmp, key) != 1 ||
        (s->type == OSSL_CMP_KUR && OSSL_CMP_CTX_set1_oldCert(s->cmp, j->renewed) != 1))
        return -ENOMEM;
    return 0;
}

static int set_template(Session *s)
{
    const Request *request = s->ask->request;
    X509_EXTENSIONS *extensions = X509_REQ_get_extensions(request->x509);
    EVP_PKEY *key = NULL;
    int r = load_key(s, &request->key, &key);

    if (r >= 0 && OSSL_CMP_CTX_set0_newPkey(s->cmp, 1, key) != 1) {
        EVP_PKEY_free(key);
        r = -ENOMEM;
    }
    if (r >= 0 &&
        OSSL_CMP_CTX_set1_subjectName(s->cmp, X509_REQ_get_subject_name(request->x509)) != 1)
        r = -ENOMEM;
    if (r >= 0 && extensions && OSSL_CMP_CTX_set0_reqExtensions(s->cmp, extensions) == 1)
        return 0;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return r;
}

static bool set_options(Session *s)
{
    OSSL_CMP_CTX *cmp = s->cmp;

    return OSSL_CMP_CTX_set_log_cb(cmp, say_nothing) == 1 &&
           OSSL_CMP_CTX_set_transfer_cb(cmp, transfer) == 1 &&
           OSSL_CMP_CTX_set_transfer_cb_arg(cmp, s) == 1 &&
           OSSL_CMP_CTX_set_certConf_cb(cmp, confirm) == 1 &&
           OSSL_CMP_CTX_set_certConf_cb_arg(cmp, s) == 1 &&
           OSSL_CMP_CTX_set_option(cmp, OSSL_CMP_OPT_DIGEST_ALGNID, OBJ_txt2nid(s->job->digest)) ==
               1 &&
           OSSL_CMP_CTX_set_option(cmp, OSSL_CMP_OPT_OWF_ALGNID, NID_sha256) == 1 &&
           OSSL_CMP_CTX_set_option(cmp, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256) == 1 &&
           OSSL_CMP_CTX_set1_recipient(cmp, X509_get_subject_name(s->job->authority)) == 1;
}

static void session_take(Session *s, Job *job, const ServerJob *j, ServerAsk *ask)
{
    s->job = j;
    s->ask = ask;
    s->work = job;
    s->cancel_fd = job_cancel_fd(job);
    s->error = 0;
}

static int session_new(Job *job, const ServerJob *j, ServerAsk *ask)
{
    _cleanup_(session_freep) Session *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return -ENOMEM;
    session_take(s, job, j, ask);
    s->cmp = OSSL_CMP_CTX_new(j->manager->context, NULL);
    if (!s->cmp || !set_options(s))
        return -ENOMEM;
    r = set_trust(s);
    if (r >= 0)
        r = set_protection(s);
    if (r >= 0)
        r = set_template(s);
    if (r < 0)
        return r;
    request_set_session(ask->request, TAKE_PTR(s), session_free);
    return 0;
}

/* --- Transactions ----------------------------------------------------------------------------- */

static int take_certificate(Session *s)
{
    _cleanup_free_ void *der = NULL;
    const char *why = "";
    size_t size;
    int r = certificate_encode(OSSL_CMP_CTX_get0_newCert(s->cmp), &der, &size);

    if (r >= 0)
        r = received_add(&s->ask->certificates, der, size, &why);
    s->ask->result = SERVER_GRANTED;
    return r;
}

/* What it says about errors that come with others, in words of ours; NULL for others. */
static const char *name_error(unsigned long error)
{
    if (ERR_GET_LIB(error) != ERR_LIB_CMP)
        return NULL;
    switch (ERR_GET_REASON(error)) {
    case CMP_R_WRONG_PBM_VALUE:
        return "it is not protected with the shared secret: is that the right one?";
    case CMP_R_MISSING_PROTECTION:
        return "it is not protected";
    case CMP_R_ERROR_VALIDATING_SIGNATURE:
    case CMP_R_NO_SUITABLE_SENDER_CERT:
        return "it is signed neither by the CA nor by somebody with that task";
    default:
        return NULL;
    }
}

static int explain_error(Session *s)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error()), *known = NULL;
    unsigned long error;

    while (!known && (error = ERR_get_error()) != 0)
        known = name_error(error);
    return explain(s, -EKEYREJECTED, "the answer cannot be used: %s",
                   known ? known
                   : why ? why
                         : "no reason");
}

/* Why the CA said no: names of failures, then its own words. */
static void take_refusal(Session *s)
{
    OSSL_CMP_PKIFREETEXT *texts = OSSL_CMP_CTX_get0_statusString(s->cmp);
    int bits = OSSL_CMP_CTX_get_failInfoCode(s->cmp);
    char text[SERVER_REASON_SIZE / 2] = "";
    const char *before = ""; /* what comes next */
    size_t n = 0;

    for (unsigned i = 0; bits > 0 && i < CMP_FAILURES && n < sizeof(text); i++)
        if (bits & 1 << i) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", before, cmp_failures[i]);
            before = ", ";
        }
    if (n > 0)
        before = ": ";
    for (int i = 0; i < sk_ASN1_UTF8STRING_num(texts) && n < sizeof(text); i++) {
        const ASN1_UTF8STRING *words = sk_ASN1_UTF8STRING_value(texts, i);

        n +=
            (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", before,
                             ASN1_STRING_length(words), (const char *)ASN1_STRING_get0_data(words));
        before = ", ";
    }
    (void)explain(s, 0, "%s", n > 0 ? fetch_clean_text(text) : "it gives no reason");
}

/* What OpenSSL, or the CA, says of it. */
static int take_failure(Session *s)
{
    if (s->error < 0)
        return s->error;
    if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_PROV && keyd_last_errno() < 0)
        return explain(s, keyd_last_errno(), "the request cannot be signed: %s", keyd_last_error());
    if (OSSL_CMP_CTX_get_status(s->cmp) == OSSL_CMP_PKISTATUS_rejection) {
        s->ask->result = SERVER_REFUSED;
        take_refusal(s);
        return 0;
    }
    return explain_error(s);
}

static int exchange(Job *job, ServerJob *j, ServerAsk *ask)
{
    Session *s;
    int wait = 0, r;

    r = ask->request->session ? 0 : session_new(job, j, ask);
    if (r < 0)
        return r;
    s = ask->request->session;
    session_take(s, job, j, ask);
    ERR_clear_error();
    r = OSSL_CMP_try_certreq(s->cmp, s->type, NULL, &wait);
    if (r < 0) {
        ask->result = SERVER_PENDING;
        ask->pause = wait > 0 ? (unsigned)wait : 0;
        return 0;
    }
    r = r > 0 ? take_certificate(s) : take_failure(s);
    ERR_clear_error();
    request_set_session(ask->request, NULL, NULL);
    return r;
}

static int begin(Job *job, ServerJob *j)
{
    return 0;
}

/* For what is checked of the answer; what goes out is made of it. */
static int prepare(Job *job, ServerJob *j, const KeyName *name, ServerAsk *ask)
{
    int r;

    if (j->n_keys > 1) {
        (void)snprintf(ask->reason, sizeof(ask->reason),
                       "usage keys are not enrolled over CMP: use a general purpose key");
        return -EOPNOTSUPP;
    }
    r = server_make_request(job, j, METHOD_CMP, name, NULL, &ask->request);
    return r < 0 ? r : session_new(job, j, ask);
}

const ServerMethod method_cmp = {
    .begin = begin,
    .prepare = prepare,
    .send = exchange,
    .poll = exchange,
};
