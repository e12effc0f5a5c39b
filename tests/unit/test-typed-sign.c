/* SPDX-License-Identifier: Apache-2.0 */
/* keyd signs only what it understands: each purpose with what it takes, and with all that it must
 * not take. */
#include "typed-sign-fixture.h"
#include "typed-stream.h"

/* --- Requests --------------------------------------------------------------------------------- */

static X509_NAME *name_new(const char *common_name)
{
    X509_NAME *name = X509_NAME_new();

    assert_non_null(name);
    if (common_name)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)common_name, -1, -1, 0),
                         1);
    return name;
}

static void add_extension(STACK_OF(X509_EXTENSION) * *extensions, int nid, const char *value)
{
    _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_non_null(X509v3_add_ext(extensions, extension, -1));
}

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
    assert_string_equal(reason, "a dsa key of less than 2048 bits signs nothing");
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

/* A self-signed root when subject is the root itself, else what it signs for another. */
static X509 *certificate_new(Fixture *f, Key *subject)
{
    _cleanup_(X509_NAME_freep) X509_NAME *issuer = name_new("root"),
                                         *name = name_new(subject == f->root ? "root" : "router");
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    X509 *c = X509_new();

    assert_int_equal(X509_set_version(c, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), 0x80), 1);
    assert_int_equal(X509_set_issuer_name(c, issuer), 1);
    assert_int_equal(X509_set_subject_name(c, name), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(c), 1700000000));
    assert_non_null(
        ASN1_TIME_set(X509_getm_notAfter(c), 2600000000)); /* in the 2050s: GeneralizedTime */
    assert_int_equal(X509_set_pubkey(c, subject->pkey), 1);
    if (subject == f->root) {
        add_extension(&extensions, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
        add_extension(&extensions, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(&extensions, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(&extensions, NID_key_usage,
                      "critical,digitalSignature,keyEncipherment,keyAgreement");
    }
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        assert_int_equal(X509_add_ext(c, sk_X509_EXTENSION_value(extensions, i), -1), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return c;
}

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
    _cleanup_bytes_ Bytes root = certificate_finish(f, certificate_new(f, f->root)),
                          leaf = certificate_finish(f, certificate_new(f, f->leaf));
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
    _cleanup_bytes_ Bytes good = certificate_finish(f, certificate_new(f, f->leaf));
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
    _cleanup_bytes_ Bytes first = certificate_finish(f, certificate_new(f, f->leaf));
    X509 *c;

    set_version(&first, "\xa0\x03\x02\x01\x02", 5, 0);
    assert_certificate_bytes_refused(f, &first, -EBADMSG, "the version is not 3");

    /* F9 */
    for (long serial = -1; serial <= 0; serial++) {
        c = certificate_new(f, f->leaf);
        assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), serial), 1);
        assert_certificate_refused(f, c, -EBADMSG, serial_reason);
    }
    c = certificate_new(f, f->leaf);
    assert_int_equal(BN_set_bit(large, 159), 1); /* needs 21 bytes to stay positive */
    assert_non_null(BN_to_ASN1_INTEGER(large, X509_get_serialNumber(c)));
    assert_certificate_refused(f, c, -EBADMSG, serial_reason);

    c = certificate_new(f, f->leaf);
    assert_int_equal(X509_set_issuer_name(c, empty), 1);
    assert_certificate_refused(f, c, -EBADMSG, "the issuer is empty");

    c = certificate_new(f, f->leaf);
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(c), 1600000000));
    assert_certificate_refused(f, c, -EBADMSG, "the validity ends before it begins");

    c = certificate_new(f, f->leaf);
    assert_non_null(
        ASN1_GENERALIZEDTIME_set(X509_getm_notAfter(c), 1800000000)); /* has to be UTCTime */
    assert_certificate_refused(f, c, -EBADMSG, "the validity is malformed");

    c = certificate_new(f, f->leaf);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, "x");
    assert_int_equal(X509_add_ext(c, extension, -1), 1);
    X509_EXTENSION_free(extension);
    assert_certificate_refused(f, c, -EBADMSG, "there is an extension that is not known here");

    c = certificate_new(f, f->leaf);
    assert_int_equal(X509_add_ext(c, X509_get_ext(c, 0), -1), 1);
    assert_certificate_refused(f, c, -EBADMSG, "an extension is there twice");

    c = certificate_new(f, f->leaf);
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

    assert_certificate_refused(f, certificate_new(f, f->other), -EPERM,
                               "the public key is neither the key's own nor the keypair of a "
                               "trustpoint that names this CA key");
    c = certificate_new(f, f->leaf);
    X509_EXTENSION_free(X509_delete_ext(c, 0));
    assert_int_equal(X509_add_ext(c, extension, -1), 1);
    assert_certificate_refused(f, c, -EPERM, "it would make another key a CA");
    X509_EXTENSION_free(extension);

    c = certificate_new(f, f->leaf);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "keyCertSign");
    X509_EXTENSION_free(X509_delete_ext(c, 1));
    assert_int_equal(X509_add_ext(c, extension, -1), 1);
    assert_certificate_refused(f, c, -EPERM, "it would make another key a CA");
    X509_EXTENSION_free(extension);

    c = certificate_new(f, f->root);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "O", MBSTRING_UTF8,
                                                (const unsigned char *)"x", -1, -1, 0),
                     1);
    assert_certificate_refused(f, c, -EPERM,
                               "the issuer of a self-signed certificate is not its subject");
}

