/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery-verify accepts, and everything that it has to refuse. */
#include "test-pki.h"

#include "json-util.h"
#include "verify.h"

#define NOW 1700000000
#define DAY 86400
#define DOSSIER "{\"model-name\":\"urn:chancery:dossier\",\"nonce\":\"1580\"}"
#define CA_USAGE "critical,keyCertSign,cRLSign"
#define LEAF_USAGE "critical,digitalSignature,nonRepudiation,keyEncipherment"

static TestCertificate root, other_root, leaf;
static const TestEnvelopeSpec plain = {"ecdsanistp384", "sha384", "1580", NOW, true, NULL, NULL};
static const TestEnvelopeSpec dossier_spec = {
    "ecdsanistp384", "sha384", "1580", NOW, true, NULL, ENVELOPE_CONTENT_DOSSIER};

static int setup(void **state)
{
    pki_make(&root, NULL,
             &(TestCertificateSpec){"root", "ecdsanistp384", CA_USAGE, true, NOW - DAY,
                                    NOW + 100 * DAY});
    pki_make(&other_root, NULL,
             &(TestCertificateSpec){"root", "ecdsanistp384", CA_USAGE, true, NOW - DAY,
                                    NOW + 100 * DAY});
    pki_make(&leaf, &root,
             &(TestCertificateSpec){"leaf", "ecdsanistp384", LEAF_USAGE, false, NOW - DAY,
                                    NOW + 10 * DAY});
    return 0;
}

static int teardown(void **state)
{
    pki_free(&leaf);
    pki_free(&root);
    pki_free(&other_root);
    return 0;
}

static VerifyRequest request_at(int64_t at)
{
    return (VerifyRequest){.root = root.certificate, .nonce = "1580", .max_age = -1, .at = at};
}

static Verdict verdict_of(const VerifyRequest *request, const char *envelope, size_t size)
{
    _cleanup_(verify_result_done) VerifyResult result = {.verdict = VERDICT_USAGE};

    assert_int_equal(verify_envelope(request, envelope, size, &result), 0);
    assert_int_equal(result.verdict == VERDICT_GOOD, !result.reason[0]);
    return result.verdict;
}

static Verdict verdict(const char *envelope)
{
    const VerifyRequest request = request_at(NOW + 10);

    return verdict_of(&request, envelope, strlen(envelope));
}

/* The certificate under test as the signer of a good envelope. */
static Verdict verdict_with(const TestCertificate *signer, const TestCertificate *issuer,
                            const char *algorithm, const char *digest)
{
    const TestEnvelopeSpec spec = {
        algorithm, digest, "1580", NOW, true, NULL, ENVELOPE_CONTENT_DOSSIER};
    _cleanup_free_ char *envelope = pki_envelope(signer, issuer, &spec, DOSSIER, STRLEN(DOSSIER));

    return verdict(envelope);
}

static Verdict verdict_of_certificate(const TestCertificateSpec *spec)
{
    TestCertificate c;
    Verdict v;

    pki_make(&c, &root, spec);
    v = verdict_with(&c, &root, "ecdsanistp384", "sha384");
    pki_free(&c);
    return v;
}

static void test_good(void **state)
{
    static const struct {
        const char *algorithm, *digest;
    } algorithms[] = {
        {"rsa", "sha256"},
        {"rsa", "sha384"},
        {"rsa", "sha512"},
        {"ecdsanistp256", "sha256"},
        {"ecdsanistp384", "sha384"},
        {"ecdsanistp521", "sha512"},
        {"ed25519", ""},
        {"dsa", "sha256"},
    };

    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++) {
        TestCertificate c;

        pki_make(&c, &root,
                 &(TestCertificateSpec){"leaf", algorithms[i].algorithm, LEAF_USAGE, false,
                                        NOW - DAY, NOW + DAY});
        assert_int_equal(verdict_with(&c, &root, algorithms[i].algorithm, algorithms[i].digest),
                         VERDICT_GOOD);
        pki_free(&c);
    }
}

