/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of OCSP responders, good ones and all that is wrong with others. */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "ocsp.h"

#define DAY 86400L

typedef struct Party {
    X509 *certificate;
    EVP_PKEY *key;
} Party;

static long serial = 100;

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_true(X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

/* issuer NULL: self-signed, a CA. usage: of the key, extended, for others; nocheck: RFC 6960
 * section 4.2.2.2.1. */
static Party make_party(const char *name, const Party *issuer, const char *usage, bool nocheck)
{
    Party p = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_get_subject_name(p.certificate);

    assert_true(X509_set_version(p.certificate, 2));
    (void)ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), ++serial);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1,
                                     0);
    assert_true(X509_set_issuer_name(
        p.certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject));
    (void)X509_gmtime_adj(X509_getm_notBefore(p.certificate), -DAY);
    (void)X509_gmtime_adj(X509_getm_notAfter(p.certificate), 30 * DAY);
    assert_true(X509_set_pubkey(p.certificate, p.key));
    extend(p.certificate, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (usage)
        extend(p.certificate, NID_ext_key_usage, usage);
    if (nocheck)
        extend(p.certificate, NID_id_pkix_OCSP_noCheck, "ignored");
    assert_true(X509_sign(p.certificate, issuer ? issuer->key : p.key, EVP_sha256()) > 0);
    return p;
}

static void party_done(Party *p)
{
    X509_free(p->certificate);
    EVP_PKEY_free(p->key);
}

static Party ca, stranger, leaf, other, responder, checked, unfit, foreign;

static int setup(void **state)
{
    ca = make_party("CA", NULL, NULL, false);
    stranger = make_party("CA", NULL, NULL, false);
    leaf = make_party("leaf", &ca, NULL, false);
    other = make_party("other", &ca, NULL, false);
    responder = make_party("responder", &ca, "OCSPSigning", true);
    checked = make_party("responder", &ca, "OCSPSigning", false);
    unfit = make_party("responder", &ca, "serverAuth", true);
    foreign = make_party("responder", &stranger, "OCSPSigning", true);
    return 0;
}

static int teardown(void **state)
{
    Party *all[] = {&ca, &stranger, &leaf, &other, &responder, &checked, &unfit, &foreign};

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        party_done(all[i]);
    return 0;
}

typedef enum Nonce {
    NONCE_SAME,
    NONCE_NONE,
    NONCE_OTHER,
} Nonce;

typedef struct AnswerRecipe {
    const Party *about, *signer; /* NULL: leaf, ca */
    int status;                  /* V_OCSP_CERTSTATUS_ */
    long begin, end;             /* from now; end 0: in a day */
    bool no_end;                 /* it does not say */
    Nonce nonce;
    bool sha1;
    int response_status;
} AnswerRecipe;

static ASN1_TIME *from_now(long seconds)
{
    return ASN1_GENERALIZEDTIME_adj(NULL, time(NULL), 0, seconds);
}

static unsigned char *make_answer(const AnswerRecipe *recipe, const OcspQuery *query, size_t *ret)
{
    const Party *signer = recipe->signer ?: &ca, *about = recipe->about ?: &leaf;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), about->certificate, ca.certificate);
    ASN1_TIME *begin = from_now(recipe->begin), *revoked = from_now(-DAY),
              *end = recipe->no_end ? NULL : from_now(recipe->end ?: DAY);
    OCSP_RESPONSE *response;
    unsigned char *der = NULL;
    int n;

    assert_non_null(OCSP_basic_add1_status(
        basic, id, recipe->status, 0, recipe->status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL,
        begin, end));
    if (recipe->nonce == NONCE_SAME)
        assert_true(OCSP_copy_nonce(basic, query->request) > 0);
    else if (recipe->nonce == NONCE_OTHER)
        assert_true(OCSP_basic_add1_nonce(basic, NULL, 16));
    assert_true(OCSP_basic_sign(basic, signer->certificate, signer->key,
                                recipe->sha1 ? EVP_sha1() : EVP_sha256(), NULL, 0));
    response =
        OCSP_response_create(recipe->response_status, recipe->response_status ? NULL : basic);
    n = i2d_OCSP_RESPONSE(response, &der);
    assert_true(n > 0);
    *ret = (size_t)n;
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(begin);
    ASN1_TIME_free(end);
    ASN1_TIME_free(revoked);
    return der;
}

/* words NULL: it counts. */
static void try_answer(const AnswerRecipe *recipe, const char *words, OcspAnswer *answer)
{
    _cleanup_(ocsp_query_done) OcspQuery query = {0};
    const char *reason = "";
    unsigned char *der;
    size_t size;
    int r;

    assert_int_equal(ocsp_query_new(leaf.certificate, ca.certificate, &query), 0);
    der = make_answer(recipe, &query, &size);
    r = ocsp_answer_read(&query, (DerSpan){der, size}, time(NULL), answer, &reason);
    OPENSSL_free(der);
    if (r != (words ? -EBADMSG : 0) || (words && !strstr(reason, words)))
        fail_msg("%d, '%s' instead of '%s'", r, reason, words ?: "");
}

