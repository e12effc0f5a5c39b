/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "time-render.h"
#include "x509-render.h"

static EVP_PKEY *key;

static int setup(void **state)
{
    key = EVP_EC_gen("P-256");
    return key ? 0 : -1;
}

static int teardown(void **state)
{
    EVP_PKEY_free(key);
    return 0;
}

/* A certificate with this name on both sides and these 4 bytes of serial number. */
static X509 *certificate_new(const X509_NAME *name, int64_t serial, const char *from,
                             const char *to)
{
    X509 *c = X509_new();

    assert_int_equal(X509_set_version(c, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set_int64(X509_get_serialNumber(c), serial), 1);
    assert_int_equal(X509_set_subject_name(c, name), 1);
    assert_int_equal(X509_set_issuer_name(c, name), 1);
    assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(c), from), 1);
    assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(c), to), 1);
    assert_int_equal(X509_set_pubkey(c, key), 1);
    assert_true(X509_sign(c, key, EVP_sha256()) > 0);
    return c;
}

static X509_NAME *subject(const char *text)
{
    const char *reason = NULL;
    X509_NAME *name;

    assert_int_equal(subject_parse(text, &name, &reason), 0);
    return name;
}

static void assert_subject(X509_NAME *name, const char *expected)
{
    _cleanup_(X509_freep) X509 *c = certificate_new(name, 1, "191020130726Z", "201021130726Z");
    CertificateSummary s;

    assert_int_equal(certificate_summarize(c, &s), 0);
    assert_string_equal(s.subject, expected);
    assert_string_equal(s.issuer, expected);
    certificate_summary_done(&s);
}

/* The seed's sample: "crypto ca authenticate system-trustpoint". */
static void test_layout(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name =
        subject("CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR");
    _cleanup_(X509_freep) X509 *c = NULL;
    CertificateSummary s;
    char text[TIME_TEXT_SIZE];

    assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_pkcs9_unstructuredName, V_ASN1_IA5STRING,
                                                (const unsigned char *)"ios.cisco.com", -1, -1, 0),
                     1);
    assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_pkcs9_unstructuredAddress,
                                                V_ASN1_PRINTABLESTRING,
                                                (const unsigned char *)"10.1.1.1", -1, -1, 0),
                     1);
    assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_serialNumber, V_ASN1_PRINTABLESTRING,
                                                (const unsigned char *)"c44a11fc", -1, -1, 0),
                     1);
    c = certificate_new(name, 0x0b62, "191020130726Z", "201021130726Z");
    assert_int_equal(certificate_summarize(c, &s), 0);
    assert_string_equal(s.serial_number, "0B:62");
    assert_string_equal(
        s.subject,
        "serialNumber=c44a11fc,unstructuredAddress=10.1.1.1,unstructuredName=ios.cisco.com,OU=ASR,"
        "O=cisco systems,L=San Jose,ST=CA,C=US,CN=lab1-ca");
    assert_int_equal(strlen(s.sha1_fingerprint), 40);
    assert_int_equal(strlen(s.sha256_fingerprint), 64);
    assert_int_equal(strspn(s.sha1_fingerprint, "0123456789ABCDEF"), 40);
    assert_string_equal(time_render(s.not_before, text), "13:07:26 UTC Sun Oct 20 2019");
    assert_string_equal(time_render(s.not_after, text), "13:07:26 UTC Wed Oct 21 2020");
    certificate_summary_done(&s);
}

static void test_times(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = subject("CN=a");
    _cleanup_(X509_freep) X509 *c = certificate_new(name, 1, "491231235959Z", "99991231235959Z");
    CertificateSummary s;
    char text[TIME_TEXT_SIZE];

    assert_int_equal(certificate_summarize(c, &s), 0);
    assert_int_equal(s.not_before, 2524607999);
    assert_int_equal(s.not_after, 253402300799);
    assert_string_equal(time_render(s.not_after, text), "23:59:59 UTC Fri Dec 31 9999");
    certificate_summary_done(&s);
    assert_string_equal(time_render(0, text), "00:00:00 UTC Thu Jan 01 1970");
    assert_string_equal(time_render(INT64_MAX, text), "-");
    (void)setenv("TZ", "IST-5:30", 1);
    tzset();
    assert_string_equal(time_render(1580931790, text), "01:13:10 IST Thu Feb 06 2020");
    (void)setenv("TZ", "UTC", 1);
    tzset();
}

