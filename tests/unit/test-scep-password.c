/* SPDX-License-Identifier: Apache-2.0 */
/* Answers under the challenge password: which pass, what is said of those that do not, and how the
 * requests of keys are signed that nothing can be encrypted for. */
#include "test-certificates.h"

#include <openssl/cms.h>

#include "scep-message.h"

#define PASSWORD "secret"
#define TEXT "hello world"
#define PASSWORD_INFO_END 166U /* of the vector: what follows is the encrypted content */

/* TEXT under PASSWORD, by another program: PBKDF2 with SHA-256 in 1000 iterations, AES-256. */
static const char vector[] =
    "3081e106092a864886f70d010703a081d33081d002010331818ca38189020100a03406092a864886f70d0105"
    "0c30270410492fff2c96d9c53163a33ae67a7e6d00020203e8020120300c06082a864886f70d02090500302c"
    "060b2a864886f70d0109100309301d060960864801650304012a0410c2c3cd28f816b4277eac929ab21c119f"
    "0420120b9ef4342be5f56e023075bb4dca67c56a51c30a15231afb21c5bb02c4cc3a303c06092a864886f70d"
    "010701301d06096086480165030401020410422950f351031e95e175826eb9bcb724801051f4cc495914547a"
    "6a14f383df35b4b9";

static TestCertificate signing, rsa;

static int setup(void **state)
{
    pki_make(&signing, NULL, &(TestCertificateSpec){"a", "ed25519", NULL, true, 0, 4000000000});
    pki_make(&rsa, NULL, &(TestCertificateSpec){"a", "rsa", NULL, true, 0, 4000000000});
    return 0;
}

static int teardown(void **state)
{
    pki_free(&signing);
    pki_free(&rsa);
    return 0;
}

static uint8_t *good(size_t *ret_size)
{
    long size;
    uint8_t *der = OPENSSL_hexstr2buf(vector, &size);

    assert_non_null(der);
    *ret_size = (size_t)size;
    return der;
}

/* What is done with an answer, in one. *ret_reason: NULL when it could be read. */
static int open_with(DerSpan content, const TestCertificate *router, bool legacy,
                     const char *password, const char **ret_reason)
{
    _cleanup_free_ void *text = NULL;
    ScepEnvelope envelope;
    size_t size;
    int r;

    r = scep_envelope_parse(content, router->certificate, legacy, &envelope, ret_reason);
    if (r < 0)
        return r;
    *ret_reason = NULL;
    r = scep_envelope_open(&envelope, NULL, NULL, password, &text, &size);
    if (r >= 0)
        assert_true(size == strlen(TEXT) && memcmp(text, TEXT, size) == 0);
    return r;
}

static void test_opened(void **state)
{
    _cleanup_openssl_free_ uint8_t *der = NULL;
    const char *reason;
    size_t size;

    der = good(&size);
    assert_int_equal(open_with((DerSpan){der, size}, &signing, false, PASSWORD "x", &reason),
                     -EKEYREJECTED);
    assert_int_equal(open_with((DerSpan){der, size}, &signing, false, "", &reason), -EKEYREJECTED);
    assert_int_equal(open_with((DerSpan){der, size}, &signing, false, PASSWORD, &reason), 0);
    /* Whoever has a key to open answers with gets them for it. */
    assert_int_equal(open_with((DerSpan){der, size}, &rsa, false, PASSWORD, &reason),
                     -EKEYREJECTED);
    assert_non_null(strstr(reason, "although the router has a key"));
}

/* It derives with SHA-1. */
static void make_with_openssl(BIO *out, bool for_a_key)
{
    _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf(TEXT, STRLEN(TEXT));
    CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_128_cbc(), CMS_PARTIAL | CMS_BINARY);

    if (for_a_key)
        assert_non_null(CMS_add1_recipient_cert(cms, rsa.certificate, 0));
    else
        assert_non_null(CMS_add0_recipient_password(cms, -1, NID_id_alg_PWRI_KEK, -1,
                                                    (unsigned char *)strdup(PASSWORD), -1, NULL));
    assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
    assert_int_equal(i2d_CMS_bio(out, cms), 1);
    CMS_ContentInfo_free(cms);
}