/* Whatever dossierd can make can be read, also when it is encoded twice. */
static void test_size(void **state)
{
    assert_true(ENVELOPE_SIZE_MAX >= ENVELOPE_PAYLOAD_MAX / 9 * 16 + ENVELOPE_HEADER_MAX);
}

/* Every character of the envelope changed to another of the same alphabet: never good, never a
 * crash. */
static void test_flipped(void **state)
{
    _cleanup_free_ char *envelope =
        pki_envelope(&leaf, &root, &dossier_spec, DOSSIER, STRLEN(DOSSIER));
    const char *payload = strstr(envelope, "\"payload\":\""),
               *header = strstr(envelope, "\"protected\":\"");
    const char *signature = strstr(envelope, "\"signature\":\"");
    size_t counts[VERDICT_NOT_COLLECTED + 1] = {0};

    assert_int_equal(verdict(envelope), VERDICT_GOOD);
    for (char *p = envelope; *p && *p != '\n'; p++) {
        char original = *p;
        Verdict v;

        *p = original == 'A' ? 'B' : 'A';
        v = verdict(envelope);
        assert_int_not_equal(v, VERDICT_GOOD);
        counts[v]++;
        if (p > payload + 11 && p < header - 2)
            assert_true(v == VERDICT_BAD_SIGNATURE || v == VERDICT_MALFORMED);
        if (p > signature + 13 && *p != '"')
            assert_true(v == VERDICT_BAD_SIGNATURE || v == VERDICT_MALFORMED);
        *p = original;
    }
    assert_true(counts[VERDICT_BAD_SIGNATURE] > 0 && counts[VERDICT_MALFORMED] > 0);
}

static void test_truncated(void **state)
{
    _cleanup_free_ char *envelope =
        pki_envelope(&leaf, &root, &dossier_spec, DOSSIER, STRLEN(DOSSIER));
    const VerifyRequest request = request_at(NOW);
    size_t size = strlen(envelope) - 1; /* without the newline */

    for (size_t n = 0; n < size; n++) {
        _cleanup_free_ char *exact = malloc(n + 1);

        memcpy(exact, envelope, n);
        assert_int_equal(verdict_of(&request, exact, n), VERDICT_MALFORMED);
    }
    assert_int_equal(verdict_of(&request, envelope, size), VERDICT_GOOD);
}

static void test_outer_form(void **state)
{
    static const char *const bad[] = {
        "[]",
        "null",
        "{}",
        "{\"payload\":\"\",\"protected\":\"\"}",
        "{\"payload\":1,\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"\",\"payload\":\"\",\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"\",\"header\":{},\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"\\u0041\",\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"YQ==\",\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"\",\"protected\":\"\",\"signature\":\"\"} x",
        "{\"payload\":\"\",\"protected\":\"\",\"signature\":\"\",}",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(verdict(bad[i]), VERDICT_MALFORMED);
}

static Verdict verdict_of_header(const char *json)
{
    _cleanup_free_ char *header = base64url_encode(json, strlen(json)), *envelope = NULL;
    TestEnvelopeSpec spec = plain;

    spec.header = header;
    envelope = pki_envelope(&leaf, &root, &spec, "x", 1);
    return verdict(envelope);
}

#define THUMBPRINT "\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define TYPE "\"typ\":\"chancery-envelope+json\""

static void test_header(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"alg\":\"ES384\",\"iat\":1," THUMBPRINT "}",
        "{\"alg\":\"ES384\",\"typ\":\"JWT\",\"iat\":1," THUMBPRINT "}",
        "{\"alg\":\"ES384\"," TYPE "," THUMBPRINT "}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":-1," THUMBPRINT "}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1.5," THUMBPRINT "}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":99999999999999," THUMBPRINT "}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1,\"x5t#S256\":\"AAAA\"}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"crit\":[\"x\"]}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"b64\":false}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"jku\":\"http://x\"}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1,\"iat\":2," THUMBPRINT "}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"nonce\":\"\\u001b[2J\"}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"nonce\":1580}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"x5c\":[]}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"x5c\":[\"AAAA\"]}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT ",\"x5c\":\"AAAA\"}",
        "{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT
        ",\"x5c\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}",
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(verdict_of_header(bad[i]), VERDICT_MALFORMED);
    /* Well-formed, but nobody knows the certificate. */
    assert_int_equal(verdict_of_header("{\"alg\":\"ES384\"," TYPE ",\"iat\":1," THUMBPRINT "}"),
                     VERDICT_UNTRUSTED);
}

