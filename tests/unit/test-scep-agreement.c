/* SPDX-License-Identifier: Apache-2.0 */
/* The encrypted half of a reply for a key of an elliptic curve: which envelopes pass, and what is
 * said of those that do not. What is in a KeyAgreeRecipientInfo as such is in
 * test-key-agreement.c. */
#include "test-certificates.h"

#include "make-agreement.h"
#include "scep-message.h"
#include "scep-oids.h"

#define NOW INT64_C(1700000000)
#define DAY INT64_C(86400)

static TestCertificate ca, router, stranger, rsa;
static EVP_PKEY *ephemeral;

static int setup(void **state)
{
    TestCertificate *all[] = {&ca, &router, &stranger, &rsa};
    static const char *const algorithms[] = {"ecdsanistp256", "ecdsanistp256", "ecdsanistp256",
                                             "rsa"};

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        pki_make(
            all[i], i > 0 ? &ca : NULL,
            &(TestCertificateSpec){"router", algorithms[i], NULL, i == 0, NOW - DAY, NOW + DAY});
    ephemeral = EVP_EC_gen("P-256");
    return 0;
}

static int teardown(void **state)
{
    pki_free(&ca);
    pki_free(&router);
    pki_free(&stranger);
    pki_free(&rsa);
    EVP_PKEY_free(ephemeral);
    return 0;
}

/* IssuerAndSerialNumber */
static void add_name(Buffer *b, const TestCertificate *of)
{
    _cleanup_openssl_free_ unsigned char *name = NULL, *serial = NULL;
    int n_name = i2d_X509_NAME(X509_get_issuer_name(of->certificate), &name);
    int n_serial = i2d_ASN1_INTEGER(X509_get0_serialNumber(of->certificate), &serial);

    buffer_raw(b, (DerSpan){name, (size_t)n_name});
    buffer_raw(b, (DerSpan){serial, (size_t)n_serial});
    buffer_wrap(b, DER_SEQUENCE);
}

static void add_key_id(Buffer *b, const TestCertificate *of)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(of->certificate);

    buffer_add(b, DER_OCTET_STRING,
               (DerSpan){ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)});
    buffer_wrap(b, DER_CONTEXT_CONSTRUCTED(0));
}

typedef struct Parts {
    AgreementParts agreement;
    const TestCertificate *to, *key_of; /* whose name, whose key identifier; NULL: the router's */
    const char *version;                /* NULL: 2 */
    size_t n_recipients;                /* 0: one */
    const char *cipher;                 /* its last octet; NULL: of AES-128-CBC */
    size_t wrapped_size;                /* 0: of a key of AES-128 */
    DerSpan instead;                    /* of the recipient */
    bool legacy;
} Parts;

static void add_content(Buffer *b, const Parts *parts)
{
    Buffer cipher = {.size = 0}, oid = {.size = 0}, content = {.size = 0};

    buffer_raw(&oid, BYTES("\x60\x86\x48\x01\x65\x03\x04\x01"));
    buffer_raw(&oid, (DerSpan){(const uint8_t *)(parts->cipher ? parts->cipher : "\x02"), 1});
    buffer_add(&cipher, DER_OID, buffer_span(&oid));
    buffer_add(&cipher, DER_OCTET_STRING, BYTES("0123456789abcdef"));
    buffer_add(&content, DER_OID, BYTES(OID_DATA));
    buffer_add(&content, DER_SEQUENCE, buffer_span(&cipher));
    buffer_add(&content, DER_CONTEXT(0), BYTES("0123456789abcdef"));
    buffer_add(b, DER_SEQUENCE, buffer_span(&content));
}