static void test_made_by_openssl(void **state)
{
    _cleanup_(BIO_free_allp) BIO *password = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    const char *reason;
    char *data;
    long size;

    make_with_openssl(password, false);
    size = BIO_get_mem_data(password, &data);
    assert_int_equal(open_with((DerSpan){(uint8_t *)data, (size_t)size}, &signing, false, PASSWORD,
                               &reason),
                     -EKEYREJECTED);
    assert_non_null(strstr(reason, "with SHA-1, which only 'enrollment legacy'"));
    assert_int_equal(
        open_with((DerSpan){(uint8_t *)data, (size_t)size}, &signing, true, "other", &reason),
        -EKEYREJECTED);
    assert_int_equal(
        open_with((DerSpan){(uint8_t *)data, (size_t)size}, &signing, true, PASSWORD, &reason), 0);
    make_with_openssl(key, true);
    size = BIO_get_mem_data(key, &data);
    assert_int_equal(
        open_with((DerSpan){(uint8_t *)data, (size_t)size}, &signing, true, PASSWORD, &reason),
        -EKEYREJECTED);
    assert_non_null(strstr(reason, "not under the challenge password"));
}

/* Each part another one. */
static void test_refused(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"020203e8", "020203e7", "less than 1000 iterations"},
        {"020203e8", "02020000", "derivation is malformed"},
        {"02010331818c", "02010231818c", "version"},
        {"02010331818c", "02010131818c", "no CMS EnvelopedData"},
        {"020100a034", "020101a034", "recipient is malformed"},
        {"2a864886f70d01050c", "2a864886f70d01050d", "otherwise than with PBKDF2"},
        {"2a864886f70d0209", "2a864886f70d0206", "a function that is not taken"},
        {"2a864886f70d0209", "2a864886f70d0207", "derived from the password with SHA-1"},
        {"2a864886f70d0109100309", "2a864886f70d0109100306", "algorithm that is not known"},
        {"060960864801650304012a", "060960864801650304012e", "another cipher than AES"},
        {"060960864801650304012a", "0609608648016503040102", "length that its cipher has"},
        {"020120", "020110", "length that its cipher has"},
        {"020120", "020100", "derivation is malformed"},
        {"0420120b", "0320120b", "recipient is malformed"},
        {"a03406", "a13406", "recipient is malformed"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_openssl_free_ uint8_t *der = NULL;
        const char *reason = "";
        char text[sizeof(vector)];
        char *at;
        long size;

        memcpy(text, vector, sizeof(vector));
        at = strstr(text, cases[i].from);
        assert_non_null(at);
        memcpy(at, cases[i].to, strlen(cases[i].to));
        der = OPENSSL_hexstr2buf(text, &size);
        assert_true(
            open_with((DerSpan){der, (size_t)size}, &signing, false, PASSWORD, &reason) < 0);
        if (!reason || !strstr(reason, cases[i].words))
            fail_msg("%s: %s", cases[i].to, reason ? reason : "read");
    }
}

/* Three octets are more than two million. */
static void test_too_much_work(void **state)
{
    static const struct {
        const char *number;
        bool passes;
    } cases[] = {{"02031e8480", true}, {"02031e8481", false}, {"02037fffff", false}};

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_openssl_free_ uint8_t *info = NULL;
        const char *reason = "";
        ScepPassword p;
        char text[512];
        long size;
        int r;

        (void)snprintf(text, sizeof(text),
                       "020100a03506092a864886f70d01050c30280410492fff2c96d9c53163a33ae67a7e6d00%s"
                       "020120300c06082a864886f70d02090500%.*s",
                       cases[i].number, 2 * (2 + 44 + 2 + 32), strstr(vector, "302c060b"));
        info = OPENSSL_hexstr2buf(text, &size);
        r = scep_password_parse((DerSpan){info, (size_t)size}, true, &p, &reason);
        assert_int_equal(r, cases[i].passes ? 0 : -EKEYREJECTED);
        if (!cases[i].passes)
            assert_non_null(strstr(reason, "more than 2000000 iterations"));
    }
}

