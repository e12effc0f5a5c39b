/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is made once more with its challenge password: nothing else of it changes. */
#include "test-common.h"

#include <openssl/x509v3.h>

#include "csr.h"

#define NAMES "DNS:router.example,IP:192.0.2.1"

static EVP_PKEY *key, *other;

static int setup(void **state)
{
    key = EVP_EC_gen("P-256");
    other = EVP_EC_gen("P-256");
    assert_true(key && other);
    return 0;
}

static int teardown(void **state)
{
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return 0;
}

static X509_REQ *parse(const void *der, size_t size)
{
    const unsigned char *p = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)size);

    assert_non_null(request);
    assert_ptr_equal(p, (const unsigned char *)der + size);
    return request;
}

static X509_REQ *make_kept(void)
{
    _cleanup_(X509_NAME_freep) X509_NAME *subject = X509_NAME_new();
    _cleanup_(X509_REQ_freep) X509_REQ *made = NULL;
    _cleanup_openssl_free_ unsigned char *again = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;

    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)"router", -1, -1, 0),
                     1);
    assert_int_equal(csr_build(&(CsrSpec){.subject = subject,
                                          .key = key,
                                          .digest = "sha256",
                                          .alternative_names = NAMES,
                                          .key_usage = KU_DIGITAL_SIGNATURE},
                               &made, &der, &size),
                     0);
    /* What was made is what is read of its bytes, and its key the one that it was made with. */
    assert_int_equal(i2d_X509_REQ(made, &again), (int)size);
    assert_memory_equal(again, der, size);
    assert_int_equal(EVP_PKEY_eq(X509_REQ_get0_pubkey(made), key), 1);
    assert_int_equal(X509_REQ_verify(made, X509_REQ_get0_pubkey(made)), 1);
    return parse(der, size);
}

static int rebuild(const X509_REQ *kept, EVP_PKEY *with, const char *challenge, X509_REQ **ret)
{
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r = csr_with_challenge(
        kept, &(CsrSpec){.key = with, .digest = "sha256", .challenge = challenge}, &der, &size);

    if (r >= 0)
        *ret = parse(der, size);
    return r;
}

static void assert_same_extensions(const X509_REQ *a, const X509_REQ *b)
{
    int first = X509_REQ_get_attr_by_NID(a, NID_ext_req, -1),
        second = X509_REQ_get_attr_by_NID(b, NID_ext_req, -1);
    _cleanup_openssl_free_ unsigned char *of_a = NULL, *of_b = NULL;
    int n_a, n_b;

    assert_true(first >= 0 && second >= 0);
    n_a = i2d_X509_ATTRIBUTE(X509_REQ_get_attr(a, first), &of_a);
    n_b = i2d_X509_ATTRIBUTE(X509_REQ_get_attr(b, second), &of_b);
    assert_true(n_a > 0);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(of_a, of_b, (size_t)n_a);
}

static void test_another_key(void **state)
{
    _cleanup_(X509_REQ_freep) X509_REQ *kept = make_kept(), *made = NULL;

    assert_int_equal(rebuild(kept, other, "canary", &made), -EKEYREJECTED);
    assert_null(made);
}

static void test_challenge(void **state)
{
    _cleanup_(X509_REQ_freep) X509_REQ *kept = make_kept(), *made = NULL;
    const ASN1_STRING *text;
    X509_ATTRIBUTE *attribute;
    int at;

    assert_int_equal(rebuild(kept, key, "canary", &made), 0);
    assert_int_equal(X509_REQ_verify(made, key), 1);
    assert_int_equal(X509_REQ_get_attr_count(made), X509_REQ_get_attr_count(kept) + 1);
    at = X509_REQ_get_attr_by_NID(made, NID_pkcs9_challengePassword, -1);
    assert_true(at >= 0);
    attribute = X509_REQ_get_attr(made, at);
    assert_int_equal(X509_ATTRIBUTE_count(attribute), 1);
    text = X509_ATTRIBUTE_get0_type(attribute, 0)->value.asn1_string;
    assert_int_equal(ASN1_STRING_length(text), strlen("canary"));
    assert_memory_equal(ASN1_STRING_get0_data(text), "canary", strlen("canary"));
    assert_int_equal(
        X509_NAME_cmp(X509_REQ_get_subject_name(made), X509_REQ_get_subject_name(kept)), 0);
    assert_same_extensions(kept, made);
    /* What is kept stays without it. */
    assert_int_equal(X509_REQ_get_attr_by_NID(kept, NID_pkcs9_challengePassword, -1), -1);
}

static X509 *make_certificate_with(const char *names)
{
    X509 *certificate = X509_new();
    X509_EXTENSION *extension =
        names ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names) : NULL;

    assert_non_null(certificate);
    if (names)
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
    return certificate;
}

static void test_names_in_certificate(void **state)
{
    static const struct {
        const char *given, *text;
        bool all;
    } cases[] = {
        {NULL, NULL, false},
        {NULL, NAMES, false},
        {"DNS:router.example", NAMES, false},
        {"DNS:router.example,IP:192.0.2.2", NAMES, false},
        {"DNS:router.example", NULL, true},
        {"IP:192.0.2.1,DNS:router.example", NAMES, true},
        {NAMES ",DNS:more.example", NAMES, true},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(X509_freep) X509 *certificate = make_certificate_with(cases[i].given);

        if (alternative_names_are_in(cases[i].text, certificate) != cases[i].all)
            fail_msg("number %zu", i);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_key),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_names_in_certificate),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
