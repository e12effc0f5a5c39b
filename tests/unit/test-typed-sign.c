/* SPDX-License-Identifier: Apache-2.0 */
/* keyd signs only what it understands: of requests and certificates what it takes, and all that it
 * must not take. */
#include "typed-sign-fixture.h"

/* --- Requests --------------------------------------------------------------------------------- */

static X509_REQ *request_new(Key *key)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = name_new("router");
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    X509_REQ *request = X509_REQ_new();

    assert_int_equal(X509_REQ_set_version(request, 0), 1);
    assert_int_equal(X509_REQ_set_subject_name(request, name), 1);
    assert_int_equal(X509_REQ_set_pubkey(request, key->pkey), 1);
    add_extension(&extensions, NID_key_usage, "critical,digitalSignature");
    add_extension(&extensions, NID_subject_alt_name, "DNS:router.example,IP:192.0.2.1");
    assert_int_equal(X509_REQ_add_extensions(request, extensions), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return request;
}

static Bytes request_finish(X509_REQ *request)
{
    Bytes b = {NULL, 0};
    int n = i2d_re_X509_REQ_tbs(request, &b.data);

    assert_true(n > 0);
    b.size = (size_t)n;
    X509_REQ_free(request);
    return b;
}

/* The encryption pair signs what it needs to get its certificate, for itself, and nothing else. */
static void test_usage_keys(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes signature = request_finish(request_new(f->pairs)),
                          encryption = request_finish(request_new(f->pairs->encryption));

    assert_int_equal(sign(f, f->pairs->encryption, PURPOSE_ENVELOPE, &encryption), -EPERM);
    assert_int_equal(sign(f, f->pairs->encryption, PURPOSE_TLS_CLIENT, &encryption), -EPERM);
    assert_int_equal(sign(f, f->pairs->encryption, PURPOSE_CERTIFICATE, &encryption), -EPERM);
    assert_int_equal(sign(f, f->pairs->encryption, PURPOSE_CERTIFICATE_REQUEST, &signature),
                     -EPERM);
    assert_int_equal(sign(f, f->pairs->encryption, PURPOSE_CERTIFICATE_REQUEST, &encryption), 0);
    assert_int_equal(sign(f, f->pairs, PURPOSE_CERTIFICATE_REQUEST, &signature), 0);
}

static void test_request(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes good = request_finish(request_new(f->leaf)),
                          ed25519 = request_finish(request_new(f->other));

    assert_int_equal(sign(f, f->leaf, PURPOSE_CERTIFICATE, &good), -EPERM);
    assert_int_equal(sign(f, f->root, PURPOSE_CERTIFICATE_REQUEST, &good), -EPERM);
    assert_int_equal(sign(f, f->other, PURPOSE_CERTIFICATE_REQUEST, &good),
                     -EPERM); /* the public key of another */
    assert_int_equal(sign_full(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, DIGEST_NONE, good.data,
                               good.size, NULL, NULL),
                     -EINVAL);
    assert_int_equal(sign(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, &good), 0);
    assert_int_equal(sign_full(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA512, good.data,
                               good.size, NULL, NULL),
                     0);
    assert_int_equal(sign(f, f->other, PURPOSE_CERTIFICATE_REQUEST, &ed25519), 0);
}

/* DSA is for envelopes and what leads to them, SCEP included: of 2048 bits, over SHA-256. */
static void test_dsa(void **state)
{
    static const Purpose others[] = {PURPOSE_CERTIFICATE, PURPOSE_CMP, PURPOSE_TLS_CLIENT,
                                     PURPOSE_TLS,         PURPOSE_SSH, PURPOSE_SCEP_DECRYPT};
    Fixture *f = *state;
    _cleanup_bytes_ Bytes small = request_finish(request_new(f->small)),
                          good = request_finish(request_new(f->old));
    const char *reason = NULL;

    assert_int_equal(sign_full(f, f->small, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA256, small.data,
                               small.size, NULL, &reason),
                     -EPERM);
    assert_string_equal(reason, "a dsa key below 2048 bits signs nothing: make a larger one");
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        assert_int_equal(sign(f, f->old, others[i], &good), -EPERM);
    /* It may, and this is none. */
    assert_int_equal(sign(f, f->old, PURPOSE_SCEP, &good), -EBADMSG);
    assert_int_equal(sign(f, f->old, PURPOSE_SCEP_CERTIFICATE, &good), -EBADMSG);
    assert_int_equal(sign_full(f, f->old, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA512, good.data,
                               good.size, NULL, NULL),
                     -EINVAL);
    assert_int_equal(sign(f, f->old, PURPOSE_CERTIFICATE_REQUEST, &small), -EPERM);
    assert_int_equal(sign(f, f->old, PURPOSE_CERTIFICATE_REQUEST, &good), 0);
}

