/* SPDX-License-Identifier: Apache-2.0 */
/* What verify_chain() does with its input; its verdicts are in tests/pki. */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "make-certificate.h"
#include "verify.h"

#define DAY 86400

static void assert_refused(const VerifyRequest *request, int error, const char *words)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    const char *reason = "";
    VerifyVerdict verdict;
    int r = verify_chain(request, list, &verdict, &reason);

    if (r != -error || !strstr(reason, words))
        fail_msg("%d, %s instead of %s", r, reason, words);
}

static void add(Buffer *b, const CertificateRecipe *recipe)
{
    size_t size;
    void *der = make_certificate_der(recipe, &size);

    buffer_add_pem(b, "CERTIFICATE", der, size);
    free(der);
}

static void test_refused(void **state)
{
    static const char *const texts[][2] = {
        {"", "no certificate"},
        {"text", "no certificate"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "does not parse"},
        {"-----BEGIN CERTIFICATE-----\n&\n-----END CERTIFICATE-----\n", "base64"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n", "begin or end"},
        {"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "CRLs does not parse"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "other than"},
    };
    Buffer one = {0}, many = {0};
    char *large = calloc(1, VERIFY_SIZE_MAX + 1);

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        assert_refused(
            &(VerifyRequest){.data = texts[i][0], .size = strlen(texts[i][0]), .purpose = "any"},
            EBADMSG, texts[i][1]);
    assert_refused(&(VerifyRequest){.data = large, .size = VERIFY_SIZE_MAX + 1, .purpose = "any"},
                   EBADMSG, "4 MiB");
    free(large);
    add(&one, &(CertificateRecipe){.name = "one"});
    assert_refused(&(VerifyRequest){.data = one.data, .size = one.size, .purpose = ""}, EINVAL,
                   "purpose");
    assert_refused(
        &(VerifyRequest){.data = one.data, .size = one.size, .purpose = "any", .name = ""}, EINVAL,
        "name");
    assert_refused(
        &(VerifyRequest){.data = one.data, .size = one.size, .purpose = "any", .name = ".example"},
        EINVAL, "name");
    for (unsigned i = 0; i < VERIFY_CERTIFICATES_MAX + 1; i++)
        buffer_add(&many, one.data, one.size);
    assert_refused(&(VerifyRequest){.data = many.data, .size = many.size, .purpose = "any"},
                   EBADMSG, "more than 64");
    buffer_done(&one);
    buffer_done(&many);
}

/* Nobody is trusted because of being there. */
static void test_empty_pool(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *none = authority_list_new();
    Buffer one = {0};
    VerifyRequest request = {
        .purpose = "any", .time = time(NULL), .revocation = VERIFY_REVOCATION_NONE};
    VerifyVerdict verdict;
    const char *reason;

    add(&one, &(CertificateRecipe){.name = "one", .key_usage = "critical,keyCertSign"});
    request.data = one.data;
    request.size = one.size;
    assert_int_equal(verify_chain(&request, none, &verdict, &reason), 0);
    assert_false(verdict.valid);
    assert_int_equal(verdict.n, 1);
    buffer_done(&one);
}

/* The CA's own list, which has expired; with a certificate on it, or NULL. */
static X509_CRL *make_old_list(X509 *ca, X509 *revoked)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *when = ASN1_TIME_new();

    assert_true(X509_CRL_set_version(list, 1));
    assert_true(X509_CRL_set_issuer_name(list, X509_get_subject_name(ca)));
    assert_non_null(ASN1_TIME_set(when, time(NULL) - 2 * DAY));
    assert_true(X509_CRL_set1_lastUpdate(list, when));
    if (revoked) {
        X509_REVOKED *entry = X509_REVOKED_new();

        assert_true(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)));
        assert_true(X509_REVOKED_set_revocationDate(entry, when));
        assert_true(X509_CRL_add0_revoked(list, entry));
    }
    assert_non_null(ASN1_TIME_set(when, time(NULL) - DAY));
    assert_true(X509_CRL_set1_nextUpdate(list, when));
    assert_true(X509_CRL_sort(list));
    assert_true(X509_CRL_sign(list, make_key(), EVP_sha256()) > 0);
    ASN1_TIME_free(when);
    return list;
}

/* A responder has said that the leaf is good: how is it with that list of its CA, or none? */
static VerifyVerdict judge_with(const AuthorityList *authorities, X509 *leaf, X509_CRL *list)
{
    _cleanup_(verifier_freep) Verifier *v = NULL;
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    VerifyMore more = {.crls = lists};
    _cleanup_openssl_free_ unsigned char *der = NULL;
    int size = i2d_X509(leaf, &der);
    VerifyRequest request = {.purpose = "any", .time = time(NULL), .lenient = true};
    VerifyVerdict verdict;
    Buffer text = {0};
    const char *reason;

    assert_true(size > 0);
    buffer_add_pem(&text, "CERTIFICATE", der, (size_t)size);
    request.data = text.data;
    request.size = text.size;
    if (list)
        assert_true(sk_X509_CRL_push(lists, list) > 0);
    assert_int_equal(verifier_new(&request, &v, &reason), 0);
    assert_int_equal(verifier_exempt(v, leaf), 0);
    assert_int_equal(verifier_run(v, authorities, VERIFY_REVOCATION_REQUIRED, &more, &verdict), 0);
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    buffer_done(&text);
    return verdict;
}

/* For the one that is trusted anyway an old list is as good as none; who is on it is revoked. */
static void test_old_list_of_anchor(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *authorities = authority_list_new();
    _cleanup_(X509_freep) X509 *ca = make_certificate(
        &(CertificateRecipe){.name = "ca", .key_usage = "critical,keyCertSign,cRLSign"});
    _cleanup_(X509_freep) X509 *leaf = make_certificate(&(CertificateRecipe){
        .name = "leaf", .issuer = "ca", .not_ca = true, .key_usage = "digitalSignature"});
    VerifyVerdict verdict;

    assert_true(authority_list_add_parsed(authorities, ca, &(AuthorityRules){0}) >= 0);
    verdict = judge_with(authorities, leaf, make_old_list(ca, ca));
    assert_string_equal(verify_word(&verdict), "revoked");
    verdict = judge_with(authorities, leaf, make_old_list(ca, leaf));
    assert_string_equal(verify_word(&verdict), "revoked");
    verdict = judge_with(authorities, leaf, NULL);
    assert_string_equal(verify_word(&verdict), "good");
    verdict = judge_with(authorities, leaf, make_old_list(ca, NULL));
    assert_string_equal(verdict.reason, "ok");
    assert_string_equal(verify_word(&verdict), "good");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_empty_pool),
                                       cmocka_unit_test(test_old_list_of_anchor)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