/* The header says what it likes about the algorithm; the key decides. */
static void test_algorithm(void **state)
{
    static const char *const wrong[] = {"none",  "HS256", "HS384", "RS256",  "PS384", "ES256",
                                        "ES512", "EdDSA", "es384", "DSA256", ""};
    uint8_t digest[32];
    _cleanup_free_ char *thumbprint = NULL,
                        *certificate = base64_encode(leaf.der, (size_t)leaf.der_size);

    assert_int_equal(EVP_Digest(leaf.der, (size_t)leaf.der_size, digest, NULL, EVP_sha256(), NULL),
                     1);
    thumbprint = base64url_encode(digest, sizeof digest);
    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        _cleanup_free_ char *json = NULL;

        assert_true(asprintf(&json,
                             "{\"alg\":\"%s\"," TYPE
                             ",\"iat\":%d,\"x5t#S256\":\"%s\",\"x5c\":[\"%s\"]}",
                             wrong[i], NOW, thumbprint, certificate) > 0);
        assert_int_equal(verdict_of_header(json), VERDICT_BAD_SIGNATURE);
    }
}

static void test_nonce(void **state)
{
    _cleanup_free_ char *envelope = pki_envelope(&leaf, &root, &plain, "text", 4);
    TestEnvelopeSpec spec = plain;
    _cleanup_free_ char *without = NULL, *dossier = NULL, *none = NULL;
    VerifyRequest request = request_at(NOW);

    request.nonce = "1581";
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_NONCE);
    spec.nonce = NULL;
    without = pki_envelope(&leaf, &root, &spec, "text", 4);
    assert_int_equal(verdict(without), VERDICT_NONCE);
    /* F17: the dossier's nonce and the envelope's differ, or only one of them has one. */
    spec.nonce = "1581";
    spec.content_type = ENVELOPE_CONTENT_DOSSIER;
    dossier = pki_envelope(&leaf, &root, &spec, DOSSIER, STRLEN(DOSSIER));
    assert_int_equal(verdict_of(&request, dossier, strlen(dossier)), VERDICT_NONCE);
    request.nonce = NULL;
    assert_int_equal(verdict_of(&request, dossier, strlen(dossier)), VERDICT_NONCE);
    spec.nonce = NULL;
    none = pki_envelope(&leaf, &root, &spec, DOSSIER, STRLEN(DOSSIER));
    assert_int_equal(verdict_of(&request, none, strlen(none)), VERDICT_NONCE);
    assert_int_equal(verdict_of(&request, without, strlen(without)), VERDICT_GOOD);
    assert_int_equal(verdict(envelope), VERDICT_GOOD);
}

static void test_payload(void **state)
{
    static const char cut[] = "{\"model-name\":\"urn:chancery:dossier\",\"nonce\":\"1580\"";
    TestEnvelopeSpec collected = plain;
    _cleanup_free_ char *envelope = NULL, *text = NULL;
    _cleanup_free_ char *empty = pki_envelope(&leaf, &root, &plain, "", 0);

    collected.content_type = ENVELOPE_CONTENT_DOSSIER;
    envelope = pki_envelope(&leaf, &root, &collected, cut, STRLEN(cut));
    text = pki_envelope(&leaf, &root, &collected, "text", 4);
    assert_int_equal(verdict(envelope), VERDICT_BAD_PAYLOAD);
    assert_int_equal(verdict(text), VERDICT_BAD_PAYLOAD);
    assert_int_equal(verdict(empty), VERDICT_GOOD);
}

/* Whoever may sign can have any bytes signed: a dossier that the device has not collected itself is
 * told from one that it has. */