static void test_request_damaged(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes good = request_finish(request_new(f->leaf));
    _cleanup_free_ uint8_t *longer = calloc(1, good.size + 1);
    int r;

    for (size_t n = 0; n < good.size; n++) {
        r = sign_full(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA256, good.data, n, NULL,
                      NULL);
        assert_int_equal(r, -EBADMSG);
    }
    memcpy(longer, good.data, good.size);
    r = sign_full(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA256, longer, good.size + 1,
                  NULL, NULL);
    assert_int_equal(r, -EBADMSG);
}

static void assert_request_bytes_refused(Fixture *f, const Bytes *b, const char *reason)
{
    const char *said = NULL;

    assert_int_equal(sign_full(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA256, b->data,
                               b->size, NULL, &said),
                     -EBADMSG);
    assert_string_equal(said, reason);
}

static void assert_request_refused(Fixture *f, X509_REQ *request, const char *reason)
{
    _cleanup_bytes_ Bytes b = request_finish(request);

    assert_request_bytes_refused(f, &b, reason);
}

/* Newer releases of OpenSSL write no version but the right one. */
static void set_version(Bytes *b, const char *before, size_t size, uint8_t version)
{
    uint8_t *at = memmem(b->data, b->size, before, size);

    assert_non_null(at);
    at[size - 1] = version;
}

static void test_request_content(void **state)
{
    Fixture *f = *state;
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    _cleanup_bytes_ Bytes other = request_finish(request_new(f->leaf));
    X509_REQ *request;

    set_version(&other, "\x02\x01\x00", 3, 1);
    assert_request_bytes_refused(f, &other, "the version is not 1");

    request = request_new(f->leaf);
    assert_int_equal(X509_REQ_add1_attr_by_NID(request, NID_pkcs9_emailAddress, MBSTRING_ASC,
                                               (const unsigned char *)"a@b", 3),
                     1);
    assert_request_refused(f, request, "there is an attribute that is not known here");

    request = X509_REQ_new();
    add_extension(&extensions, NID_netscape_comment, "x");
    assert_int_equal(X509_REQ_set_pubkey(request, f->leaf->pkey), 1);
    assert_int_equal(X509_REQ_add_extensions(request, extensions), 1);
    assert_request_refused(f, request, "there is an extension that is not known here");
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void test_request_attribute_twice(void **state)
{
    static const uint8_t oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02};
    Fixture *f = *state;
    X509_REQ *request = request_new(f->leaf);
    _cleanup_bytes_ Bytes b = {NULL, 0};
    const char *reason = NULL;
    uint8_t *found;

    assert_int_equal(X509_REQ_add1_attr_by_NID(request, NID_pkcs9_unstructuredName, MBSTRING_ASC,
                                               (const unsigned char *)"a", 1),
                     1);
    assert_int_equal(X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, MBSTRING_ASC,
                                               (const unsigned char *)"b", 1),
                     1);
    b = request_finish(request);
    /* OpenSSL adds none twice: one becomes the other. */
    found = memmem(b.data, b.size, oid, sizeof oid);
    assert_non_null(found);
    found[sizeof oid - 1] = 0x07;
    assert_int_equal(sign_full(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, DIGEST_SHA256, b.data,
                               b.size, NULL, &reason),
                     -EBADMSG);
    assert_string_equal(reason, "an attribute is there twice");
}

static void test_request_known_attributes(void **state)
{
    static const int nids[] = {NID_pkcs9_challengePassword, NID_pkcs9_unstructuredName,
                               NID_pkcs9_unstructuredAddress};
    Fixture *f = *state;
    X509_REQ *request = request_new(f->leaf);
    _cleanup_bytes_ Bytes b = {NULL, 0};

    for (size_t i = 0; i < ELEMENTSOF(nids); i++)
        assert_int_equal(X509_REQ_add1_attr_by_NID(request, nids[i], MBSTRING_ASC,
                                                   (const unsigned char *)"text", 4),
                         1);
    b = request_finish(request);
    assert_int_equal(sign(f, f->leaf, PURPOSE_CERTIFICATE_REQUEST, &b), 0);
}

