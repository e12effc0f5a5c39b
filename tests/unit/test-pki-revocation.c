/* SPDX-License-Identifier: Apache-2.0 */
/* What poold tells about revocation, and which of it belongs to a trustpoint. */
#include "test-common.h"

#include "pki-revocation.h"

#define CRL(issuer, number, this, delta)                                                           \
    "{\"issuer\":\"" issuer "\",\"number\":" number                                                \
    ",\"this-update\":" this ",\"next-update\":9,\"delta\":" delta                                 \
                             ",\"size\":5000000000,\"url\":\"http://a/\"}"

#define ANSWER(certificate, responder, next)                                                       \
    "{\"certificate\":\"" certificate "\",\"revoked\":false,\"responder\":" responder              \
    ",\"this-update\":5,\"next-update\":" next "}"

/* Nobody writes through them. */
#define TEXT(s) ((char *)(uintptr_t)(s))

static PkiCertificate certificates[] = {
    {.trustpoint = TEXT("one"),
     .role = TEXT("ca"),
     .subject = TEXT("CN=a"),
     .fingerprint = TEXT("AA")},
    {.trustpoint = TEXT("two"),
     .role = TEXT("ca"),
     .subject = TEXT("CN=b"),
     .fingerprint = TEXT("BB")},
    {.trustpoint = TEXT("two"),
     .role = TEXT("router"),
     .subject = TEXT("CN=c"),
     .fingerprint = TEXT("CC")},
    {.trustpoint = TEXT("three"),
     .role = TEXT("router"),
     .subject = TEXT("CN=a"),
     .fingerprint = TEXT("DD")},
};
static const PkiView view = {.certificates = certificates,
                             .n_certificates = ELEMENTSOF(certificates)};

static void test_crls(void **state)
{
    static const char good[] =
        "[" CRL("CN=a", "\"0A\"", "5", "false") "," CRL("CN=a", "null", "7", "true") "," CRL(
            "CN=a", "\"0B\"", "6", "false") "," CRL("CN=b", "null", "8", "true") "]";
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "[" CRL("CN=a", "null", "\"5\"", "false") "]",
        "[" CRL("CN=a", "null", "5", "1") "]",
        "[{\"issuer\":\"CN=a\"}]",
    };
    const PkiCrl *crl;
    PkiCrls crls;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(pki_crls_read(bad[i], strlen(bad[i]), &crls), -EBADMSG);
    assert_int_equal(pki_crls_read(good, strlen(good), &crls), 0);
    assert_int_equal(crls.n, 4);
    crl = pki_crl_of_trustpoint(&crls, &view, "one");
    assert_string_equal(crl->number, "0B");
    assert_true(!crl->delta && crl->size == UINT32_MAX && crl->next_update == 9);
    crl = pki_crl_of_trustpoint(&crls, &view, "two");
    assert_true(crl->delta && !crl->number);
    assert_null(pki_crl_of_trustpoint(&crls, &view, "three"));
    assert_null(pki_crl_of_trustpoint(&crls, &view, "four"));
    pki_crls_done(&crls);
    assert_int_equal(pki_crls_read("[]", 2, &crls), 0);
    assert_null(pki_crl_of_trustpoint(&crls, &view, "one"));
    pki_crls_done(&crls);
}

static void test_answers(void **state)
{
    static const char good[] =
        "[" ANSWER("aa", "\"CN=r\"", "6") "," ANSWER("cc", "\"0A0B\"", "7") "]";
    static const char *const bad[] = {
        "",
        "{}",
        "[1]",
        "[" ANSWER("cc", "null", "7") "]",
        "[" ANSWER("cc", "\"CN=r\"", "\"7\"") "]",
        "[{\"certificate\":\"cc\"}]",
    };
    const PkiAnswer *answer;
    PkiAnswers answers;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(pki_answers_read(bad[i], strlen(bad[i]), &answers), -EBADMSG);
    assert_int_equal(pki_answers_read(good, strlen(good), &answers), 0);
    assert_int_equal(answers.n, 2);
    answer = pki_answer_of_trustpoint(&answers, &view, "two");
    assert_string_equal(answer->responder, "0A0B");
    assert_true(answer->this_update == 5 && answer->next_update == 7);
    /* One about its CA, none at all, no such trustpoint. */
    assert_null(pki_answer_of_trustpoint(&answers, &view, "one"));
    assert_null(pki_answer_of_trustpoint(&answers, &view, "three"));
    assert_null(pki_answer_of_trustpoint(&answers, &view, "four"));
    pki_answers_done(&answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crls),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
