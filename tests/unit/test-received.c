/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates from outside: what is read, in which forms, and what is not believed, thing by
 * thing. */
#include "test-certificates.h"

#include <ctype.h>

#include "csr.h"
#include "json-util.h"
#include "received.h"

#define NOW INT64_C(1700000000)
#define DAY INT64_C(86400)

static const ReceivedRules rules = {.now = NOW};
static TestCertificate root, middle, other, leaf, old_root;

static int setup(void **state)
{
    pki_make(&root, NULL,
             &(TestCertificateSpec){"root", "ecdsanistp256", "critical,keyCertSign", true,
                                    NOW - DAY, NOW + 900 * DAY});
    pki_make(&middle, &root,
             &(TestCertificateSpec){"middle", "ecdsanistp256", "critical,keyCertSign", true,
                                    NOW - DAY, NOW + 800 * DAY});
    pki_make(&other, NULL,
             &(TestCertificateSpec){"other", "ecdsanistp256", "critical,keyCertSign", true,
                                    NOW - DAY, NOW + 800 * DAY});
    pki_make(&old_root, NULL,
             &(TestCertificateSpec){"old", "ecdsanistp256", "critical,keyCertSign", true,
                                    NOW - 9 * DAY, NOW - DAY});
    pki_make(&leaf, &middle,
             &(TestCertificateSpec){"leaf", "ecdsanistp256", "critical,digitalSignature", false,
                                    NOW - DAY, NOW + 100 * DAY});
    return 0;
}

static int teardown(void **state)
{
    pki_free(&root);
    pki_free(&middle);
    pki_free(&other);
    pki_free(&old_root);
    pki_free(&leaf);
    return 0;
}

static void add(ReceivedList *list, const TestCertificate *c)
{
    const char *reason;

    assert_int_equal(received_add(list, c->der, (size_t)c->der_size, &reason), 0);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static char *pem(const char *label, const TestCertificate *c)
{
    _cleanup_free_ char *body = base64_encode(c->der, (size_t)c->der_size);
    char *text;

    assert_true(asprintf(&text, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, body, label) >
                0);
    return text;
}

static int parse(const char *text, size_t *ret_n)
{
    const char *reason = NULL;
    ReceivedList list;
    int r = received_parse(text, strlen(text), &list, &reason);

    if (r < 0) {
        assert_non_null(reason);
        return r;
    }
    *ret_n = list.n;
    received_done(&list);
    return 0;
}

static void test_unreadable(void **state)
{
    _cleanup_free_ char *key = pem("PRIVATE KEY", &root), *whole = pem("CERTIFICATE", &root);
    _cleanup_free_ char *large = calloc(1, RECEIVED_SIZE_MAX + 2);
    const char *reason;
    ReceivedList list;
    size_t n;

    assert_int_equal(parse("", &n), -EBADMSG);
    assert_int_equal(parse("hello\n", &n), -EBADMSG);
    assert_int_equal(parse("AAAA\n", &n), -EBADMSG);
    assert_int_equal(parse("-----BEGIN CERTIFICATE-----\n", &n), -EBADMSG);
    assert_int_equal(parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &n),
                     -EBADMSG);
    assert_int_equal(parse(key, &n), -EBADMSG);
    memset(large, 'A', RECEIVED_SIZE_MAX + 1);
    assert_int_equal(parse(large, &n), -EMSGSIZE);
    /* Cut off anywhere. */
    for (int size = 1; size < root.der_size; size += 7)
        assert_int_equal(received_parse(root.der, (size_t)size, &list, &reason), -EBADMSG);
    whole[strlen(whole) / 2] = '\0';
    assert_int_equal(parse(whole, &n), -EBADMSG);
}

