/* SPDX-License-Identifier: Apache-2.0 */
/* keyd signs only what it understands: of envelopes what it takes, in one piece and as a stream,
 * and all that it must not take. */
#include "typed-sign-fixture.h"
#include "typed-stream.h"

static Bytes certificate_of(Fixture *f, Key *subject)
{
    X509 *c = certificate_for(f, subject);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_envelope_header),
        cmocka_unit_test(test_envelope_nonce),
        cmocka_unit_test(test_envelope_shape),
        cmocka_unit_test(test_envelope_characters),
        cmocka_unit_test(test_envelope_payload),
        cmocka_unit_test(test_envelope_cancelled),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_in_time),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
