/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of SCEP as bytes. What a CA may get wrong field by field is in
 * tests/system/test_scep.py; here are the URLs, the capabilities, requests as OpenSSL reads them,
 * and replies that are cut off or bent anywhere. */
#include "test-certificates.h"

#include "csr.h"
#include "scep-message.h"
#include "scep-url.h"

#define NOW INT64_C(1700000000)
#define DAY INT64_C(86400)

static TestCertificate ca;
static EVP_PKEY *key;
static X509 *signer;
static char transaction[SCEP_TRANSACTION_SIZE];
static const uint8_t nonce[SCEP_NONCE_SIZE] = "0123456789abcdef";

static int setup(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL;
    const char *reason;

    pki_make(
        &ca, NULL,
        &(TestCertificateSpec){"ca", "rsa", "critical,keyCertSign", true, NOW - DAY, NOW + DAY});
    key = pki_key("rsa");
    assert_int_equal(subject_parse("CN=router", &subject, &reason), 0);
    assert_int_equal(scep_transaction(key, NULL, transaction), 0);
    assert_int_equal(scep_signer_certificate(NULL, key, subject, transaction, NOW, &signer), 0);
    return 0;
}

static int teardown(void **state)
{
    pki_free(&ca);
    EVP_PKEY_free(key);
    X509_free(signer);
    return 0;
}

static void test_urls(void **state)
{
    static const char *const refused[] = {"",
                                          "ca",
                                          "https://ca/",
                                          "ftp://ca/",
                                          "http://",
                                          "http://u:p@ca/",
                                          "http://ca/ ",
                                          "http://ca/#a",
                                          "http://ca/\"x"};
    static const char *const cases[][3] = {
        {"http://ca", "core", "http://ca/cgi-bin/pkiclient.exe?operation=GetCACert&message=core"},
        {"http://ca/",
         "a+/=", "http://ca/cgi-bin/pkiclient.exe?operation=GetCACert&message=a%2B%2F%3D"},
        {"http://ca:80/certsrv/mscep/mscep.dll", NULL,
         "http://ca:80/certsrv/mscep/mscep.dll?operation=GetCACert"},
        {"http://ca/x?a=b", "core", "http://ca/x?a=b&operation=GetCACert&message=core"},
    };
    char large[9000];
    const char *reason;
    char *url;

    for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
        reason = NULL;
        if (scep_url_check(refused[i], &reason) != -EINVAL || !reason)
            fail_msg("'%s' passes", refused[i]);
    }
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        assert_int_equal(scep_url_check(cases[i][0], &reason), 0);
        assert_int_equal(scep_url_new(cases[i][0], "GetCACert", cases[i][1], &url), 0);
        assert_string_equal(url, cases[i][2]);
        free(url);
    }
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    assert_int_equal(scep_url_new("http://ca", "PKIOperation", large, &url), -EMSGSIZE);
}

static ScepCapabilities capabilities(const char *text)
{
    ScepCapabilities c;

    scep_capabilities_parse(text, strlen(text), &c);
    return c;
}

static void test_capabilities(void **state)
{
    ScepCapabilities c = capabilities("");

    assert_false(c.aes || c.sha256 || c.post || c.renewal || c.triple_des);
    c = capabilities("AES256\nSHA-2\nxAES\n AES\nPOST\nMD5\n<html>AES</html>");
    assert_false(c.aes || c.sha256 || c.post);
    c = capabilities("SHA-256\r\naes\nRenewal\nDES3");
    assert_true(c.aes && c.sha256 && c.renewal && c.triple_des);
    assert_false(c.post);
    assert_false(c.next_authority);
    c = capabilities("SCEPStandard\nGetNextCACert");
    assert_true(c.next_authority);
    c = capabilities("SCEPStandard\n");
    assert_true(c.aes && c.sha256 && c.post);
}

/* --- Requests --------------------------------------------------------------------------------- */

static void build(X509 *recipient, void **ret, size_t *ret_size, int expected)
{
    assert_int_equal(scep_request_build(&(ScepRequest){.type = SCEP_ENROLL,
                                                       .transaction = transaction,
                                                       .nonce = nonce,
                                                       .content = "hello",
                                                       .content_size = 5,
                                                       .recipient = recipient,
                                                       .signer = signer,
                                                       .key = key,
                                                       .digest = "sha256"},
                                        ret, ret_size),
                     expected);
}

/* A key that can neither be encrypted for nor agreed with. */
static void test_signatures_only(void **state)
{
    TestCertificate edwards;
    size_t size;
    void *der;

    pki_make(&edwards, NULL,
             &(TestCertificateSpec){"edwards", "ed25519", NULL, true, NOW - DAY, NOW + DAY});
    build(edwards.certificate, &der, &size, -EOPNOTSUPP);
    pki_free(&edwards);
}

static bool holds(const void *data, size_t size, const char *bytes, size_t n)
{
    return memmem(data, size, bytes, n) != NULL;
}

/* For a CA with a key of an elliptic curve: by key agreement, with SHA-256 and AES, readable by it
 * and by nobody else. */
