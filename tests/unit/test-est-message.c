/* SPDX-License-Identifier: Apache-2.0 */
/* What an EST server answers, as bytes. What it may get wrong field by field is in
 * tests/system/test_est.py; here are the URLs, what it may want in a request, and answers that are
 * cut off or bent anywhere. */
#include "test-certificates.h"

#include "est-message.h"
#include "est-url.h"
#include "json-util.h"
#include "x509-render.h"

#define CSRATTRS "application/csrattrs"
#define EC "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define RSA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define ECDSA_SHA384 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"
#define CHALLENGE "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
#define EXTENSIONS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
#define KEY_USAGE "\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x07\x80"
#define OTHER_NAME "\x30\x0c\x06\x03\x55\x1d\x11\x04\x05\x30\x03\x82\x01\x61"

static void test_urls(void **state)
{
    static const char *const refused[] = {"",
                                          "ca",
                                          "http://ca/",
                                          "https://",
                                          "https://u:p@ca/",
                                          "https://ca/ ",
                                          "https://ca/?a",
                                          "https://ca/#a"};
    static const char *const cases[][2] = {
        {"https://ca", "https://ca/.well-known/est/cacerts"},
        {"https://ca/", "https://ca/.well-known/est/cacerts"},
        {"https://ca:8443//", "https://ca:8443/.well-known/est/cacerts"},
        {"https://ca/.well-known/est/label", "https://ca/.well-known/est/label/cacerts"},
        {"https://ca/est/", "https://ca/est/cacerts"},
    };
    const char *reason;

    for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
        reason = NULL;
        if (est_url_check(refused[i], &reason) == 0 || !reason)
            fail_msg("%s is taken", refused[i]);
    }
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_free_ char *url = NULL;

        assert_int_equal(est_url_check(cases[i][0], &reason), 0);
        assert_int_equal(est_url_new(cases[i][0], "cacerts", &url), 0);
        assert_string_equal(url, cases[i][1]);
    }
}

/* content: without the SEQUENCE around it, less than 128 bytes. */
static int parse(const char *content, size_t size, EstAttributes *ret)
{
    unsigned char der[130] = {0x30, (unsigned char)size};
    _cleanup_free_ char *text = NULL;
    const char *reason = NULL;
    int r;

    memcpy(der + 2, content, size);
    text = base64_encode(der, size + 2);
    r = est_attributes_parse(CSRATTRS, text, strlen(text), ret, &reason);
    assert_true(r == 0 || reason);
    return r;
}

#define PARSE(content, ret) parse(content, sizeof(content) - 1, ret)

static int can(const EstAttributes *a, const char *algorithm, const char **ret_digest)
{
    const char *reason = NULL;
    int r = est_attributes_check(a, algorithm, 2048, "sha256", ret_digest, &reason);

    assert_true(r == 0 || (r == -EOPNOTSUPP && reason));
    return r;
}

static void test_keys(void **state)
{
    const char *digest;
    EstAttributes a;

    assert_int_equal(PARSE("", &a), 0);
    assert_int_equal(can(&a, "ed25519", &digest), 0);
    /* A curve; an RSA key of a size; one or the other. */
    assert_int_equal(PARSE("\x30\x15" EC "\x31\x0a" P256, &a), 0);
    assert_int_equal(can(&a, "ecdsanistp256", &digest), 0);
    assert_int_equal(can(&a, "ecdsanistp384", &digest), -EOPNOTSUPP);
    assert_int_equal(can(&a, "rsa", &digest), -EOPNOTSUPP);
    assert_int_equal(PARSE("\x30\x11" RSA "\x31\x04\x02\x02\x08\x00", &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), 0);
    assert_int_equal(can(&a, "ecdsanistp256", &digest), -EOPNOTSUPP);
    assert_int_equal(PARSE("\x30\x11" RSA "\x31\x04\x02\x02\x0c\x00", &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), -EOPNOTSUPP);
    assert_int_equal(PARSE("\x30\x15" EC "\x31\x0a" P256 RSA, &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), 0);
    assert_int_equal(can(&a, "ecdsanistp256", &digest), 0);
    assert_int_equal(can(&a, "ed25519", &digest), -EOPNOTSUPP);
    /* A curve that nobody here knows. */
    assert_int_equal(PARSE("\x30\x10" EC "\x31\x05\x06\x03\x2b\x65\x6f", &a), 0);
    assert_int_equal(can(&a, "ecdsanistp256", &digest), -EOPNOTSUPP);
    assert_int_equal(can(&a, "rsa", &digest), -EOPNOTSUPP);
}

static void test_digests(void **state)
{
    const char *digest;
    EstAttributes a;

    assert_int_equal(PARSE(ECDSA_SHA384, &a), 0);
    assert_int_equal(can(&a, "ecdsanistp521", &digest), 0);
    assert_string_equal(digest, "sha384");
    assert_int_equal(can(&a, "rsa", &digest), -EOPNOTSUPP);
    assert_int_equal(PARSE(CHALLENGE, &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), -EOPNOTSUPP);
    /* What nobody knows is nobody's business. */
    assert_int_equal(PARSE("\x06\x03\x2a\x03\x04", &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), 0);
    assert_string_equal(digest, "sha256");
}