/* --- Envelopes -------------------------------------------------------------------------------- */

static Bytes certificate_of(Fixture *f, Key *subject)
{
    X509 *c = certificate_new(f, subject);
    Bytes b = {NULL, 0};
    int n;

    assert_true(X509_sign(c, f->root->pkey, EVP_sha256()) > 0);
    n = i2d_X509(c, &b.data);
    assert_true(n > 0);
    b.size = (size_t)n;
    X509_free(c);
    return b;
}

static char *thumbprint(const Bytes *certificate)
{
    uint8_t digest[32];

    assert_int_equal(
        EVP_Digest(certificate->data, certificate->size, digest, NULL, EVP_sha256(), NULL), 1);
    return base64url_encode(digest, sizeof digest);
}

typedef struct Header {
    const char *alg, *typ, *members; /* NULL: what is right */
    long long away;                  /* seconds from now */
    const char *text;                /* instead of all that */
} Header;

static char *signing_input(const Bytes *certificate, const Header *h, const char *payload)
{
    _cleanup_free_ char *print = thumbprint(certificate), *header = NULL, *encoded = NULL;
    char *input = NULL;

    if (h->text)
        header = strdup(h->text);
    else
        assert_true(
            asprintf(&header, "{\"alg\":\"%s\",\"typ\":\"%s\",\"iat\":%lld,\"x5t#S256\":\"%s\"%s}",
                     h->alg ? h->alg : "ES256", h->typ ? h->typ : ENVELOPE_TYPE,
                     (long long)time(NULL) + h->away, print, h->members ? h->members : "") > 0);
    encoded = base64url_encode(header, strlen(header));
    assert_true(asprintf(&input, "%s.%s", encoded, payload) > 0);
    return input;
}

static int add_pieces(TypedStream *stream, const TypedSign *t, const char *input, size_t step,
                      const char **ret_reason)
{
    size_t size = strlen(input);
    int r = 0;

    for (size_t at = 0; r >= 0 && at < size; at += step)
        r = typed_stream_add(
            stream, t, (DerSpan){(const uint8_t *)input + at, size - at < step ? size - at : step},
            ret_reason);
    return r < 0 ? r : typed_stream_add(stream, t, (DerSpan){(const uint8_t *)"\n", 1}, ret_reason);
}

/* The same through a pipe, in pieces of that size, begun so many seconds ago. */
static int seal_streamed(Fixture *f, Key *key, const Bytes *certificate, const char *input,
                         size_t step, int64_t ago, const char **ret_reason)
{
    _cleanup_(typed_stream_done) TypedStream stream = {NULL};
    _cleanup_free_ uint8_t *signature = NULL;
    TypedSign t = {.key = key,
                   .digest = digest_for(key),
                   .purpose = PURPOSE_ENVELOPE,
                   .certificate = certificate->data,
                   .certificate_size = certificate->size};
    size_t size;
    int r = typed_sign_permitted(&t, f->store, f->rights, ret_reason);

    if (r >= 0)
        r = add_pieces(&stream, &t, input, step, ret_reason);
    stream.begun -= ago;
    if (r >= 0)
        r = typed_stream_finish(&stream, &t, &signature, &size, ret_reason);
    if (r >= 0)
        verify(key, t.digest, input, strlen(input), signature, size);
    return r;
}