static void make_envelope(const Parts *parts, const TestCertificate *recipient, Buffer *ret)
{
    static const uint8_t wrapped[40];
    Buffer rid = {.size = 0}, info, set = {.size = 0}, data = {.size = 0};
    AgreementParts agreement = parts->agreement;
    uint8_t point[256];

    if (parts->key_of)
        add_key_id(&rid, parts->key_of);
    else
        add_name(&rid, parts->to ? parts->to : recipient);
    agreement.rid = buffer_span(&rid);
    if (!agreement.point.data)
        agreement.point = (DerSpan){point, agreement_point(ephemeral, point)};
    agreement.wrapped = (DerSpan){wrapped, parts->wrapped_size ? parts->wrapped_size : 24};
    agreement_make(&agreement, &info);
    for (size_t i = 0; i < (parts->n_recipients ? parts->n_recipients : 1); i++)
        buffer_raw(&set, agreement_part(parts->instead, buffer_span(&info)));
    buffer_add(&data, DER_INTEGER,
               (DerSpan){(const uint8_t *)(parts->version ? parts->version : "\2"), 1});
    buffer_add(&data, DER_SET, buffer_span(&set));
    add_content(&data, parts);
    buffer_wrap(&data, DER_SEQUENCE);
    buffer_wrap(&data, DER_CONTEXT_CONSTRUCTED(0));
    ret->size = 0;
    buffer_add(ret, DER_OID, BYTES(OID_ENVELOPED_DATA));
    buffer_raw(ret, buffer_span(&data));
    buffer_wrap(ret, DER_SEQUENCE);
}

static int parse_for(const Parts *parts, const TestCertificate *recipient, ScepEnvelope *ret,
                     const char **ret_reason)
{
    static Buffer b;

    make_envelope(parts, recipient, &b);
    *ret_reason = "";
    return scep_envelope_parse(buffer_span(&b), recipient->certificate, parts->legacy, ret,
                               ret_reason);
}

static void test_good(void **state)
{
    const Parts good[] = {
        {.n_recipients = 1},
        {.key_of = &router},
        {.cipher = "\x16", .wrapped_size = 32},
        {.cipher = "\x2a", .wrapped_size = 40, .agreement = {.wrap = WRAP_AES256}},
        {.agreement = {.material = BYTES("salt")}},
        {.agreement = {.key_parameters = BYTES("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")}},
        {.agreement = {.scheme = SCHEME_SHA1}, .legacy = true},
    };

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        const char *reason;
        KeyAgreement a;
        ScepEnvelope e;

        if (parse_for(&good[i], &router, &e, &reason) < 0)
            fail_msg("case %zu: %s", i, reason);
        /* What keyd gets is the whole of it. */
        assert_int_equal(key_agreement_parse(e.encrypted_key, &a, &reason), 0);
        assert_int_equal(a.wrapped_key.size, e.key_size + KEY_AGREEMENT_WRAP_OVERHEAD);
    }
}