static void test_serials(void **state)
{
    static const struct {
        int64_t number;
        const char *text;
    } cases[] = {{0, "00"},         {1, "01"},   {0x80, "80"},
                 {0x10b5, "10:B5"}, {-1, "-01"}, {INT64_MAX, "7F:FF:FF:FF:FF:FF:FF:FF"}};
    _cleanup_(X509_NAME_freep) X509_NAME *name = subject("CN=a");

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(X509_freep) X509 *c =
            certificate_new(name, cases[i].number, "191020130726Z", "201021130726Z");
        CertificateSummary s;

        assert_int_equal(certificate_summarize(c, &s), 0);
        assert_string_equal(s.serial_number, cases[i].text);
        certificate_summary_done(&s);
    }
}

static X509_NAME *raw_name(int type, const void *bytes, int size)
{
    X509_NAME *name = X509_NAME_new();

    assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, type, bytes, size, -1, 0), 1);
    return name;
}

/* Nothing in a name reaches the terminal as more than text. */
static void test_hostile_names(void **state)
{
    static const struct {
        int type;
        const char *bytes;
        int size;
        const char *text;
    } cases[] = {
        {V_ASN1_UTF8STRING, "a\033[2Jb", 6, "CN=a\\1B[2Jb"},
        {V_ASN1_UTF8STRING, "a\nb\0c", 5, "CN=a\\0Ab\\00c"},
        {V_ASN1_UTF8STRING, "a\177b", 3, "CN=a\\7Fb"},
        {V_ASN1_UTF8STRING,
         "a\xc2\x9b"
         "2Jb",
         6, "CN=a\\C2\\9B2Jb"},
        {V_ASN1_UTF8STRING,
         "a\xe2\x80\xae"
         "b",
         5, "CN=a\\E2\\80\\AEb"},
        {V_ASN1_UTF8STRING, "M\xc3\xbcller", 7, "CN=M\xc3\xbcller"},
        {V_ASN1_UTF8STRING, "a,b=c+d", 7, "CN=a\\,b=c\\+d"},
        {V_ASN1_T61STRING, "M\xfcller", 6, "CN=M\xc3\xbcller"},
        {V_ASN1_BMPSTRING, "\0a\x20\x2e\0b", 6, "CN=a\\E2\\80\\AEb"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(X509_NAME_freep) X509_NAME *name =
            raw_name(cases[i].type, cases[i].bytes, cases[i].size);

        assert_subject(name, cases[i].text);
    }
}

static void test_parse(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = subject("CN=a");
    _cleanup_(X509_freep) X509 *c = certificate_new(name, 1, "191020130726Z", "201021130726Z"),
                               *parsed = NULL, *other = NULL;
    _cleanup_free_ void *der = NULL;
    _cleanup_free_ unsigned char *longer = NULL;
    size_t size;

    assert_int_equal(certificate_encode(c, &der, &size), 0);
    longer = calloc(1, CERTIFICATE_SIZE_MAX + 1);
    memcpy(longer, der, size);
    assert_int_equal(certificate_parse("", 0, &other), -EBADMSG);
    assert_int_equal(certificate_parse(longer, size - 1, &other), -EBADMSG);
    assert_int_equal(certificate_parse(longer, size + 1, &other), -EBADMSG);
    assert_int_equal(certificate_parse(longer, CERTIFICATE_SIZE_MAX + 1, &other), -EMSGSIZE);
    for (size_t i = 0; i < size; i++) { /* every truncation */
        other = NULL;
        assert_int_equal(certificate_parse(longer, i, &other), -EBADMSG);
    }
    assert_null(other);
    assert_int_equal(certificate_parse(der, size, &parsed), 0);
    assert_int_equal(X509_cmp(parsed, c), 0);
}

/* A string that isn't what its tag says. */
static void test_invalid_utf8(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = subject("CN=M\\C3\\BCller");
    _cleanup_(X509_freep) X509 *c = certificate_new(name, 1, "191020130726Z", "201021130726Z"),
                               *parsed = NULL;
    _cleanup_free_ void *der = NULL;
    unsigned char *p;
    size_t size;

    assert_int_equal(certificate_encode(c, &der, &size), 0);
    p = memmem(der, size, "M\xc3\xbcller", 7);
    assert_non_null(p);
    p[1] = 0xc0;
    assert_int_equal(certificate_parse(der, size, &parsed), -EBADMSG);
}

/* F22: the algorithm that a verifier would use is the one that was signed. */
static void test_outer_algorithm(void **state)
{
    static const unsigned char sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    _cleanup_(X509_NAME_freep) X509_NAME *name = subject("CN=a");
    _cleanup_(X509_freep) X509 *c = certificate_new(name, 1, "191020130726Z", "201021130726Z"),
                               *parsed = NULL;
    _cleanup_free_ void *der = NULL;
    unsigned char *outer = NULL;
    size_t size;

    assert_int_equal(certificate_encode(c, &der, &size), 0);
    for (unsigned char *p = der;
         (p = memmem(p, size - (size_t)(p - (unsigned char *)der), sha256, sizeof(sha256))); p++)
        outer = p;
    assert_non_null(outer);
    if (outer)
        outer[7] = 3; /* ecdsa-with-SHA384 */
    assert_int_equal(certificate_parse(der, size, &parsed), -EBADMSG);
}

static void test_subject(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
         "OU=ASR,O=cisco systems,L=San Jose,ST=CA,C=US,CN=lab1-ads"},
        {"cn=a, ou = b ,o=c", "O=c,OU=b,CN=a"},
        {"O=Spark Network\\, Inc.", "O=Spark Network\\, Inc."},
        {"CN=\\ a\\ ", "CN=\\ a\\ "},
        {"CN=a=b", "CN=a=b"},
        {"CN=M\\C3\\BCller", "CN=M\xc3\xbcller"},
        {"CN=\\#1\\\\\\\"\\<\\>\\;\\+", "CN=\\#1\\\\\\\"\\<\\>\\;\\+"},
        {"E=a@example.org,DC=example,DC=org", "DC=org,DC=example,emailAddress=a@example.org"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(X509_NAME_freep) X509_NAME *name = subject(cases[i].text);

        assert_subject(name, cases[i].printed);
    }
}