/* Whichever way it comes, the answer is the same. */
static int seal(Fixture *f, Key *key, const Bytes *certificate, const Header *h,
                const char *payload, const char **ret_reason)
{
    _cleanup_free_ char *input = signing_input(certificate, h, payload);
    const size_t steps[] = {1, 7, 4096, strlen(input)};
    const char *reason = NULL, *streamed;
    int r = sign_full(f, key, PURPOSE_ENVELOPE, digest_for(key), input, strlen(input), certificate,
                      &reason);

    for (size_t i = strlen(input) > 100000 ? 2 : 0; i < ELEMENTSOF(steps); i++) {
        streamed = NULL;
        assert_int_equal(seal_streamed(f, key, certificate, input, steps[i], 0, &streamed), r);
        /* A newline in the middle may be seen as an end that is none. */
        if (reason && !strchr(input, '\n'))
            assert_string_equal(streamed, reason);
    }
    if (ret_reason)
        *ret_reason = reason;
    return r;
}

/* ed25519 reads its input twice; and what has no end is not signed. */
static void test_stream(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf);
    _cleanup_free_ char *input = signing_input(&certificate, &(Header){0}, "e30");
    _cleanup_(typed_stream_done) TypedStream stream = {NULL}, none = {NULL};
    const DerSpan span = {(const uint8_t *)input, strlen(input)};
    TypedSign t = {.key = f->other,
                   .digest = DIGEST_NONE,
                   .purpose = PURPOSE_ENVELOPE,
                   .certificate = certificate.data,
                   .certificate_size = certificate.size};
    const char *reason = NULL;
    uint8_t *signature;
    size_t size;

    assert_int_equal(typed_stream_add(&stream, &t, span, &reason), -EINVAL);
    t.key = f->leaf;
    t.digest = DIGEST_SHA256;
    assert_int_equal(typed_stream_finish(&none, &t, &signature, &size, &reason), -ECANCELED);
    assert_int_equal(typed_stream_add(&none, &t, (DerSpan){(const uint8_t *)"\n", 1}, &reason), 0);
    assert_int_equal(typed_stream_finish(&none, &t, &signature, &size, &reason), -ECANCELED);
    assert_int_equal(typed_stream_add(&stream, &t, span, &reason), 0);
    assert_int_equal(typed_stream_finish(&stream, &t, &signature, &size, &reason), -ECANCELED);
    assert_int_equal(typed_stream_add(&stream, &t, (DerSpan){(const uint8_t *)"\n", 1}, &reason),
                     0);
    assert_int_equal(typed_stream_add(&stream, &t, (DerSpan){(const uint8_t *)"e", 1}, &reason),
                     -EBADMSG);
}

/* The time in the header is that of the begin, which must not be too long ago, nor to come. */
static void test_stream_in_time(void **state)
{
    const int64_t late = TYPED_STREAM_SECONDS_MAX, early = -ENVELOPE_CLOCK_SKEW;
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf);
    _cleanup_free_ char *input = signing_input(&certificate, &(Header){0}, "e30");
    const char *why;

    assert_int_equal(seal_streamed(f, f->leaf, &certificate, input, 9, late - 60, &why), 0);
    assert_int_equal(seal_streamed(f, f->leaf, &certificate, input, 9, late + 60, &why), -EPERM);
    assert_int_equal(seal_streamed(f, f->leaf, &certificate, input, 9, early - 60, &why), -EPERM);
}

static void assert_envelope_refused(Fixture *f, const Bytes *certificate, Header h,
                                    const char *payload, const char *reason)
{
    const char *said = NULL;

    assert_int_equal(seal(f, f->leaf, certificate, &h, payload, &said), -EBADMSG);
    assert_string_equal(said, reason);
}

static void test_envelope(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf),
                          others = certificate_of(f, f->other);
    _cleanup_free_ char *own = base64_encode(certificate.data, certificate.size), *chain = NULL;
    Header right = {0}, full = {0};
    const char *reason = NULL;

    assert_int_equal(seal(f, f->root, &certificate, &right, "e30", NULL), -EPERM);
    assert_int_equal(seal(f, f->other, &others, &right, "e30", NULL),
                     -EPERM); /* the keypair of another trustpoint */
    assert_int_equal(seal(f, f->leaf, &others, &right, "e30", &reason), -EPERM);
    assert_string_equal(reason, "the certificate is not one of this key");
    assert_int_equal(
        sign_full(f, f->leaf, PURPOSE_ENVELOPE, DIGEST_SHA256, "e30.e30", 7, NULL, &reason),
        -EBADMSG);

    assert_int_equal(seal(f, f->leaf, &certificate, &right, "e30", NULL), 0);
    assert_int_equal(seal(f, f->leaf, &certificate, &right, "", NULL), 0);
    full.members = ",\"cty\":\"" ENVELOPE_CONTENT_DOSSIER "\"";
    assert_int_equal(seal(f, f->leaf, &certificate, &full, "e30", NULL), 0);
    assert_true(asprintf(&chain, ",\"nonce\":\"1580\",\"x5c\":[\"%s\",\"%s\"]", own, own) > 0);
    full.members = chain;
    assert_int_equal(seal(f, f->leaf, &certificate, &full, "e30", NULL), 0);
}