static void test_invented_dossier(void **state)
{
    TestEnvelopeSpec spec = plain;
    _cleanup_free_ char *invented = pki_envelope(&leaf, &root, &spec, DOSSIER, STRLEN(DOSSIER));
    _cleanup_free_ char *collected = NULL, *unknown = NULL;

    assert_int_equal(verdict(invented), VERDICT_NOT_COLLECTED);
    spec.content_type = ENVELOPE_CONTENT_DOSSIER;
    collected = pki_envelope(&leaf, &root, &spec, DOSSIER, STRLEN(DOSSIER));
    assert_int_equal(verdict(collected), VERDICT_GOOD);
    spec.content_type = "something-else";
    unknown = pki_envelope(&leaf, &root, &spec, DOSSIER, STRLEN(DOSSIER));
    assert_int_equal(verdict(unknown), VERDICT_MALFORMED);
}

/* F18: a root of the same name, a certificate of another chain. */
static void test_root(void **state)
{
    _cleanup_free_ char *envelope = pki_envelope(&leaf, &root, &plain, "x", 1);
    VerifyRequest request = request_at(NOW);
    TestCertificate stranger;

    request.root = other_root.certificate;
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_UNTRUSTED);
    pki_make(
        &stranger, &other_root,
        &(TestCertificateSpec){"leaf", "ecdsanistp384", LEAF_USAGE, false, NOW - DAY, NOW + DAY});
    assert_int_equal(verdict_with(&stranger, &other_root, "ecdsanistp384", "sha384"),
                     VERDICT_UNTRUSTED);
    pki_free(&stranger);
    pki_make(
        &stranger, NULL,
        &(TestCertificateSpec){"leaf", "ecdsanistp384", LEAF_USAGE, false, NOW - DAY, NOW + DAY});
    assert_int_equal(verdict_with(&stranger, &root, "ecdsanistp384", "sha384"), VERDICT_UNTRUSTED);
    pki_free(&stranger);
}

static void test_certificate(void **state)
{
    TestCertificate weak, below;

    assert_int_equal(verdict_of_certificate(&(TestCertificateSpec){"ca", "ecdsanistp384",
                                                                   CA_USAGE ",digitalSignature",
                                                                   true, NOW - DAY, NOW + DAY}),
                     VERDICT_UNTRUSTED);
    assert_int_equal(verdict_of_certificate(&(TestCertificateSpec){"leaf", "ecdsanistp384",
                                                                   "critical,keyAgreement", false,
                                                                   NOW - DAY, NOW + DAY}),
                     VERDICT_UNTRUSTED);
    assert_int_equal(verdict_of_certificate(&(TestCertificateSpec){"leaf", "ecdsanistp384", NULL,
                                                                   false, NOW - DAY, NOW + DAY}),
                     VERDICT_UNTRUSTED);
    /* Signed while it was not valid. */
    assert_int_equal(verdict_of_certificate(&(TestCertificateSpec){
                         "leaf", "ecdsanistp384", LEAF_USAGE, false, NOW - 2 * DAY, NOW - DAY}),
                     VERDICT_EXPIRED);
    assert_int_equal(verdict_of_certificate(&(TestCertificateSpec){
                         "leaf", "ecdsanistp384", LEAF_USAGE, false, NOW + DAY, NOW + 2 * DAY}),
                     VERDICT_EXPIRED);
    assert_int_equal(verdict_of_certificate(&(TestCertificateSpec){
                         "leaf", "ecdsanistp384", LEAF_USAGE, false, NOW - DAY, NOW + DAY}),
                     VERDICT_GOOD);
    pki_make(&weak, &root,
             &(TestCertificateSpec){"leaf", "rsa1024", LEAF_USAGE, false, NOW - DAY, NOW + DAY});
    assert_int_equal(verdict_with(&weak, &root, "rsa", "sha256"), VERDICT_BAD_SIGNATURE);
    pki_free(&weak);
    /* A router certificate that issued another one. */
    pki_make(
        &below, &leaf,
        &(TestCertificateSpec){"below", "ecdsanistp384", LEAF_USAGE, false, NOW - DAY, NOW + DAY});
    assert_int_equal(verdict_with(&below, &leaf, "ecdsanistp384", "sha384"), VERDICT_UNTRUSTED);
    pki_free(&below);
}