static void test_subject_refused(void **state)
{
    static const char *const cases[] = {
        "",
        ",",
        "CN",
        "CN=",
        "CN=  ",
        "=a",
        "CN=a,",
        "CN=a,,O=b",
        "XX=a",
        "CNN=a",
        "2.5.4.3=a",
        "C=USA",
        "C=U",
        "C=U\\00",
        "CN=a\\",
        "CN=a\\4",
        "CN=a\\zz",
        "CN=a+OU=b",
        "CN=\"a\"",
        "CN=a;O=b",
        "CN=a\033[2J",
        "CN=a\\0A",
        "CN=a\\00b",
        "CN=a\xff",
        "CN=a\\FF",
        ("CN=a\xe2\x80\xae"
         "b"),
        "DC=M\xc3\xbcller",
        "serialNumber=a_b",
        /* 65 characters */
        "CN=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg",
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        const char *reason = NULL;
        X509_NAME *name = NULL;

        assert_int_equal(subject_parse(cases[i], &name, &reason), -EINVAL);
        assert_non_null(reason);
        assert_null(name);
    }
}

/* The piece n times, after a beginning. */
static void repeat(char text[8192], const char *beginning, const char *piece, size_t n)
{
    size_t used = (size_t)snprintf(text, 8192, "%s", beginning);

    while (n-- > 0)
        used += (size_t)snprintf(text + used, 8192 - used, "%s", piece);
}