static void test_forms(void **state)
{
    _cleanup_free_ char *one = pem("CERTIFICATE", &middle), *two = pem("CERTIFICATE", &root);
    _cleanup_free_ char *bare = base64_encode(root.der, (size_t)root.der_size), *both = NULL;
    const char *reason;
    ReceivedList list;
    size_t n;

    assert_int_equal(parse(one, &n), 0);
    assert_int_equal(n, 1);
    assert_true(asprintf(&both, "subject=x\n%s\n%s%s", one, two, one) > 0);
    assert_int_equal(parse(both, &n), 0);
    assert_int_equal(n, 2); /* the same one twice is one */
    assert_int_equal(parse(bare, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(received_parse(root.der, (size_t)root.der_size, &list, &reason), 0);
    received_done(&list);
}

/* A bag of certificates, as some CAs hand them out; signed: with somebody's signature. */
static size_t bag(const TestCertificate *signer, unsigned char **ret)
{
    PKCS7 *p7 = PKCS7_new();
    int size;

    assert_non_null(p7);
    assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
    assert_int_equal(PKCS7_content_new(p7, NID_pkcs7_data), 1);
    assert_int_equal(PKCS7_add_certificate(p7, middle.certificate), 1);
    assert_int_equal(PKCS7_add_certificate(p7, root.certificate), 1);
    if (signer)
        assert_non_null(PKCS7_add_signature(p7, signer->certificate, signer->key, EVP_sha256()));
    *ret = NULL;
    size = i2d_PKCS7(p7, ret);
    assert_true(size > 0);
    PKCS7_free(p7);
    return (size_t)size;
}

static void test_bag(void **state)
{
    _cleanup_free_ char *text = NULL, *bare = NULL, *one = pem("CERTIFICATE", &leaf);
    TestCertificate as_file = {0};
    unsigned char *der;
    const char *reason;
    ReceivedList list;
    size_t size, n;

    size = bag(&root, &der);
    assert_int_equal(received_parse(der, size, &list, &reason), -EBADMSG);
    OPENSSL_free(der);
    size = bag(NULL, &der);
    assert_int_equal(received_parse(der, size - 1, &list, &reason), -EBADMSG);
    assert_int_equal(received_parse(der, size, &list, &reason), 0);
    assert_int_equal(list.n, 2);
    received_done(&list);
    as_file.der = der;
    as_file.der_size = (int)size;
    text = pem("PKCS7", &as_file);
    assert_int_equal(parse(text, &n), 0);
    assert_int_equal(n, 2);
    bare = base64_encode(der, size);
    assert_int_equal(parse(bare, &n), 0);
    assert_int_equal(n, 2);
    /* With others beside it. */
    text = realloc(text, strlen(text) + strlen(one) + 1);
    assert_non_null(text);
    strcat(text, one);
    assert_int_equal(parse(text, &n), 0);
    assert_int_equal(n, 3);
    OPENSSL_free(der);
}

static void test_too_many(void **state)
{
    ReceivedList list = {.n = 0};
    const char *reason;

    for (size_t i = 0; i < RECEIVED_MAX; i++) {
        TestCertificate c;

        pki_make(&c, NULL,
                 &(TestCertificateSpec){"x", "ed25519", NULL, true, NOW - DAY, NOW + DAY});
        add(&list, &c);
        pki_free(&c);
    }
    assert_int_equal(received_add(&list, root.der, (size_t)root.der_size, &reason), -EMSGSIZE);
    received_done(&list);
}

/* --- CAs -------------------------------------------------------------------------------------- */

static void assert_no_authority(ReceivedList *list, int error, const char *words)
{
    const char *reason = "";
    size_t n;

    assert_int_equal(received_order_authority(list, &rules, &n, &reason), error);
    if (!strstr(reason, words))
        fail_msg("'%s' does not say '%s'", reason, words);
    received_done(list);
}

static void test_no_authority(void **state)
{
    ReceivedList list = {.n = 0};
    TestCertificate c;

    add(&list, &leaf);
    assert_no_authority(&list, -EKEYREJECTED, "none of it is the certificate of a CA");
    add(&list, &root);
    add(&list, &other);
    assert_no_authority(&list, -EKEYREJECTED, "several CAs");
    add(&list, &old_root);
    assert_no_authority(&list, -EKEYEXPIRED, "expired");
    /* A CA that says it must not certify. */
    pki_make(&c, NULL,
             &(TestCertificateSpec){"x", "ed25519", "critical,digitalSignature", true, NOW - DAY,
                                    NOW + DAY});
    add(&list, &c);
    assert_no_authority(&list, -EKEYREJECTED, "none of it");
    pki_free(&c);
    /* Somebody else with the root's name. */
    pki_make(&c, NULL,
             &(TestCertificateSpec){"root", "ecdsanistp256", "critical,keyCertSign", true,
                                    NOW - DAY, NOW + DAY});
    add(&list, &middle);
    add(&list, &c);
    assert_no_authority(&list, -EKEYREJECTED, "signature on it is wrong");
    pki_free(&c);
}

static void test_order(void **state)
{
    const TestCertificate *orders[][3] = {
        {&root, &middle, &leaf}, {&leaf, &root, &middle}, {&middle, &leaf, &root}};
    const char *reason;
    size_t n;

    for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
        ReceivedList list = {.n = 0};

        for (size_t j = 0; j < 3; j++)
            add(&list, orders[i][j]);
        assert_int_equal(received_order_authority(&list, &rules, &n, &reason), 0);
        assert_int_equal(n, 2);
        assert_int_equal(X509_cmp(list.items[0].x509, middle.certificate), 0);
        assert_int_equal(X509_cmp(list.items[1].x509, root.certificate), 0);
        assert_int_equal(X509_cmp(list.items[2].x509, leaf.certificate), 0);
        received_done(&list);
    }
}

/* Another certificate for a key, by another CA or by itself: what pki_make() makes has a key of its
 * own. */
static TestCertificate crossed(const TestCertificate *of, const TestCertificate *by)
{
    TestCertificate c = {.certificate = X509_dup(of->certificate), .key = of->key};

    assert_int_equal(X509_set_issuer_name(c.certificate, X509_get_subject_name(by->certificate)),
                     1);
    assert_true(X509_sign(c.certificate, by->key, EVP_sha256()) > 0);
    c.der_size = i2d_X509(c.certificate, &c.der);
    return c;
}

static void crossed_done(TestCertificate *c)
{
    X509_free(c->certificate);
    OPENSSL_free(c->der);
}

/* A CA that is changing its key shows both, and that each vouches for the other (RFC 7030 section
 * 4.1.3): it is the present one. Only then. */
static void test_changing_authority(void **state)
{
    static const char *const names[] = {"root", "root G2"};

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        TestCertificate next, new_with_old, old_with_new;
        ReceivedList list = {.n = 0};
        const char *reason = "";
        size_t n;

        pki_make(&next, NULL,
                 &(TestCertificateSpec){names[i], "ecdsanistp256", "critical,keyCertSign", true,
                                        NOW - DAY, NOW + 999 * DAY});
        new_with_old = crossed(&next, &root);
        old_with_new = crossed(&root, &next);
        add(&list, &next);
        add(&list, &old_with_new);
        add(&list, &new_with_old);
        add(&list, &root);
        assert_int_equal(received_order_authority(&list, &rules, &n, &reason), 0);
        assert_int_equal(n, 1);
        assert_int_equal(list.n, 1);
        assert_int_equal(X509_cmp(list.items[0].x509, root.certificate), 0);
        received_done(&list);
        /* One of the two says nothing of the other. */
        add(&list, &next);
        add(&list, &root);
        assert_no_authority(&list, -EKEYREJECTED, "several CAs");
        if (i == 0) {
            add(&list, &next);
            add(&list, &new_with_old);
            add(&list, &root);
            assert_no_authority(&list, -EKEYREJECTED, "several CAs");
        }
        /* A third CA. */
        add(&list, &next);
        add(&list, &old_with_new);
        add(&list, &new_with_old);
        add(&list, &root);
        add(&list, &other);
        if (i == 0)
            assert_no_authority(&list, -EKEYREJECTED, "several CAs");
        received_done(&list);
        crossed_done(&new_with_old);
        crossed_done(&old_with_new);
        pki_free(&next);
    }
}

