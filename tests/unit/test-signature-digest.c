/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/rsa.h>

#include "openssl-util.h"
#include "signature-digest.h"

/* As OpenSSL itself writes it down. */
static bool signed_with(EVP_PKEY *key, const EVP_MD *digest, int padding)
{
    _cleanup_(X509_freep) X509 *x = X509_new();
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;

    assert_true(x && c && X509_set_pubkey(x, key) == 1);
    assert_int_equal(EVP_DigestSignInit(c, &options, digest, NULL, key), 1);
    if (padding)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, padding), 1);
    assert_true(X509_sign_ctx(x, c) > 0);
    return signature_digest_is_strong(X509_get0_tbs_sigalg(x));
}

static void test_digests(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256"),
                                       *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    const int pss = RSA_PKCS1_PSS_PADDING;

    assert_true(rsa && ec && ed);
    assert_true(signed_with(rsa, EVP_sha224(), 0));
    assert_true(signed_with(rsa, EVP_sha512(), 0));
    assert_true(signed_with(ec, EVP_sha256(), 0));
    assert_true(signed_with(ed, NULL, 0));
    assert_true(signed_with(rsa, EVP_sha256(), pss));
    assert_false(signed_with(rsa, EVP_md5(), 0));
    assert_false(signed_with(rsa, EVP_sha1(), 0));
    assert_false(signed_with(ec, EVP_sha1(), 0));
    assert_false(signed_with(rsa, EVP_sha1(), pss));
}

/* Parameters of RSASSA-PSS that are left out, are none, or name a digest that nobody knows. */
static void test_parameters(void **state)
{
    static const uint8_t without[] = "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
    static const uint8_t empty[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x00";
    static const uint8_t null[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x05\x00";
    static const uint8_t unknown[] = "\x30\x14\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x07"
                                     "\xa0\x05\x30\x03\x06\x01\x2a";
    static const uint8_t broken[] = "\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x03"
                                    "\xa0\x05\x30";
    static const struct {
        const uint8_t *der;
        long size;
    } cases[] = {{without, sizeof(without) - 1},
                 {empty, sizeof(empty) - 1},
                 {null, sizeof(null) - 1},
                 {unknown, sizeof(unknown) - 1},
                 {broken, sizeof(broken) - 1}};

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        const unsigned char *p = cases[i].der;
        X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &p, cases[i].size);

        assert_non_null(algorithm);
        assert_false(signature_digest_is_strong(algorithm));
        X509_ALGOR_free(algorithm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
