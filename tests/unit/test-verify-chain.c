/* SPDX-License-Identifier: Apache-2.0 */
/* What verify_chain() does with its input; its verdicts are in tests/pki. */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "make-certificate.h"
#include "verify.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_empty_pool)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