/* --- Answers ---------------------------------------------------------------------------------- */

typedef struct Case {
    const char *name, *usage, *san, *asked_san;
    bool is_ca, by_other, other_key;
    int64_t from, until;
    const char *words; /* NULL: it passes */
} Case;

static X509_REQ *make_request(EVP_PKEY *key, const char *san)
{
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL;
    _cleanup_free_ void *der = NULL;
    const unsigned char *p;
    const char *reason;
    X509_REQ *request;
    size_t size;

    assert_int_equal(subject_parse("CN=router,O=x", &subject, &reason), 0);
    assert_int_equal(csr_build(&(CsrSpec){.subject = subject,
                                          .key = key,
                                          .digest = "sha256",
                                          .alternative_names = san},
                               NULL, &der, &size),
                     0);
    p = der;
    request = d2i_X509_REQ(NULL, &p, (long)size);
    assert_non_null(request);
    return request;
}

static void check(const Case *c)
{
    const TestCertificate *issuer = c->by_other ? &other : &middle;
    EVP_PKEY *stranger = pki_key("ecdsanistp256");
    const char *reason = "";
    X509_REQ *request;
    TestCertificate t;
    int r;

    pki_make(&t, issuer,
             &(TestCertificateSpec){c->name ? c->name : "router", "ecdsanistp256",
                                    c->usage ? c->usage : "critical,digitalSignature", c->is_ca,
                                    NOW + (c->from ? c->from : -1) * DAY,
                                    NOW + (c->until ? c->until : 9) * DAY});
    if (c->san) {
        pki_extension(t.certificate, issuer->certificate, NID_subject_alt_name, c->san);
        assert_true(X509_sign(t.certificate, issuer->key, EVP_sha256()) > 0);
    }
    request = make_request(c->other_key ? stranger : t.key, c->asked_san);
    r = received_check_answer(t.certificate, middle.certificate, request, &rules, &reason);
    if (c->words ? r == 0 || !strstr(reason, c->words) : r != 0)
        fail_msg("%d '%s' is not '%s'", r, reason, c->words);
    X509_REQ_free(request);
    EVP_PKEY_free(stranger);
    pki_free(&t);
}