static void test_agreement(void **state)
{
    static const char *const curves[] = {"ecdsanistp256", "ecdsanistp384", "ecdsanistp521"};

    for (size_t i = 0; i < ELEMENTSOF(curves); i++) {
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *outer = NULL, *inner = NULL;
        _cleanup_(BIO_free_allp) BIO *content = BIO_new(BIO_s_mem()), *plain = BIO_new(BIO_s_mem());
        _cleanup_free_ void *der = NULL;
        TestCertificate ec, other;
        const unsigned char *p;
        char *text = NULL;
        size_t size;
        long n;

        pki_make(&ec, NULL,
                 &(TestCertificateSpec){"ec", curves[i], NULL, true, NOW - DAY, NOW + DAY});
        pki_make(&other, NULL,
                 &(TestCertificateSpec){"other", curves[i], NULL, true, NOW - DAY, NOW + DAY});
        build(ec.certificate, &der, &size, 0);
        p = der;
        outer = d2i_CMS_ContentInfo(NULL, &p, (long)size);
        assert_non_null(outer);
        assert_int_equal(
            CMS_verify(outer, NULL, NULL, NULL, content, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY),
            1);
        n = BIO_get_mem_data(content, &text);
        /* dhSinglePass-stdDH-sha256kdf-scheme, and not that with SHA-1; aes128-wrap; aes128-CBC */
        assert_true(holds(text, (size_t)n, "\x06\x06\x2b\x81\x04\x01\x0b\x01", 8));
        assert_false(holds(text, (size_t)n, "\x2b\x81\x05\x10\x86\x48\x3f\x00\x02", 9));
        assert_true(holds(text, (size_t)n, "\x60\x86\x48\x01\x65\x03\x04\x01\x05", 9));
        assert_true(holds(text, (size_t)n, "\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9));
        inner = d2i_CMS_bio(content, NULL);
        assert_non_null(inner);
        assert_int_equal(CMS_decrypt(inner, other.key, ec.certificate, NULL, plain, 0), 0);
        assert_int_equal(CMS_decrypt(inner, ec.key, ec.certificate, NULL, plain, 0), 1);
        n = BIO_get_mem_data(plain, &text);
        assert_int_equal(n, 5);
        assert_memory_equal(text, "hello", 5);
        pki_free(&ec);
        pki_free(&other);
        ERR_clear_error();
    }
}

/* Signed by the key with its own certificate, readable by the CA, and by nobody else. */
static void test_request(void **state)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *outer = NULL, *inner = NULL;
    _cleanup_(BIO_free_allp) BIO *content = BIO_new(BIO_s_mem()), *plain = BIO_new(BIO_s_mem());
    _cleanup_free_ void *der = NULL;
    const unsigned char *p;
    char *text = NULL;
    size_t size;

    build(ca.certificate, &der, &size, 0);
    p = der;
    outer = d2i_CMS_ContentInfo(NULL, &p, (long)size);
    assert_non_null(outer);
    assert_int_equal(
        CMS_verify(outer, NULL, NULL, NULL, content, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY), 1);
    inner = d2i_CMS_bio(content, NULL);
    assert_non_null(inner);
    assert_int_equal(CMS_decrypt(inner, key, NULL, NULL, plain, 0), 0);
    assert_int_equal(CMS_decrypt(inner, ca.key, ca.certificate, NULL, plain, 0), 1);
    assert_true(BIO_get_mem_data(plain, &text) >= 5);
    assert_memory_equal(text, "hello", 5);
    ERR_clear_error();
}

/* F9: the same in every message of a transaction, positive and minimal. */
static void test_signer(void **state)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(signer);
    char again[SCEP_TRANSACTION_SIZE];

    assert_int_equal(ASN1_STRING_length(serial), 8);
    assert_true(ASN1_STRING_get0_data(serial)[0] >= 0x40 &&
                ASN1_STRING_get0_data(serial)[0] < 0x50);
    assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER);
    assert_int_equal(scep_transaction(key, NULL, again), 0);
    assert_string_equal(again, transaction);
    /* The next certificate of the same key is another matter. */
    assert_int_equal(scep_transaction(key, signer, again), 0);
    assert_string_not_equal(again, transaction);
    assert_false(X509_get_extension_flags(signer) & EXFLAG_CA);
    assert_int_equal(X509_verify(signer, key), 1);
}

/* --- Replies ---------------------------------------------------------------------------------- */

static int parse(const void *data, size_t size)
{
    X509 *signers[] = {ca.certificate};
    const ScepExpectation expected = {
        .transaction = transaction, .nonce = nonce, .signers = signers, .n_signers = 1};
    const char *reason = NULL;
    ScepReply reply;
    int r = scep_reply_parse(data, size, &expected, &reply, &reason);

    if (r < 0)
        assert_non_null(reason);
    return r;
}

static void set_attribute(CMS_SignerInfo *info, const char *oid, int type, const void *value,
                          size_t size)
{
    assert_int_equal(CMS_signed_add1_attr_by_txt(info, oid, type, value, (int)size), 1);
}