static void test_envelope_header(void **state)
{
    static const char alg[] = "alg is not that of the key and digest",
                      unknown[] = "the header has a member that is not known here",
                      chain[] = "x5c has something that is not a certificate";
    Fixture *f = *state;
    _cleanup_bytes_ Bytes c = certificate_of(f, f->leaf), root = certificate_of(f, f->root);
    _cleanup_free_ char *encoded_root = base64_encode(root.data, root.size), *wrong_chain = NULL;

    assert_envelope_refused(f, &c, (Header){.alg = "RS256"}, "e30", alg);
    assert_envelope_refused(f, &c, (Header){.alg = "ES384"}, "e30", alg);
    assert_envelope_refused(f, &c, (Header){.alg = "none"}, "e30", alg);
    assert_envelope_refused(f, &c, (Header){.typ = "JWT"}, "e30", "typ is not " ENVELOPE_TYPE);
    assert_envelope_refused(f, &c, (Header){.away = -ENVELOPE_CLOCK_SKEW - 60}, "e30",
                            "iat is not the present time");
    assert_envelope_refused(f, &c, (Header){.away = ENVELOPE_CLOCK_SKEW + 60}, "e30",
                            "iat is not the present time");
    assert_envelope_refused(f, &c, (Header){.members = ",\"cty\":\"JWT\""}, "e30",
                            "cty is not " ENVELOPE_CONTENT_DOSSIER);
    assert_envelope_refused(f, &c, (Header){.members = ",\"crit\":[]"}, "e30", unknown);
    assert_envelope_refused(f, &c, (Header){.members = ",\"b64\":false"}, "e30", unknown);
    assert_envelope_refused(f, &c, (Header){.members = ",\"kid\":\"x\""}, "e30", unknown);
    assert_envelope_refused(f, &c, (Header){.members = ",\"x5c\":[]"}, "e30",
                            "x5c is not a list of certificates");
    assert_envelope_refused(f, &c, (Header){.members = ",\"x5c\":\"MAA=\""}, "e30",
                            "x5c is not a list of certificates");
    assert_envelope_refused(f, &c, (Header){.members = ",\"x5c\":[1]"}, "e30", chain);
    assert_envelope_refused(f, &c, (Header){.members = ",\"x5c\":[\"MA A=\"]"}, "e30", chain);
    assert_envelope_refused(f, &c, (Header){.members = ",\"x5c\":[\"MAA\"]"}, "e30", chain);
    assert_true(asprintf(&wrong_chain, ",\"x5c\":[\"%s\"]", encoded_root) > 0);
    assert_envelope_refused(f, &c, (Header){.members = wrong_chain}, "e30",
                            "x5c does not begin with the certificate");
    assert_envelope_refused(f, &c, (Header){.members = ",\"alg\":\"ES256\""}, "e30",
                            "the header is not JSON"); /* twice */
}

static void test_envelope_nonce(void **state)
{
    static const char *const bad[] = {
        ",\"nonce\":1580",    ",\"nonce\":\"\"",    ",\"nonce\":\"0x\"",   ",\"nonce\":\"0xg\"",
        ",\"nonce\":\"-1\"",  ",\"nonce\":\" 1\"",  ",\"nonce\":\"1 \"",   ",\"nonce\":\"12a\"",
        ",\"nonce\":\"1.5\"", ",\"nonce\":\"0X1\"", ",\"nonce\":\"1\\n\"", ",\"nonce\":null"};
    static const char *const good[] = {",\"nonce\":\"0\"", ",\"nonce\":\"1580\"",
                                       ",\"nonce\":\"0xdeadBEEF\""};
    Fixture *f = *state;
    _cleanup_bytes_ Bytes c = certificate_of(f, f->leaf);
    char digits[256], members[512];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_envelope_refused(f, &c, (Header){.members = bad[i]}, "e30",
                                "nonce is not a number, decimal or with 0x");
    memset(digits, '1', sizeof digits - 1);
    digits[sizeof digits - 1] = 0;
    (void)snprintf(members, sizeof members, ",\"nonce\":\"%s\"", digits);
    assert_envelope_refused(f, &c, (Header){.members = members}, "e30",
                            "nonce is not a number, decimal or with 0x");
    for (size_t i = 0; i < ELEMENTSOF(good); i++)
        assert_int_equal(seal(f, f->leaf, &c, &(Header){.members = good[i]}, "e30", NULL), 0);
}

