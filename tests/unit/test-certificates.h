/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates made on the spot. */
#pragma once

#include "test-common.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

#include "dsa-key.h"
#include "openssl-util.h"

typedef struct TestCertificate {
    X509 *certificate;
    EVP_PKEY *key;
    uint8_t *der;
    int der_size;
} TestCertificate;

/* algorithm: as keyd names it. */
static inline EVP_PKEY *pki_key(const char *algorithm)
{
    if (streq(algorithm, "rsa"))
        return EVP_RSA_gen(2048);
    if (streq(algorithm, "rsa1024"))
        return EVP_RSA_gen(1024);
    if (streq(algorithm, "dsa"))
        return dsa_test_key();
    if (streq(algorithm, "ed25519"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_EC_gen(streq(algorithm, "ecdsanistp256")   ? "P-256"
                      : streq(algorithm, "ecdsanistp384") ? "P-384"
                                                          : "P-521");
}

static inline void pki_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

typedef struct TestCertificateSpec {
    const char *name, *algorithm, *usage; /* usage: of the key; NULL for no such extension */
    bool is_ca;
    int64_t not_before, not_after;
} TestCertificateSpec;

static inline void pki_make(TestCertificate *ret, const TestCertificate *issuer,
                            const TestCertificateSpec *spec)
{
    static long serial;
    EVP_PKEY *key = pki_key(spec->algorithm);
    X509 *certificate = X509_new();
    EVP_PKEY *signer = issuer ? issuer->key : key;

    assert_non_null(key);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                     (const uint8_t *)spec->name, -1, -1, 0);
    (void)X509_set_issuer_name(certificate,
                               X509_get_subject_name(issuer ? issuer->certificate : certificate));
    (void)ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)spec->not_before);
    (void)ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)spec->not_after);
    (void)X509_set_pubkey(certificate, key);
    pki_extension(certificate, certificate, NID_subject_key_identifier, "hash");
    pki_extension(certificate, issuer ? issuer->certificate : certificate,
                  NID_authority_key_identifier, "keyid");
    pki_extension(certificate, certificate, NID_basic_constraints,
                  spec->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (spec->usage)
        pki_extension(certificate, certificate, NID_key_usage, spec->usage);
    assert_true(
        X509_sign(certificate, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256()) > 0);
    ret->certificate = certificate;
    ret->key = key;
    ret->der = NULL;
    ret->der_size = i2d_X509(certificate, &ret->der);
    assert_true(ret->der_size > 0);
}

static inline void pki_free(TestCertificate *c)
{
    X509_free(c->certificate);
    EVP_PKEY_free(c->key);
    OPENSSL_free(c->der);
}