/* A reply that says pending. */
static size_t make_reply(unsigned char **ret)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
    _cleanup_(BIO_free_allp) BIO *empty = BIO_new_mem_buf("", 0);
    CMS_SignerInfo *info = CMS_add1_signer(cms, ca.certificate, ca.key, EVP_sha256(),
                                           CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL);
    int size;

    assert_non_null(info);
    set_attribute(info, "2.16.840.1.113733.1.9.2", V_ASN1_PRINTABLESTRING, "3", 1);
    set_attribute(info, "2.16.840.1.113733.1.9.3", V_ASN1_PRINTABLESTRING, "3", 1);
    set_attribute(info, "2.16.840.1.113733.1.9.5", V_ASN1_OCTET_STRING, "fedcba9876543210", 16);
    set_attribute(info, "2.16.840.1.113733.1.9.6", V_ASN1_OCTET_STRING, nonce, sizeof(nonce));
    set_attribute(info, "2.16.840.1.113733.1.9.7", V_ASN1_PRINTABLESTRING, transaction,
                  strlen(transaction));
    assert_int_equal(CMS_final(cms, empty, NULL, CMS_BINARY), 1);
    *ret = NULL;
    size = i2d_CMS_ContentInfo(cms, ret);
    assert_true(size > 0);
    return (size_t)size;
}

/* What it says is what was signed: of all bits of the signed attributes and the signature none can
 * be another. */
static void test_bent_replies(void **state)
{
    unsigned char *reply;
    size_t size = make_reply(&reply), passed = 0;

    assert_int_equal(parse(reply, size), 0);
    for (size_t i = 0; i < size; i += 3)
        assert_true(parse(reply, i) < 0);
    for (size_t i = 0; i < size; i++) {
        reply[i] ^= 0x10;
        passed += parse(reply, size) >= 0;
        reply[i] ^= 0x10;
    }
    /* The certificate in it, and the list of digests, are nobody's evidence. */
    assert_true(passed < (size_t)ca.der_size + 40);
    assert_int_equal(parse(reply, size), 0);
    OPENSSL_free(reply);
}

static void test_bags(void **state)
{
    ReceivedList list;
    const char *reason;

    assert_int_equal(scep_certificates_parse("", 0, &list, &reason), -EBADMSG);
    assert_int_equal(scep_certificates_parse("0\0", 2, &list, &reason), -EBADMSG);
    assert_int_equal(scep_certificates_parse(ca.der, (size_t)ca.der_size - 1, &list, &reason),
                     -EBADMSG);
    assert_int_equal(scep_certificates_parse(ca.der, (size_t)ca.der_size, &list, &reason), 0);
    assert_int_equal(list.n, 1);
    received_done(&list);
}

static void choose(const TestCertificate *agents, size_t n, int64_t now, ScepPeers *ret)
{
    X509 *others[4] = {NULL};

    for (size_t i = 0; i < n; i++)
        others[i] = agents[i].certificate;
    scep_peers_choose(ca.certificate, others, n, now, ret);
}

/* A registration authority: one certificate to sign, one to encrypt for, in any order. */
static void test_peers(void **state)
{
    static const TestCertificateSpec specs[] = {
        {"root", "ecdsanistp256", "keyCertSign,digitalSignature", true, NOW - DAY, NOW + 9 * DAY},
        {"encryption", "ecdsanistp256", "keyAgreement", false, NOW - DAY, NOW + DAY},
        {"signature", "ecdsanistp256", "digitalSignature", false, NOW - DAY, NOW + 2 * DAY},
    };
    TestCertificate agents[ELEMENTSOF(specs)];
    ScepPeers peers;

    for (size_t i = 0; i < ELEMENTSOF(specs); i++)
        pki_make(&agents[i], &ca, &specs[i]);
    /* Who has expired neither reads nor signs, and who stands above the CA never does. */
    choose(agents, ELEMENTSOF(agents), NOW + 3 * DAY, &peers);
    assert_ptr_equal(peers.recipient, ca.certificate);
    assert_int_equal(peers.n_signers, 1);
    assert_ptr_equal(peers.signers[0], ca.certificate);
    choose(agents, ELEMENTSOF(agents), NOW + DAY, &peers); /* that is when it ends */
    assert_ptr_equal(peers.recipient, ca.certificate);
    assert_int_equal(peers.n_signers, 2);
    choose(agents, ELEMENTSOF(agents), NOW, &peers);
    assert_ptr_equal(peers.recipient, agents[1].certificate);
    assert_int_equal(peers.n_signers, 2);
    assert_ptr_equal(peers.signers[0], agents[2].certificate);
    assert_ptr_equal(peers.signers[1], ca.certificate);
    for (size_t i = 0; i < ELEMENTSOF(agents); i++)
        pki_free(&agents[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_signatures_only),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_bent_replies),
        cmocka_unit_test(test_bags),
        cmocka_unit_test(test_peers),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