/* --- Certificates ----------------------------------------------------------------------------- */

static Bytes certificate_finish(Fixture *f, X509 *c)
{
    Bytes b = {NULL, 0};
    int n;

    /* Puts the signature algorithm into what is signed. */
    assert_true(X509_sign(c, f->root->pkey, EVP_sha256()) > 0);
    n = i2d_re_X509_tbs(c, &b.data);
    assert_true(n > 0);
    b.size = (size_t)n;
    X509_free(c);
    return b;
}

static void test_certificate(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes root = certificate_finish(f, certificate_for(f, f->root)),
                          leaf = certificate_finish(f, certificate_for(f, f->leaf));
    const char *reason = NULL;

    assert_int_equal(sign(f, f->leaf, PURPOSE_CERTIFICATE, &leaf), -EPERM); /* no CA key */
    assert_int_equal(sign(f, f->other, PURPOSE_CERTIFICATE, &leaf), -EPERM);
    assert_int_equal(sign(f, f->root, PURPOSE_CERTIFICATE_REQUEST, &root), -EPERM);
    assert_int_equal(sign(f, f->root, PURPOSE_ENVELOPE, &root), -EPERM);
    /* The inner algorithm says SHA-256. */
    assert_int_equal(sign_full(f, f->root, PURPOSE_CERTIFICATE, DIGEST_SHA384, root.data, root.size,
                               NULL, &reason),
                     -EBADMSG);
    assert_string_equal(reason, "the signature algorithm is not that of the key and digest");
    assert_int_equal(sign(f, f->root, PURPOSE_CERTIFICATE, &root), 0);
    assert_int_equal(sign(f, f->root, PURPOSE_CERTIFICATE, &leaf), 0);
}

static void test_certificate_damaged(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes good = certificate_finish(f, certificate_for(f, f->leaf));
    _cleanup_free_ uint8_t *longer = calloc(1, good.size + 1);

    for (size_t n = 0; n < good.size; n++)
        assert_int_equal(
            sign_full(f, f->root, PURPOSE_CERTIFICATE, DIGEST_SHA256, good.data, n, NULL, NULL),
            -EBADMSG);
    memcpy(longer, good.data, good.size);
    assert_int_equal(sign_full(f, f->root, PURPOSE_CERTIFICATE, DIGEST_SHA256, longer,
                               good.size + 1, NULL, NULL),
                     -EBADMSG);
}

static void assert_certificate_bytes_refused(Fixture *f, const Bytes *b, int error,
                                             const char *reason)
{
    const char *said = NULL;

    assert_int_equal(
        sign_full(f, f->root, PURPOSE_CERTIFICATE, DIGEST_SHA256, b->data, b->size, NULL, &said),
        error);
    assert_string_equal(said, reason);
}

static void assert_certificate_refused(Fixture *f, X509 *c, int error, const char *reason)
{
    _cleanup_bytes_ Bytes b = certificate_finish(f, c);

    assert_certificate_bytes_refused(f, &b, error, reason);
}

static void test_certificate_content(void **state)
{
    static const char serial_reason[] =
        "the serial number is not a positive number of at most 20 bytes";
    Fixture *f = *state;
    _cleanup_(BN_freep) BIGNUM *large = BN_new();
    _cleanup_(X509_NAME_freep) X509_NAME *empty = name_new(NULL);
    X509_EXTENSION *extension;
    _cleanup_bytes_ Bytes first = certificate_finish(f, certificate_for(f, f->leaf));
    X509 *c;

    set_version(&first, "\xa0\x03\x02\x01\x02", 5, 0);
    assert_certificate_bytes_refused(f, &first, -EBADMSG, "the version is not 3");

    /* F9 */
    for (long serial = -1; serial <= 0; serial++) {
        c = certificate_for(f, f->leaf);
        assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), serial), 1);
        assert_certificate_refused(f, c, -EBADMSG, serial_reason);
    }
    c = certificate_for(f, f->leaf);
    assert_int_equal(BN_set_bit(large, 159), 1); /* needs 21 bytes to stay positive */
    assert_non_null(BN_to_ASN1_INTEGER(large, X509_get_serialNumber(c)));
    assert_certificate_refused(f, c, -EBADMSG, serial_reason);

    c = certificate_for(f, f->leaf);
    assert_int_equal(X509_set_issuer_name(c, empty), 1);
    assert_certificate_refused(f, c, -EBADMSG, "the issuer is empty");

    c = certificate_for(f, f->leaf);
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(c), 1600000000));
    assert_certificate_refused(f, c, -EBADMSG, "the validity ends before it begins");

    c = certificate_for(f, f->leaf);
    assert_non_null(
        ASN1_GENERALIZEDTIME_set(X509_getm_notAfter(c), 1800000000)); /* has to be UTCTime */
    assert_certificate_refused(f, c, -EBADMSG, "the validity is malformed");

    c = certificate_for(f, f->leaf);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, "x");
    assert_int_equal(X509_add_ext(c, extension, -1), 1);
    X509_EXTENSION_free(extension);
    assert_certificate_refused(f, c, -EBADMSG, "there is an extension that is not known here");

    c = certificate_for(f, f->leaf);
    assert_int_equal(X509_add_ext(c, X509_get_ext(c, 0), -1), 1);
    assert_certificate_refused(f, c, -EBADMSG, "an extension is there twice");

    c = certificate_for(f, f->leaf);
    while (X509_get_ext_count(c) > 0)
        X509_EXTENSION_free(X509_delete_ext(c, 0));
    assert_certificate_refused(f, c, -EBADMSG, "not exactly the extensions follow the public key");
}