/* Usages are taken, once; names are the router's to choose. */
static void test_extensions(void **state)
{
    EstAttributes a;

    assert_int_equal(
        PARSE("\x30\x35" EXTENSIONS "\x31\x28\x30\x26" KEY_USAGE OTHER_NAME KEY_USAGE, &a),
        -EBADMSG); /* a byte is missing */
    assert_int_equal(
        PARSE("\x30\x37" EXTENSIONS "\x31\x2a\x30\x28" KEY_USAGE OTHER_NAME KEY_USAGE, &a), 0);
    assert_int_equal(sk_X509_EXTENSION_num(a.extensions), 1);
    assert_int_equal(
        OBJ_obj2nid(X509_EXTENSION_get_object(sk_X509_EXTENSION_value(a.extensions, 0))),
        NID_key_usage);
    est_attributes_done(&a);
    assert_int_equal(PARSE("\x30\x12" EXTENSIONS "\x31\x05\x06\x03\x55\x1d\x25", &a), 0);
    assert_null(a.extensions);
}

/* Attributes without values, with others than they have, or beside what is none. */
static void test_contents(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } bad[] = {
#define BAD(text) {text, sizeof(text) - 1}
        BAD("\x02\x01\x01"),
        BAD("\x30\x09" EC),
        BAD("\x30\x0b" EC "\x30\x00"),
        BAD("\x30\x0e" EC "\x31\x03\x02\x01\x01"),
        BAD("\x30\x0d" EC "\x31\x00\x05\x00"),
        BAD("\x30\x10" RSA "\x31\x03\x0c\x01\x61"),
        BAD("\x30\x10" RSA "\x31\x03\x02\x01\xff"),
        BAD("\x30\x13" RSA "\x31\x06\x02\x01\x01\x02\x01\x02"),
        BAD("\x30\x10" EXTENSIONS "\x31\x03\x02\x01\x01"),
        BAD("\x30\x12" EXTENSIONS "\x31\x05\x30\x03\x02\x01\x01"),
#undef BAD
    };
    const char *digest;
    EstAttributes a;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (parse(bad[i].text, bad[i].size, &a) != -EBADMSG)
            fail_msg("number %zu is taken", i);
    /* Any curve will do; any size; and a challenge is one with a value too. */
    assert_int_equal(PARSE("\x30\x0b" EC "\x31\x00", &a), 0);
    assert_int_equal(can(&a, "ecdsanistp256", &digest), 0);
    assert_int_equal(PARSE("\x30\x0d" RSA "\x31\x00", &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), 0);
    assert_int_equal(PARSE("\x30\x10" CHALLENGE "\x31\x03\x13\x01\x61", &a), 0);
    assert_int_equal(can(&a, "rsa", &digest), -EOPNOTSUPP);
}

static void test_malformed(void **state)
{
    static const char good[] = "\x30\x15" EC "\x31\x0a" P256 ECDSA_SHA384;
    const char *reason = NULL;
    EstAttributes a;

    for (size_t size = 1; size < sizeof(good) - 1; size++)
        if (size != 23 && parse(good, size, &a) == 0)
            fail_msg("%zu bytes are taken", size);
    assert_int_equal(est_attributes_parse("text/plain", "MAA=", 4, &a, &reason), -EBADMSG);
    assert_int_equal(est_attributes_parse(NULL, "MAA=", 4, &a, &reason), -EBADMSG);
    assert_int_equal(est_attributes_parse(CSRATTRS "x", "MAA=", 4, &a, &reason), -EBADMSG);
    assert_int_equal(est_attributes_parse(CSRATTRS, "MAA", 3, &a, &reason), -EBADMSG);
    assert_int_equal(est_attributes_parse(CSRATTRS, "MAAA", 4, &a, &reason), -EBADMSG);
    assert_int_equal(est_attributes_parse("Application/CsrAttrs ; x=y", "MA\nA=\n", 6, &a, &reason),
                     0);
}

/* What is no certificate is found out later. */
static void test_types(void **state)
{
    static const char *const refused[] = {
        "application/pkcs7", "application/pkcs7-mime; smime-type=\"server-generated-key\"",
        "application/pkcs7-mime; smime-type=", "application/pkcs7-mime; smime-type=\"\"certs-only"};
    static const char *const taken[] = {
        "application/pkcs7-mime", "application/pkcs7-mime;smime-type=certs-only",
        "Application/PKCS7-mime; SMIME-type=\"certs-only\"; name=\"a.p7b\""};
    const char *reason = NULL;
    ReceivedList list;

    for (size_t i = 0; i < ELEMENTSOF(refused); i++)
        if (est_certificates_parse(refused[i], "MAA=", 4, &list, &reason) != -EBADMSG ||
            !strstr(reason, "type is not"))
            fail_msg("%s is taken", refused[i]);
    for (size_t i = 0; i < ELEMENTSOF(taken); i++)
        if (est_certificates_parse(taken[i], "MAA=", 4, &list, &reason) != -EBADMSG ||
            !strstr(reason, "no CMS SignedData"))
            fail_msg("%s is refused: %s", taken[i], reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_digests),  cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_contents), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