static void test_answers(void **state)
{
    static const Case cases[] = {
        {.other_key = true, .words = "another key"},
        {.by_other = true, .words = "another CA"},
        {.until = -1, .from = -3, .words = "expired"},
        {.from = 1, .words = "not valid yet"},
        {.is_ca = true, .usage = "critical,keyCertSign", .words = "a CA"},
        {.usage = "critical,digitalSignature,cRLSign", .words = "a CA"},
        {.usage = "critical,dataEncipherment", .words = "nothing to use it for"},
        {.name = "somebody", .words = "common name"},
        {.san = "DNS:extra.example", .words = "was not asked for"},
        {.san = "DNS:a.example,DNS:*.example",
         .asked_san = "DNS:a.example",
         .words = "was not asked for"},
        {.asked_san = "DNS:a.example", .words = "lacks"},
        {.san = "DNS:a.example,IP:192.0.2.1", .asked_san = "IP:192.0.2.1,DNS:a.example"},
        {.san = "DNS:router"}, /* some CAs repeat the common name */
        {.name = NULL},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        check(&cases[i]);
}

/* PEERS F8: a name that stands for others, or that a shell or the journal would act on, is not the
 * one that was asked for. */
static void test_common_names(void **state)
{
    static const char *const names[] = {"*",
                                        "*.example",
                                        "r*",
                                        "router ",
                                        "Router",
                                        "router\n<34>%SECURITY-CEPKI-1: forged",
                                        "router;reboot",
                                        "$(reboot)",
                                        "`reboot`",
                                        "router\t",
                                        "router\x1b[2J",
                                        "../router",
                                        "%s%n"};

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        check(&(Case){.name = names[i], .words = "common name"});
}

/* As it comes from outside: OpenSSL remembers what it has read. */
static void sign_again(TestCertificate *t, EVP_PKEY *key, const EVP_MD *digest)
{
    assert_true(X509_sign(t->certificate, key, digest) > 0);
    OPENSSL_free(t->der);
    t->der = NULL;
    t->der_size = i2d_X509(t->certificate, &t->der);
    X509_free(t->certificate);
    assert_int_equal(certificate_parse(t->der, (size_t)t->der_size, &t->certificate), 0);
}

/* PEERS F8: what a CA adds to the subject is its business, and nothing that a terminal, the journal
 * or a shell acts on when it is shown. */
static void test_added_names(void **state)
{
    static const char added[] = "x\n<34>%SECURITY-CEPKI-1: forged\r\x1b[2J$(reboot)";
    CertificateSummary summary = {0};
    const char *reason = "";
    X509_REQ *request;
    TestCertificate t;

    pki_make(&t, &middle,
             &(TestCertificateSpec){"router", "ecdsanistp256", "critical,digitalSignature", false,
                                    NOW - DAY, NOW + DAY});
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(t.certificate), "OU",
                                                MBSTRING_UTF8, (const uint8_t *)added, -1, -1, 0),
                     1);
    sign_again(&t, middle.key, EVP_sha256());
    request = make_request(t.key, NULL);
    assert_int_equal(
        received_check_answer(t.certificate, middle.certificate, request, &rules, &reason), 0);
    assert_int_equal(certificate_summarize(t.certificate, &summary), 0);
    assert_non_null(strstr(summary.subject, "forged"));
    for (const char *c = summary.subject; *c; c++)
        assert_false(iscntrl((unsigned char)*c));
    certificate_summary_done(&summary);
    X509_REQ_free(request);
    pki_free(&t);
}

