/* SPDX-License-Identifier: Apache-2.0 */
/* keyd and attestation tokens: it signs those that say what they have to say, for the key that they
 * name, now; and nothing that could be read in two ways. */
#include "typed-sign-fixture.h"

#include "cbor-text.h"
#include "eat.h"
#include "json-util.h"

#define BUFFER_SIZE 65536U

typedef struct Token {
    const char *algorithm, *type, *members; /* of a JWT's header */
    int64_t away;                           /* iat, seconds from now */
    const char *body;                       /* what stands in the place of base64url of the body */
    const char *end;
    int64_t cose; /* of a CWT */
    const char *cose_type;
} Token;

static const Token right = {.algorithm = "ES256",
                            .type = EAT_JWT_TYPE,
                            .members = "",
                            .body = "e30",
                            .end = EAT_JSON_END,
                            .cose = -7};

static Bytes certificate_of(Fixture *f, Key *subject)
{
    X509 *c = X509_new();
    Bytes b = {NULL, 0};
    int n;

    assert_int_equal(X509_set_version(c, 2), 1);
    assert_int_equal(X509_set_pubkey(c, subject->pkey), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c), 86400));
    assert_true(X509_sign(c, f->root->pkey, EVP_sha256()) > 0);
    n = i2d_X509(c, &b.data);
    assert_true(n > 0);
    b.size = (size_t)n;
    X509_free(c);
    return b;
}

static EatClaims claims_at(int64_t away)
{
    return (EatClaims){.issued_at = (int64_t)time(NULL) + away,
                       .is_dossier = true,
                       .nonce = {1},
                       .nonce_size = 8,
                       .uptime = 5,
                       .software = "x"};
}

static char *jwt(const Bytes *certificate, const Token *t)
{
    _cleanup_free_ char *header = NULL, *header64 = NULL, *claims = NULL, *whole = NULL,
                        *print = NULL, *payload64 = NULL;
    const EatClaims c = claims_at(t->away);
    uint8_t digest[32];
    char *input;

    assert_int_equal(
        EVP_Digest(certificate->data, certificate->size, digest, NULL, EVP_sha256(), NULL), 1);
    print = base64url_encode(digest, sizeof digest);
    assert_true(asprintf(&header, "{\"alg\":\"%s\",\"typ\":\"%s\",\"x5t#S256\":\"%s\"%s}",
                         t->algorithm, t->type, print, t->members) > 0);
    header64 = base64url_encode(header, strlen(header));
    assert_int_equal(eat_claims_to_json(&c, &claims), 0);
    assert_true(asprintf(&whole, "%s%s%s", claims, t->body, t->end) > 0);
    payload64 = base64url_encode(whole, strlen(whole));
    assert_true(asprintf(&input, "%s.%s", header64, payload64) > 0);
    return input;
}

static int seal_jwt(Fixture *f, Key *key, const Bytes *certificate, const Token *t,
                    const char **ret_reason)
{
    _cleanup_free_ char *input = jwt(certificate, t);

    return sign_full(f, key, PURPOSE_EAT_JWT, digest_for(key), input, strlen(input), certificate,
                     ret_reason);
}

static size_t cwt(const Bytes *certificate, const Token *t, uint8_t *input)
{
    const EatClaims c = claims_at(t->away);
    uint8_t claims[EAT_CLAIMS_MAX + 4], header[256];
    CoseHeader h = {.algorithm = t->cose};
    int n, m, k;

    assert_int_equal(
        EVP_Digest(certificate->data, certificate->size, h.thumbprint, NULL, EVP_sha256(), NULL),
        1);
    n = eat_claims_to_cbor(&c, 2, claims);
    memcpy(claims + n, "{}", 2);
    m = cose_header_write(&h, header, sizeof header);
    k = cose_signed_head((DerSpan){header, (size_t)m}, (size_t)n + 2, input, BUFFER_SIZE);
    assert_true(n > 0 && m > 0 && k > 0);
    memcpy(input + k, claims, (size_t)n + 2);
    return (size_t)k + (size_t)n + 2;
}

static int seal_cwt(Fixture *f, Key *key, const Bytes *certificate, const Token *t,
                    const char **ret_reason)
{
    _cleanup_free_ uint8_t *input = malloc(BUFFER_SIZE);
    size_t size = cwt(certificate, t, input);

    return sign_full(f, key, PURPOSE_EAT_CWT, digest_for(key), input, size, certificate,
                     ret_reason);
}

static void test_keys(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf),
                          others = certificate_of(f, f->other);
    int (*const seals[])(Fixture *, Key *, const Bytes *, const Token *,
                         const char **) = {seal_jwt, seal_cwt};
    const char *reason = NULL;

    for (size_t i = 0; i < ELEMENTSOF(seals); i++) {
        assert_int_equal(seals[i](f, f->root, &certificate, &right, NULL), -EPERM);
        assert_int_equal(seals[i](f, f->other, &others, &right, NULL), -EPERM);
        assert_int_equal(seals[i](f, f->leaf, &others, &right, &reason), -EPERM);
        assert_string_equal(reason, "the certificate is not one of this key");
        assert_int_equal(seals[i](f, f->old, &certificate, &right, &reason), -EPERM);
        assert_string_equal(reason,
                            "dsa keys sign certificate requests, what SCEP needs, and envelopes");
        assert_int_equal(seals[i](f, f->leaf, &certificate, &right, NULL), 0);
    }
    /* Neither is the other, nor an envelope. */
    {
        _cleanup_free_ char *input = jwt(&certificate, &right);
        static const Purpose wrong[] = {PURPOSE_ENVELOPE, PURPOSE_EAT_CWT};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
            assert_int_equal(sign_full(f, f->leaf, wrong[i], DIGEST_SHA256, input, strlen(input),
                                       &certificate, &reason),
                             -EBADMSG);
    }
}