static void test_subject_limits(void **state)
{
    char text[8192];
    const char *reason;
    X509_NAME *name;

    repeat(text, "OU=a", ",OU=a", 63);
    assert_int_equal(subject_parse(text, &name, &reason), 0);
    assert_int_equal(X509_NAME_entry_count(name), 64);
    X509_NAME_free(name);
    repeat(text, "OU=a", ",OU=a", 64);
    assert_int_equal(subject_parse(text, &name, &reason), -EINVAL);
    repeat(text, "CN=", "a", 8000);
    assert_int_equal(subject_parse(text, &name, &reason), -EINVAL);
    /* Bounds count characters and not bytes. */
    repeat(text, "CN=", "\xc3\xbc", 64);
    assert_int_equal(subject_parse(text, &name, &reason), 0);
    X509_NAME_free(name);
    repeat(text, "CN=", "\xc3\xbc", 65);
    assert_int_equal(subject_parse(text, &name, &reason), -EINVAL);
}

static void test_time_left(void **state)
{
    char text[TIME_LEFT_TEXT_SIZE];

    assert_string_equal(time_left_render(2 * 86400 - 19, text),
                        "1 days, 23 hours, 59 minutes, 41 seconds");
    assert_string_equal(time_left_render(0, text), "0 days, 0 hours, 0 minutes, 0 seconds");
    assert_string_equal(time_left_render(-5, text), "0 days, 0 hours, 0 minutes, 0 seconds");
}

/* URLs and names in a directory, in their order; what is neither has nothing to be shown; a URL
 * cannot steer the terminal. */
static void test_crl_points(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = subject("CN=leaf");
    _cleanup_(X509_freep) X509 *c = certificate_new(name, 1, "191020130726Z", "201021130726Z");
    CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
    char **texts;

    assert_int_equal(x509_crl_points_render(c, &texts), 0);
    assert_null(texts[0]);
    x509_crl_points_free(texts);
    for (int i = 0; i < 20; i++) {
        DIST_POINT *point = DIST_POINT_new();
        GENERAL_NAME *general = GENERAL_NAME_new();
        ASN1_IA5STRING *uri = ASN1_IA5STRING_new();

        assert_true(point && general && uri);
        assert_int_equal(ASN1_STRING_set(uri, i ? "http://a/b" : "http://a/\033[1A\nb", -1), 1);
        if (i == 1)
            GENERAL_NAME_set0_value(general, GEN_DNS, uri);
        else if (i == 2) {
            ASN1_IA5STRING_free(uri);
            GENERAL_NAME_set0_value(general, GEN_DIRNAME, subject("CN=a,O=b"));
        } else
            GENERAL_NAME_set0_value(general, GEN_URI, uri);
        point->distpoint = DIST_POINT_NAME_new();
        point->distpoint->type = 0;
        point->distpoint->name.fullname = GENERAL_NAMES_new();
        assert_true(sk_GENERAL_NAME_push(point->distpoint->name.fullname, general) > 0);
        assert_true(sk_DIST_POINT_push(points, point) > 0);
    }
    assert_int_equal(X509_add1_ext_i2d(c, NID_crl_distribution_points, points, 0, 0), 1);
    CRL_DIST_POINTS_free(points);
    assert_int_equal(x509_crl_points_render(c, &texts), 0);
    assert_string_equal(texts[0], "http://a/\\1B[1A\\0Ab");
    assert_string_equal(texts[1], "O=b,CN=a");
    assert_string_equal(texts[2], "http://a/b");
    assert_non_null(texts[X509_CRL_POINTS_MAX - 1]);
    assert_null(texts[X509_CRL_POINTS_MAX]);
    x509_crl_points_free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),          cmocka_unit_test(test_crl_points),
        cmocka_unit_test(test_times),           cmocka_unit_test(test_serials),
        cmocka_unit_test(test_hostile_names),   cmocka_unit_test(test_parse),
        cmocka_unit_test(test_outer_algorithm), cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_subject),         cmocka_unit_test(test_subject_refused),
        cmocka_unit_test(test_subject_limits),  cmocka_unit_test(test_time_left),
    };

    (void)setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests_name("x509-render", tests, setup, teardown);
}