/* Cut anywhere, and with each bit another one: refused, or (three octets are all that is checked)
 * another key. */
static void test_bent(void **state)
{
    _cleanup_openssl_free_ uint8_t *der = NULL;
    unsigned char expected[16];
    ScepEnvelope envelope;
    const char *reason;
    size_t size;

    der = good(&size);
    assert_int_equal(scep_envelope_parse((DerSpan){der, size}, signing.certificate, false,
                                         &envelope, &reason),
                     0);
    assert_int_equal(
        scep_password_unwrap(&envelope.password, NULL, PASSWORD, expected, sizeof(expected)), 0);
    for (size_t n = 0; n < size; n++)
        assert_true(scep_envelope_parse((DerSpan){der, n}, signing.certificate, true, &envelope,
                                        &reason) < 0);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        der[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (scep_envelope_parse((DerSpan){der, size}, signing.certificate, false, &envelope,
                                &reason) >= 0 &&
            bit / 8 < PASSWORD_INFO_END) {
            unsigned char key[16];

            assert_true(scep_password_unwrap(&envelope.password, NULL, PASSWORD, key,
                                             sizeof(key)) < 0 ||
                        memcmp(key, expected, sizeof(key)) != 0);
        }
        der[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* --- Requests --------------------------------------------------------------------------------- */

static void check_request(const char *algorithm, bool *ret_verified)
{
    static const uint8_t nonce[SCEP_NONCE_SIZE] = "0123456789abcde";
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = pki_key(algorithm);
    _cleanup_(X509_NAME_freep) X509_NAME *subject = X509_NAME_new();
    _cleanup_(X509_freep) X509 *signer = NULL;
    _cleanup_free_ void *der = NULL;
    char transaction[SCEP_TRANSACTION_SIZE];
    const unsigned char *p;
    CMS_ContentInfo *cms;
    BIO *out;
    size_t size;

    assert_int_equal(scep_transaction(key, NULL, transaction), 0);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)"a", -1, -1, 0),
                     1);
    assert_int_equal(
        scep_signer_certificate(NULL, key, subject, transaction, 1700000000, &signer), 0);
    assert_int_equal(X509_get_key_usage(signer), KU_DIGITAL_SIGNATURE);
    assert_int_equal(scep_request_build(&(ScepRequest){.type = SCEP_ENROLL,
                                                       .transaction = transaction,
                                                       .nonce = nonce,
                                                       .content = TEXT,
                                                       .content_size = STRLEN(TEXT),
                                                       .recipient = rsa.certificate,
                                                       .signer = signer,
                                                       .key = key,
                                                       .digest = "sha256"},
                                        &der, &size),
                     0);
    p = der;
    cms = d2i_CMS_ContentInfo(NULL, &p, (long)size);
    assert_true(cms && p == (unsigned char *)der + size);
    assert_int_equal(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)), 1);
    out = BIO_new(BIO_s_mem());
    *ret_verified =
        CMS_verify(cms, NULL, NULL, NULL, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    BIO_free(out);
    CMS_ContentInfo_free(cms);
}

static void test_requests(void **state)
{
    bool verified;

    check_request("dsa", &verified);
    assert_true(verified);
    /* That OpenSSL reads it is all: it verifies none before 3.2. The CA of the system tests does.
     */
    check_request("ed25519", &verified);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opened),        cmocka_unit_test(test_made_by_openssl),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_too_much_work),
        cmocka_unit_test(test_bent),          cmocka_unit_test(test_requests),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
