/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "public-half.h"

static EVP_PKEY *make(const char *type)
{
    EVP_PKEY *key = streq(type, "EC") ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, type);

    assert_non_null(key);
    return key;
}

static void check(EVP_PKEY *key)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(NULL, key);
    _cleanup_openssl_free_ unsigned char *expected = NULL, *der = NULL;
    X509_PUBKEY *direct = NULL, *written = NULL;
    int size, n;

    assert_int_equal(EVP_PKEY_eq(half, key), 1);
    assert_int_equal(X509_PUBKEY_set(&direct, key), 1);
    assert_int_equal(X509_PUBKEY_set(&written, half), 1);
    n = i2d_X509_PUBKEY(direct, &expected);
    size = i2d_X509_PUBKEY(written, &der);
    assert_int_equal(size, n);
    assert_memory_equal(der, expected, (size_t)n);
    X509_PUBKEY_free(direct);
    X509_PUBKEY_free(written);
}

/* Byte for byte what OpenSSL writes itself, whatever the kind of the key. */
static void test_same_bytes(void **state)
{
    static const char *const types[] = {"EC", "ED25519"};

    for (size_t bits = 1024; bits <= 3072; bits += 1024) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);

        assert_non_null(rsa);
        check(rsa);
    }
    for (size_t i = 0; i < ELEMENTSOF(types); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = make(types[i]);

        check(key);
    }
}

/* Only the half that everybody may have. */
static void test_nothing_private(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(NULL, rsa);
    _cleanup_(BN_freep) BIGNUM *secret = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(rsa, "d", &secret), 1);
    BN_clear_free(TAKE_PTR(secret));
    assert_int_not_equal(EVP_PKEY_get_bn_param(half, "d", &secret), 1);
    ERR_clear_error();
}

/* What such a half verifies, and what it does not. */
static void test_verifies(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(NULL, rsa);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *others = public_half_new(NULL, other);
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();

    assert_true(X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
                X509_REQ_set_pubkey(request, half) == 1 &&
                X509_REQ_sign(request, rsa, EVP_sha256()) > 0);
    assert_int_not_equal(X509_REQ_verify(request, others), 1);
    assert_int_not_equal(EVP_PKEY_eq(half, other), 1);
    ERR_clear_error();
    assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_nothing_private),
        cmocka_unit_test(test_verifies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