static void test_jwt(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf);
    static const struct {
        const char *algorithm, *type, *members, *body, *end;
        int64_t away;
        const char *reason;
    } bad[] = {
        {"ES384", NULL, NULL, NULL, NULL, 0, "alg is not that of the key and digest"},
        {"none", NULL, NULL, NULL, NULL, 0, "alg is not that of the key and digest"},
        {NULL, "JWT", NULL, NULL, NULL, 0, "typ is not that of the token"},
        {NULL, NULL, ",\"nonce\":\"1\"", NULL, NULL, 0,
         "the header has a member that is not known here"},
        {NULL, NULL, ",\"crit\":[]", NULL, NULL, 0,
         "the header has a member that is not known here"},
        {NULL, NULL, NULL, NULL, NULL, -900, "iat is not the present time"},
        {NULL, NULL, NULL, NULL, NULL, 900, "iat is not the present time"},
        /* What would be read as one claim more, or instead. */
        {NULL, NULL, NULL, "e30\"]],\"iat\":1,\"x\":[[50,\"e30", NULL, 0,
         "the measurement is not base64url"},
        {NULL, NULL, NULL, "e30\"]],\"y\":[[50,\"", NULL, 0, "the measurement is not base64url"},
        {NULL, NULL, NULL, "e3 0", NULL, 0, "the measurement is not base64url"},
        {NULL, NULL, NULL, "e30=", NULL, 0, "the measurement is not base64url"},
        {NULL, NULL, NULL, "e31", NULL, 0, "the measurement is not base64url"},
        {NULL, NULL, NULL, "e", NULL, 0, "the measurement is not base64url"},
        {NULL, NULL, NULL, NULL, "\"]]", 0, "the claims do not end with one measurement"},
        {NULL, NULL, NULL, NULL, "\"]]} ", 0, "the claims do not end with one measurement"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        Token t = right;
        const char *reason = NULL;

        t.algorithm = bad[i].algorithm ? bad[i].algorithm : t.algorithm;
        t.type = bad[i].type ? bad[i].type : t.type;
        t.members = bad[i].members ? bad[i].members : t.members;
        t.body = bad[i].body ? bad[i].body : t.body;
        t.end = bad[i].end ? bad[i].end : t.end;
        t.away = bad[i].away;
        assert_int_equal(seal_jwt(f, f->leaf, &certificate, &t, &reason), -EBADMSG);
        assert_string_equal(reason, bad[i].reason);
    }
}

/* A quote in any place of a long body is found, wherever the pieces end in which it is read. */
static void test_jwt_body(void **state)
{
    static char body[300001];
    static const size_t places[] = {0, 1, 2, 3, 5, 65535, 65536, 131071, 199998, 199999, 200000};
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf);
    Token t = right;

    t.body = body;
    for (size_t size = 200000; size < 200005; size++) {
        memset(body, 'A', size);
        body[size] = 0;
        assert_int_equal(seal_jwt(f, f->leaf, &certificate, &t, NULL),
                         size % 4 == 1 ? -EBADMSG : 0);
    }
    memset(body, 'A', 200004);
    body[200004] = 0;
    for (size_t i = 0; i < ELEMENTSOF(places); i++) {
        body[places[i]] = '"';
        assert_int_equal(seal_jwt(f, f->leaf, &certificate, &t, NULL), -EBADMSG);
        body[places[i]] = 'A';
    }
    assert_int_equal(seal_jwt(f, f->leaf, &certificate, &t, NULL), 0);
}

static void test_cwt(void **state)
{
    Fixture *f = *state;
    _cleanup_bytes_ Bytes certificate = certificate_of(f, f->leaf);
    _cleanup_free_ uint8_t *input = malloc(BUFFER_SIZE), *changed = malloc(BUFFER_SIZE);
    const char *reason = NULL;
    Token t = right;
    size_t size;

    t.away = -900;
    assert_int_equal(seal_cwt(f, f->leaf, &certificate, &t, &reason), -EBADMSG);
    assert_string_equal(reason, "iat is not the present time");
    t = right;
    t.cose = -35;
    assert_int_equal(seal_cwt(f, f->leaf, &certificate, &t, &reason), -EBADMSG);
    assert_string_equal(reason, "alg is not that of the key and digest");
    size = cwt(&certificate, &right, input);
    for (size_t n = 0; n < size; n++)
        assert_int_equal(
            sign_full(f, f->leaf, PURPOSE_EAT_CWT, DIGEST_SHA256, input, n, &certificate, &reason),
            -EBADMSG);
    input[size] = 0;
    assert_int_equal(sign_full(f, f->leaf, PURPOSE_EAT_CWT, DIGEST_SHA256, input, size + 1,
                               &certificate, &reason),
                     -EBADMSG);
    /* Of the header and the structure around it nothing may be otherwise. */
    for (size_t n = 0; n < 79; n++) {
        memcpy(changed, input, size);
        changed[n] ^= 1;
        assert_int_equal(sign_full(f, f->leaf, PURPOSE_EAT_CWT, DIGEST_SHA256, changed, size,
                                   &certificate, &reason),
                         -EBADMSG);
    }
    assert_int_equal(
        sign_full(f, f->leaf, PURPOSE_EAT_CWT, DIGEST_SHA256, input, size, &certificate, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_jwt),
        cmocka_unit_test(test_jwt_body),
        cmocka_unit_test(test_cwt),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