static void test_good(void **state)
{
    const AnswerRecipe good[] = {
        {0},
        {.signer = &responder},
        {.nonce = NONCE_NONE},
        {.no_end = true},
    };
    OcspAnswer answer = {0};

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        try_answer(&good[i], NULL, &answer);
        assert_false(answer.revoked);
        assert_true(answer.next_update > time(NULL) && answer.this_update <= time(NULL));
        assert_string_equal(answer.responder, good[i].signer ? "CN=responder" : "CN=CA");
    }
    try_answer(&(AnswerRecipe){.status = V_OCSP_CERTSTATUS_REVOKED, .signer = &responder}, NULL,
               &answer);
    assert_true(answer.revoked);
}

static void test_bad(void **state)
{
    const struct {
        AnswerRecipe recipe;
        const char *words;
    } bad[] = {
        {{.signer = &stranger}, "nobody who may speak"},
        {{.signer = &foreign}, "nobody who may speak"},
        {{.signer = &unfit}, "nobody who may speak"},
        {{.signer = &leaf}, "nobody who may speak"},
        {{.signer = &checked}, "checked for revocation too"},
        {{.about = &other}, "another certificate"},
        {{.status = V_OCSP_CERTSTATUS_UNKNOWN}, "does not know"},
        {{.nonce = NONCE_OTHER}, "another question"},
        {{.begin = -3 * DAY, .end = -2}, "has expired"},
        {{.begin = 3600}, "not yet valid"},
        {{.begin = -DAY, .no_end = true}, "has expired"},
        {{.sha1 = true}, "no longer safe"},
        {{.response_status = OCSP_RESPONSE_STATUS_TRYLATER}, "try later"},
        {{.response_status = OCSP_RESPONSE_STATUS_UNAUTHORIZED}, "not responsible"},
        {{.response_status = OCSP_RESPONSE_STATUS_INTERNALERROR}, "refused the question"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        OcspAnswer answer = {.revoked = true, .next_update = 7};

        try_answer(&bad[i].recipe, bad[i].words, &answer);
        assert_true(answer.revoked && answer.next_update == 7);
    }
}

/* Whatever is cut off or changed, it is no answer; and nothing reads behind its end. */
static void test_bent(void **state)
{
    _cleanup_(ocsp_query_done) OcspQuery query = {0};
    OcspAnswer answer;
    const char *reason;
    unsigned char *der;
    uint8_t *large = calloc(1, OCSP_SIZE_MAX + 1);
    size_t size;

    assert_int_equal(ocsp_query_new(leaf.certificate, ca.certificate, &query), 0);
    der = make_answer(&(AnswerRecipe){0}, &query, &size);
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = malloc(n ?: 1);

        memcpy(cut, der, n);
        assert_int_equal(ocsp_answer_read(&query, (DerSpan){cut, n}, time(NULL), &answer, &reason),
                         -EBADMSG);
        free(cut);
    }
    for (size_t i = 0; i < size; i++) {
        der[i] ^= 1;
        if (ocsp_answer_read(&query, (DerSpan){der, size}, time(NULL), &answer, &reason) >= 0)
            assert_false(answer.revoked); /* the certificates that it brings along are not signed */
        der[i] ^= 1;
    }
    assert_int_equal(
        ocsp_answer_read(&query, (DerSpan){large, OCSP_SIZE_MAX + 1}, time(NULL), &answer, &reason),
        -EBADMSG);
    OPENSSL_free(der);
    free(large);
}

static void test_cache(void **state)
{
    _cleanup_(ocsp_cache_freep) OcspCache *cache = ocsp_cache_new();
    uint8_t key[OCSP_KEY_SIZE] = {0}, same[OCSP_KEY_SIZE], another[OCSP_KEY_SIZE];
    _cleanup_free_ OcspEntry *entries = NULL;
    OcspAnswer answer;
    size_t n;

    assert_int_equal(ocsp_cache_key(leaf.certificate, ca.certificate, same), 0);
    assert_int_equal(ocsp_cache_key(leaf.certificate, stranger.certificate, another), 0);
    assert_memory_not_equal(same, another, sizeof same);
    assert_false(ocsp_cache_get(cache, same, 50, &answer));
    ocsp_cache_put(cache, same, &(OcspAnswer){.revoked = true, .next_update = 100});
    assert_true(ocsp_cache_get(cache, same, 99, &answer) && answer.revoked);
    assert_false(ocsp_cache_get(cache, same, 100, &answer));
    assert_false(ocsp_cache_get(cache, another, 50, &answer));
    for (unsigned i = 0; i < 3 * OCSP_CACHE_MAX; i++) {
        memcpy(key, &i, sizeof i);
        ocsp_cache_put(cache, key, &(OcspAnswer){.next_update = 1000 + (int64_t)i});
        assert_true(ocsp_cache_get(cache, key, 50, &answer));
    }
    assert_false(ocsp_cache_get(cache, same, 50, &answer));
    /* Of those that are there, the last third, the ones that are still good. */
    assert_int_equal(ocsp_cache_list(cache, 1000 + 3 * OCSP_CACHE_MAX - 2, &entries, &n), 0);
    assert_true(n == 1 && memcmp(entries->key, key, sizeof key) == 0);
    assert_true(ocsp_cache_clear(cache));
    assert_false(ocsp_cache_clear(cache));
    assert_false(ocsp_cache_get(cache, key, 50, &answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_bent), cmocka_unit_test(test_cache)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