static void test_envelope_shape(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes c = certificate_of(f, f->leaf);
    static const char *const inputs[] = {"",        ".",    "e30",     "e30.e30",   "e30=.e30",
                                         "!!!.e30", ".e30", "W10.e30", "bnVsbA.e30"};
    _cleanup_free_ char *large = malloc(ENVELOPE_HEADER_MAX * 2);
    const char *reason = NULL;

    for (size_t i = 0; i < ELEMENTSOF(inputs); i++)
        assert_int_equal(sign_full(f, f->leaf, PURPOSE_ENVELOPE, DIGEST_SHA256, inputs[i],
                                   strlen(inputs[i]), &c, NULL),
                         -EBADMSG);
    memset(large, ' ', ENVELOPE_HEADER_MAX * 2);
    large[ENVELOPE_HEADER_MAX * 2 - 1] = 0;
    large[0] = '{';
    assert_envelope_refused(f, &c, (Header){.text = large}, "e30",
                            "there is no header, or it is too large");
    large[ENVELOPE_HEADER_MAX + 1] = 0;
    large[ENVELOPE_HEADER_MAX] = '}';
    assert_envelope_refused(f, &c, (Header){.text = large}, "e30", "the header is too large");
    /* Missing members. */
    assert_envelope_refused(f, &c, (Header){.text = "{}"}, "e30",
                            "alg is not that of the key and digest");
    assert_envelope_refused(f, &c,
                            (Header){.text = "{\"alg\":\"ES256\",\"typ\":\"" ENVELOPE_TYPE "\"}"},
                            "e30", "iat is not a number of seconds");
    assert_envelope_refused(
        f, &c, (Header){.text = "{\"alg\":\"ES256\",\"typ\":\"" ENVELOPE_TYPE "\",\"iat\":1.7e9}"},
        "e30", "iat is not a number of seconds");
    assert_int_equal(seal(f, f->leaf, &c, &(Header){.text = "[]"}, "e30", &reason), -EBADMSG);
}

/* Of whole blocks and of what is left over: every byte, at each place. */
static void test_envelope_characters(void **state)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t piece[150];

    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < sizeof piece; at++) {
            memset(piece, 'A', sizeof piece);
            piece[at] = (uint8_t)c;
            assert_int_equal(envelope_payload_piece_is_valid((DerSpan){piece, sizeof piece}),
                             c != 0 && strchr(good, (int)c) != NULL);
        }
}

static void test_envelope_payload(void **state)
{
    static const char *const bad[] = {"e30=",  "e30.e30", "e 30", "e+30",    "e/30",
                                      "e30\n", "e",       "e3f",  "\xc3\xa9"};
    Fixture *f = *state;
    _cleanup_bytes_ Bytes c = certificate_of(f, f->leaf);
    _cleanup_free_ char *long_payload = malloc((1U << 20) + 1);

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_envelope_refused(f, &c, (Header){0}, bad[i], "the payload is not base64url");
    memset(long_payload, 'A', 1U << 20);
    long_payload[1U << 20] = 0;
    assert_int_equal(seal(f, f->leaf, &c, &(Header){0}, long_payload, NULL), 0);
    long_payload[(1U << 20) - 100] = '*'; /* in the last piece */
    assert_envelope_refused(f, &c, (Header){0}, long_payload, "the payload is not base64url");
}

static void test_envelope_cancelled(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes c = certificate_of(f, f->leaf);
    _cleanup_free_ char *input = signing_input(&c, &(Header){0}, "e30");
    const atomic_bool cancelled = true;
    _cleanup_(typed_sign_done) TypedSign t = {
        .key = key_ref(f->leaf), .digest = DIGEST_SHA256, .purpose = PURPOSE_ENVELOPE};
    const char *reason = NULL;
    uint8_t *signature;
    size_t size;

    t.input = t.mapping = map_copy(input, strlen(input));
    t.input_size = t.mapping_size = strlen(input);
    t.certificate = malloc(c.size);
    memcpy(t.certificate, c.data, c.size);
    t.certificate_size = c.size;
    t.cancelled = &cancelled;
    assert_int_equal(typed_sign(&t, &signature, &size, &reason), -ECANCELED);
}

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
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_envelope_header),
        cmocka_unit_test(test_envelope_nonce),
        cmocka_unit_test(test_envelope_shape),
        cmocka_unit_test(test_envelope_characters),
        cmocka_unit_test(test_envelope_payload),
        cmocka_unit_test(test_envelope_cancelled),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_in_time),
        cmocka_unit_test(test_names),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