/* PEERS F9: a number is what it is, with its sign bit set, and with as many octets as there may be.
 */
static void test_serial_numbers(void **state)
{
    static const struct {
        const char *hex, *shown;
    } cases[] = {
        {"80", "80"},
        {"00FF", "FF"},
        {"80000000000000000000000000000000000000FF",
         "80:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:FF"},
        {"7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
         "7F:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF:FF"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        CertificateSummary summary = {0};
        BIGNUM *number = NULL;
        const char *reason = "";
        X509_REQ *request;
        TestCertificate t;

        pki_make(&t, &middle,
                 &(TestCertificateSpec){"router", "ecdsanistp256", "critical,digitalSignature",
                                        false, NOW - DAY, NOW + DAY});
        assert_true(BN_hex2bn(&number, cases[i].hex) > 0);
        assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(t.certificate)));
        sign_again(&t, middle.key, EVP_sha256());
        request = make_request(t.key, NULL);
        assert_int_equal(
            received_check_answer(t.certificate, middle.certificate, request, &rules, &reason), 0);
        assert_int_equal(certificate_summarize(t.certificate, &summary), 0);
        assert_string_equal(summary.serial_number, cases[i].shown);
        certificate_summary_done(&summary);
        BN_free(number);
        X509_REQ_free(request);
        pki_free(&t);
    }
}

/* The right name above the wrong key, and digests that can be forged. */
static void test_signatures(void **state)
{
    X509_REQ *request;
    X509_NAME *name = X509_get_subject_name(middle.certificate);
    ReceivedRules legacy = {.now = NOW, .legacy = true};
    TestCertificate ca, t;
    const char *reason;

    pki_make(&t, &root,
             &(TestCertificateSpec){"middle", "rsa", "critical,keyCertSign", true, NOW - DAY,
                                    NOW + DAY});
    ca = t;
    pki_make(&t, &ca,
             &(TestCertificateSpec){"router", "ecdsanistp256", "critical,digitalSignature", false,
                                    NOW - DAY, NOW + DAY});
    request = make_request(t.key, NULL);
    assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(t.certificate), name), 0);
    assert_int_equal(
        received_check_answer(t.certificate, middle.certificate, request, &rules, &reason),
        -EKEYREJECTED);
    assert_non_null(strstr(reason, "signature on it is wrong"));
    sign_again(&t, ca.key, EVP_sha1());
    assert_int_equal(received_check_answer(t.certificate, ca.certificate, request, &rules, &reason),
                     -EKEYREJECTED);
    assert_non_null(strstr(reason, "SHA-1"));
    assert_int_equal(
        received_check_answer(t.certificate, ca.certificate, request, &legacy, &reason), 0);
    sign_again(&t, ca.key, EVP_md5());
    assert_int_equal(
        received_check_answer(t.certificate, ca.certificate, request, &legacy, &reason),
        -EKEYREJECTED);
    assert_non_null(strstr(reason, "MD5"));
    /* Not forbidden by name, and no better. */
    sign_again(&t, ca.key, EVP_ripemd160());
    assert_int_equal(received_check_answer(t.certificate, ca.certificate, request, &rules, &reason),
                     -EKEYREJECTED);
    assert_non_null(strstr(reason, "digest that is not known here"));
    X509_REQ_free(request);
    pki_free(&ca);
    pki_free(&t);
}