static void test_refused(void **state)
{
    static const char one[] = "it has not exactly one recipient",
                      version[] = "its version is not that of its recipient",
                      weak[] = "derived with SHA-1 or SHA-224, which only 'enrollment legacy'",
                      length[] = "its wrapped key has not the length of a key of its cipher";
    const struct {
        Parts parts;
        const char *words;
    } cases[] = {
        {{.n_recipients = 2}, one},
        {{.agreement = {.n_keys = 2}}, one},
        {{.instead = BYTES("")}, one},
        {{.instead = BYTES("\xa2\x00")}, one}, /* a key that both have */
        {{.instead = BYTES("\xa3\x00")}, "it is encrypted under a password"},
        {{.instead = BYTES("\xa1\x00")}, "its recipient is malformed"},
        {{.instead = BYTES("\x30\x00")}, "its recipient is malformed"},
        {{.version = "\1"}, "no CMS EnvelopedData"},
        {{.version = "\3"}, version},
        {{.version = "\0"}, version},
        {{.agreement = {.version = "\0"}}, "its recipient is malformed"},
        {{.to = &stranger}, "it is encrypted for somebody else"},
        {{.to = &ca}, "it is encrypted for somebody else"},
        {{.key_of = &stranger}, "it is encrypted for somebody else"},
        {{.agreement = {.scheme = SCHEME_SHA1}}, weak},
        {{.agreement = {.scheme = BYTES("\x2b\x81\x04\x01\x0b\x00")}}, weak},
        {{.agreement = {.scheme = BYTES("\x2b\x81\x04\x01\x0f\x01")}}, /* MQV */
         "agreed upon with an algorithm that is not known here"},
        {{.agreement = {.wrap = BYTES("\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03"
                                      "\x06")}}, /* Triple DES */
         "wrapped with an algorithm that is not known here"},
        {{.agreement = {.key_parameters = BYTES("\x06\x05\x2b\x81\x04\x00\x22")}},
         "one of another curve than the router's"},
        {{.agreement = {.point = BYTES("\0")}}, "no point of the curve of the router's key"},
        {{.agreement = {.point = BYTES("\x02\x01")}}, "no point of the curve of the router's key"},
        {{.wrapped_size = 16}, length},
        {{.wrapped_size = 32}, length},
        {{.wrapped_size = 40}, length},
        {{.cipher = "\x2a"}, length},
        {{.cipher = "\x06"}, "a cipher that is not known here"}, /* AES-128-GCM */
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        const char *reason;
        ScepEnvelope e;

        if (parse_for(&cases[i].parts, &router, &e, &reason) >= 0 ||
            !strstr(reason, cases[i].words))
            fail_msg("case %zu: %s", i, reason);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* Each kind of key is written to in its own way. */
static void test_other_kinds(void **state)
{
    static const Parts agreed = {.version = NULL};
    Buffer transport = {.size = 0};
    const char *reason;
    ScepEnvelope e;
    Parts parts;

    assert_int_equal(parse_for(&agreed, &rsa, &e, &reason), -EKEYREJECTED);
    assert_non_null(strstr(reason, "one of an elliptic curve, which that of the router is not"));
    for (int to_rsa = 0; to_rsa < 2; to_rsa++) {
        Buffer algorithm = {.size = 0}, name = {.size = 0};
        const TestCertificate *to = to_rsa ? &rsa : &router;

        transport.size = 0;
        add_name(&name, to);
        buffer_add(&algorithm, DER_OID, BYTES(OID_RSA));
        buffer_add(&transport, DER_INTEGER, BYTES("\0"));
        buffer_raw(&transport, buffer_span(&name));
        buffer_add(&transport, DER_SEQUENCE, buffer_span(&algorithm));
        buffer_add(&transport, DER_OCTET_STRING, BYTES("key"));
        buffer_wrap(&transport, DER_SEQUENCE);
        parts = (Parts){.instead = buffer_span(&transport), .version = "\0"};
        assert_int_equal(parse_for(&parts, to, &e, &reason), to_rsa ? 0 : -EKEYREJECTED);
        if (!to_rsa)
            assert_non_null(strstr(reason, "an RSA key, which that of the router is not"));
        parts.version = "\2";
        assert_true(parse_for(&parts, to, &e, &reason) < 0);
        if (to_rsa)
            assert_string_equal(reason, "its version is not that of its recipient");
    }
}

/* F22: whatever is cut off or bent leaves nothing behind, and is never taken for a good one with
 * another recipient. */
static void test_bent(void **state)
{
    static const Parts parts = {.version = NULL};
    Buffer good, bent;
    uint32_t random = 1;
    const char *reason;
    ScepEnvelope e;

    make_envelope(&parts, &router, &good);
    for (size_t n = 0; n < good.size; n++)
        assert_true(scep_envelope_parse((DerSpan){good.data, n}, router.certificate, false, &e,
                                        &reason) < 0);
    for (unsigned i = 0; i < 20000; i++) {
        KeyAgreement a;

        bent = good;
        random = random * 1664525U + 1013904223U;
        bent.data[(random >> 8) % good.size] ^= (uint8_t)(1U + i % 255);
        if (scep_envelope_parse(buffer_span(&bent), router.certificate, false, &e, &reason) < 0)
            continue;
        assert_int_equal(key_agreement_parse(e.encrypted_key, &a, &reason), 0);
        assert_true(scep_names_certificate(a.issuer_and_serial, router.certificate));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_bent),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