/* What only has expired was good once; what is not the root's never was, however old the root. */
static void test_forged_below_an_expired_root(void **state)
{
    TestEnvelopeSpec spec = plain;
    VerifyRequest request = request_at(NOW + 300 * DAY);
    _cleanup_free_ char *forged = NULL, *own = NULL, *early = NULL;
    /* Everything in it is as the root would have it, but for the signature. */
    const TestCertificate forger = {.certificate = root.certificate, .key = other_root.key};
    TestCertificate stranger;

    pki_make(&stranger, &forger,
             &(TestCertificateSpec){"leaf", "ecdsanistp384", LEAF_USAGE, false, NOW - 3 * DAY,
                                    NOW + 400 * DAY});
    spec.issued_at = NOW + 200 * DAY;
    own = pki_envelope(&leaf, &root, &spec, "x", 1);
    assert_int_equal(verdict_of(&request, own, strlen(own)), VERDICT_EXPIRED);
    forged = pki_envelope(&stranger, &root, &spec, "x", 1);
    assert_int_equal(verdict_of(&request, forged, strlen(forged)), VERDICT_UNTRUSTED);
    spec.issued_at = NOW - 2 * DAY;
    early = pki_envelope(&stranger, &root, &spec, "x", 1);
    assert_int_equal(verdict_of(&request, early, strlen(early)), VERDICT_UNTRUSTED);
    pki_free(&stranger);
}

/* F29 */
static void test_time(void **state)
{
    _cleanup_free_ char *envelope = pki_envelope(&leaf, &root, &plain, "x", 1);
    VerifyRequest request = request_at(NOW + 11 * DAY);

    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_VALID_WHEN_SIGNED);
    request.max_age = 60;
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_STALE);
    request.at = NOW + 61;
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_STALE);
    request.at = NOW - CLOCK_TOLERANCE_SECONDS - 1;
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_STALE);
    request.at = NOW - CLOCK_TOLERANCE_SECONDS;
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_GOOD);
    request.at = NOW + 60;
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_GOOD);
}

static void test_chain_file(void **state)
{
    TestEnvelopeSpec spec = plain;
    _cleanup_free_ char *envelope = NULL;
    VerifyRequest request = request_at(NOW);
    STACK_OF(X509) *chain = sk_X509_new_null();

    spec.include_certificate = false;
    envelope = pki_envelope(&leaf, &root, &spec, "x", 1);
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_UNTRUSTED);
    request.chain = chain;
    assert_true(sk_X509_push(chain, other_root.certificate) > 0);
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_UNTRUSTED);
    assert_true(sk_X509_push(chain, leaf.certificate) > 0);
    assert_int_equal(verdict_of(&request, envelope, strlen(envelope)), VERDICT_GOOD);
    sk_X509_free(chain);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* The linker puts these before the C library's (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

static unsigned long countdown; /* the allocation that fails; 0: none does */

static bool is_the_one(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return is_the_one() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_the_one() ? NULL : __real_calloc(n, size);
}

/* Whatever memory is refused, it is never the envelope's fault. */
static void test_no_memory(void **state)
{
    _cleanup_free_ char *envelope =
        pki_envelope(&leaf, &root, &dossier_spec, DOSSIER, STRLEN(DOSSIER));
    const VerifyRequest request = request_at(NOW + 10);
    unsigned n_refused = 0;
    bool was_refused = true;

    for (unsigned long n = 1; was_refused; n++) {
        VerifyResult result = {.verdict = VERDICT_USAGE};
        int r;

        countdown = n;
        r = verify_envelope(&request, envelope, strlen(envelope), &result);
        was_refused = countdown == 0;
        countdown = 0;
        if (r == 0 && result.verdict == VERDICT_MALFORMED)
            fail_msg("allocation %lu: %s", n, result.reason);
        if (r < 0)
            assert_int_equal(r, -ENOMEM);
        else
            verify_result_done(&result);
        n_refused += r < 0;
    }
    assert_in_range(n_refused, 4, 1000); /* header, certificates, signature, payload */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_outer_form),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_algorithm),
        cmocka_unit_test(test_nonce),
        cmocka_unit_test(test_invented_dossier),
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_chain_file),
        cmocka_unit_test(test_forged_below_an_expired_root),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