/* --- Names, fingerprints ---------------------------------------------------------------------- */

static void test_alternative_names(void **state)
{
    static const char *const refused[] = {
        "",          "x",          "DNS:",     "DNS:a..b",   "IP:1.2.3",    "IP:1.2.3.4,",
        "URI:http:", "email:noat", "email:@x", "email:a@b@", "DNS:a b",     "dns",
        "IP:::g",    "DNS:*",      ",DNS:a",   "email:a@x,", "email:a\"@x",
    };
    GENERAL_NAMES *names = NULL;
    const char *reason = NULL;
    char many[400] = "DNS:a";

    for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
        reason = NULL;
        if (alternative_names_parse(refused[i], &names, &reason) != -EINVAL || !reason)
            fail_msg("'%s' passes", refused[i]);
    }
    for (size_t i = 0; i < 32; i++)
        (void)strcat(many, ",DNS:a");
    assert_int_equal(alternative_names_parse(many, &names, &reason), -EINVAL);
    assert_int_equal(alternative_names_parse(
                         "DNS:ios.cisco.com, dns:*.x.y,IP:192.0.2.1,ip:2001:db8::1,email:a@b.c",
                         &names, &reason),
                     0);
    assert_int_equal(sk_GENERAL_NAME_num(names), 5);
    GENERAL_NAMES_free(names);
}

static void test_fingerprints(void **state)
{
    CertificateSummary s;
    char spaced[200] = "", lower[65];

    assert_int_equal(certificate_summarize(root.certificate, &s), 0);
    assert_int_equal(fingerprint_matches("", &s), -EINVAL);
    assert_int_equal(fingerprint_matches("zz", &s), -EINVAL);
    assert_int_equal(fingerprint_matches("00112233445566778899AABBCCDDEEFF", &s), -EINVAL);
    assert_int_equal(fingerprint_matches("00112233445566778899AABBCCDDEEFF00112233", &s), 0);
    for (size_t i = 0; i < 64; i++)
        (void)snprintf(spaced + strlen(spaced), 3, "%s%c", i && i % 2 == 0 ? ":" : "",
                       s.sha256_fingerprint[i]);
    assert_int_equal(fingerprint_matches(spaced, &s), 1);
    for (size_t i = 0; i < 65; i++)
        lower[i] = (char)tolower((unsigned char)s.sha256_fingerprint[i]);
    assert_int_equal(fingerprint_matches(lower, &s), 1);
    assert_int_equal(fingerprint_matches(s.sha1_fingerprint, &s), 1);
    lower[63] = lower[63] == '0' ? '1' : '0';
    assert_int_equal(fingerprint_matches(lower, &s), 0);
    (void)strcat(spaced, ":00");
    assert_int_equal(fingerprint_matches(spaced, &s), -EINVAL);
    certificate_summary_done(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_bag),
        cmocka_unit_test(test_no_authority),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_changing_authority),
        cmocka_unit_test(test_common_names),
        cmocka_unit_test(test_added_names),
        cmocka_unit_test(test_serial_numbers),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_alternative_names),
        cmocka_unit_test(test_fingerprints),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