/* Nobody who has taken over enrolld gets a CA, or a certificate for a key of his own. */
static void test_certificate_for_whom(void **state)
{
    Fixture *f = *state;
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509 *c;

    assert_certificate_refused(f, certificate_for(f, f->other), -EPERM,
                               "the public key is neither the key's own nor the keypair of a "
                               "trustpoint that names this CA key");
    c = certificate_for(f, f->leaf);
    X509_EXTENSION_free(X509_delete_ext(c, 0));
    assert_int_equal(X509_add_ext(c, extension, -1), 1);
    assert_certificate_refused(f, c, -EPERM, "it would make another key a CA");
    X509_EXTENSION_free(extension);

    c = certificate_for(f, f->leaf);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "keyCertSign");
    X509_EXTENSION_free(X509_delete_ext(c, 1));
    assert_int_equal(X509_add_ext(c, extension, -1), 1);
    assert_certificate_refused(f, c, -EPERM, "it would make another key a CA");
    X509_EXTENSION_free(extension);

    c = certificate_for(f, f->root);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "O", MBSTRING_UTF8,
                                                (const unsigned char *)"x", -1, -1, 0),
                     1);
    assert_certificate_refused(f, c, -EPERM,
                               "the issuer of a self-signed certificate is not its subject");
}

/* --- Purposes and digests --------------------------------------------------------------------- */

static void test_names(void **state)
{
    Purpose purpose;
    Digest digest;

    assert_int_equal(purpose_from_string("", &purpose), -EINVAL);
    assert_int_equal(purpose_from_string("digest", &purpose), -EINVAL);
    assert_int_equal(purpose_from_string("Certificate", &purpose), -EINVAL);
    assert_int_equal(digest_from_string("sha1", &digest), -EINVAL);
    assert_int_equal(digest_from_string("md5", &digest), -EINVAL);
    assert_int_equal(digest_from_string("SHA256", &digest), -EINVAL);
    assert_int_equal(purpose_from_string("envelope", &purpose), 0);
    assert_string_equal(purpose_caller(purpose), "dossierd");
    assert_string_equal(purpose_caller(PURPOSE_CERTIFICATE), "enrolld");
    assert_string_equal(purpose_caller(PURPOSE_CERTIFICATE_REQUEST), "enrolld");
    assert_null(signature_jose_name(key_algorithm_find("ecdsanistp256"), DIGEST_SHA384));
    assert_string_equal(signature_jose_name(key_algorithm_find("ecdsanistp521"), DIGEST_SHA512),
                        "ES512");
    assert_string_equal(signature_jose_name(key_algorithm_find("rsa"), DIGEST_SHA384), "RS384");
    assert_string_equal(signature_jose_name(key_algorithm_find("ed25519"), DIGEST_NONE), "EdDSA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_usage_keys),
        cmocka_unit_test(test_dsa),
        cmocka_unit_test(test_request_damaged),
        cmocka_unit_test(test_request_content),
        cmocka_unit_test(test_request_attribute_twice),
        cmocka_unit_test(test_request_known_attributes),
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_certificate_damaged),
        cmocka_unit_test(test_certificate_content),
        cmocka_unit_test(test_certificate_for_whom),
        cmocka_unit_test(test_names),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
