/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and headers of entity attestation tokens: what is written is read again as it was, and
 * nothing else is read. */
#include "test-common.h"

#include "cbor-text.h"
#include "eat.h"
#include "json-util.h"

static const EatClaims full = {.issued_at = 1700000000,
                               .nonce = {0, 0, 0, 0, 0, 0, 6, 0x2c},
                               .nonce_size = 8,
                               .is_dossier = true,
                               .has_ueid = true,
                               .has_sueid = true,
                               .ueid = {1, 2, 3},
                               .sueid = {1, 4, 5},
                               .uptime = 99,
                               .software = "a \"measurements\":[[50,\" b",
                               .version = "12"};
static const EatClaims bare = {.issued_at = 5};

static void test_nonce(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t size;
    } good[] = {
        {"0", "\0\0\0\0\0\0\0\0", 8},
        {"1580", "\0\0\0\0\0\0\x06\x2c", 8},
        {"0x62c", "\0\0\0\0\0\0\x06\x2c", 8},
        {"0x0102030405060708", "\1\2\3\4\5\6\7\10", 8},
        {"0x000102030405060708", "\0\1\2\3\4\5\6\7\10", 9},
        {"18446744073709551616", "\1\0\0\0\0\0\0\0\0", 9},
    };
    static const char *const bad[] = {"", "0x", "x", "12a", "0xg", "-1", " 1"};
    char text[512];
    uint8_t nonce[EAT_NONCE_MAX];
    size_t size;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_int_equal(eat_nonce_from_text(bad[i], nonce, &size), -EINVAL);
    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        assert_int_equal(eat_nonce_from_text(good[i].text, nonce, &size), 0);
        assert_int_equal(size, good[i].size);
        assert_memory_equal(nonce, good[i].bytes, size);
    }
    (void)snprintf(text, sizeof text, "0x%0129d", 1);
    assert_int_equal(eat_nonce_from_text(text, nonce, &size), -EINVAL);
    (void)snprintf(text, sizeof text, "0x%0128d", 1);
    assert_int_equal(eat_nonce_from_text(text, nonce, &size), 0);
    assert_int_equal(size, 64);
    (void)snprintf(text, sizeof text, "1%0160d", 0);
    assert_int_equal(eat_nonce_from_text(text, nonce, &size), -EINVAL);
}

static void assert_same(const EatClaims *a, const EatClaims *b)
{
    assert_int_equal(a->issued_at, b->issued_at);
    assert_int_equal(a->nonce_size, b->nonce_size);
    assert_memory_equal(a->nonce, b->nonce, a->nonce_size);
    assert_int_equal(a->is_dossier, b->is_dossier);
    assert_int_equal(a->has_ueid, b->has_ueid);
    assert_int_equal(a->has_sueid, b->has_sueid);
    assert_memory_equal(a->ueid, b->ueid, sizeof a->ueid);
    assert_memory_equal(a->sueid, b->sueid, sizeof a->sueid);
    assert_int_equal(a->uptime, b->uptime);
    assert_string_equal(a->software, b->software);
    assert_string_equal(a->version, b->version);
}

static int read_json(const char *head, const char *rest, EatClaims *ret, const char **ret_reason)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r;

    assert_true(asprintf(&text, "%s%s", head, rest) > 0);
    r = eat_claims_from_json(text, strlen(text), ret, &size, ret_reason);
    if (r >= 0)
        assert_int_equal(size, strlen(head));
    return r;
}

static void test_json(void **state)
{
    const EatClaims *all[] = {&full, &bare};

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        for (size_t pad = 0; pad < 3; pad++) {
            _cleanup_free_ char *head = NULL;
            EatClaims wanted = *all[i], again;
            const char *reason = NULL;

            (void)snprintf(wanted.version, sizeof wanted.version, "%.*s", (int)pad + 1, "123");
            assert_int_equal(eat_claims_to_json(&wanted, &head), 0);
            assert_int_equal(strlen(head) % 3, 0);
            assert_int_equal(read_json(head, "e30" EAT_JSON_END, &again, &reason), 0);
            assert_same(&wanted, &again);
        }
    }
}

/* The first is in a text. */
static char *find_last(char *text, const char *wanted)
{
    char *at = strstr(text, wanted), *next;

    while (at && (next = strstr(at + 1, wanted)))
        at = next;
    return at;
}

/* Claims that are whole before a zero byte, and others behind it, to which the body belongs. */
static void test_json_after_zero(void **state)
{
    static const char more[] = "\"measurements\":[[50,\"";
    _cleanup_free_ char *head = NULL;
    char text[2048], *at;
    const char *reason = NULL;
    EatClaims again;
    size_t size, n;

    assert_int_equal(eat_claims_to_json(&full, &head), 0);
    (void)snprintf(text, sizeof text, "%s", head);
    at = find_last(text, "\"measurements\":");
    n = (size_t)snprintf(at, sizeof text - (size_t)(at - text), "\"measurements\": [[50,\"");
    at += n + 1;
    while (((size_t)(at - text) + STRLEN(more)) % 3 != 0)
        *at++ = ' ';
    memcpy(at, more, sizeof more);
    n = (size_t)(at - text) + STRLEN(more);
    memcpy(text + n, "e30" EAT_JSON_END, sizeof "e30" EAT_JSON_END);
    n += STRLEN("e30" EAT_JSON_END);
    assert_int_equal(eat_claims_from_json(text, n, &again, &size, &reason), -EBADMSG);
    assert_non_null(reason);
}

/* Each by itself in claims that are good otherwise. */
static void test_json_refused(void **state)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"iat\":1700000000", "\"iat\":\"1700000000\""},
        {"\"iat\":1700000000", "\"iat\":-1"},
        {"urn:chancery:eat:dossier", "urn:chancery:eat:dossies"},
        {"\"uptime\":99", "\"uptimes\":99"},
        {"\"uptime\":99", "\"uptime\":99,\"uptime\":98"},
        {"\"intuse\":\"generic\"", "\"intuse\":\"pop\""},
        {"\"swversion\":[\"12\"]", "\"swversion\":[\"12\",1]"},
        {"\"swversion\":[\"12\"]", "\"swversion\":[]"},
        {"[[50,", "[[42,"},
        {"[[50,", "[[-50,"},
        {"\"eat_nonce\":\"AAAAAAAABiw\"", "\"eat_nonce\":\"AAAAAAAABi\""},
        {"\"machine-id\":", "\"machine\":"},
    };
    _cleanup_free_ char *head = NULL;
    const char *reason = NULL;
    EatClaims again;

    assert_int_equal(eat_claims_to_json(&full, &head), 0);
    for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
        char *at = find_last(head, changes[i].from), text[2048];

        assert_non_null(at);
        for (int pad = 0; pad < 3; pad++) {
            (void)snprintf(text, sizeof text, "{%*s%.*s%s%s", pad, "", (int)(at - head - 1),
                           head + 1, changes[i].to, at + strlen(changes[i].from));
            reason = NULL;
            assert_int_equal(read_json(text, EAT_JSON_END, &again, &reason), -EBADMSG);
            assert_non_null(reason);
        }
    }
    for (size_t n = 0; n < strlen(head); n++) {
        size_t size;

        assert_int_equal(eat_claims_from_json(head, n, &again, &size, &reason), -EBADMSG);
    }
}

static void test_cbor(void **state)
{
    const EatClaims *all[] = {&full, &bare};

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        uint8_t buffer[EAT_CLAIMS_MAX + 8];
        const char *reason = NULL;
        EatClaims again;
        DerSpan body;
        int n = eat_claims_to_cbor(all[i], 4, buffer);

        assert_true(n > 0);
        memcpy(buffer + n, "body", 4);
        assert_int_equal(
            eat_claims_from_cbor((DerSpan){buffer, (size_t)n + 4}, &again, &body, &reason), 0);
        assert_same(all[i], &again);
        assert_int_equal(body.size, 4);
        assert_memory_equal(body.data, "body", 4);
        /* Neither more, nor less. */
        for (size_t size = 0; size < (size_t)n + 4; size++) {
            _cleanup_free_ uint8_t *exact = malloc(size + 1);

            memcpy(exact, buffer, size);
            assert_int_equal(eat_claims_from_cbor((DerSpan){exact, size}, &again, &body, &reason),
                             -EBADMSG);
        }
        buffer[n + 4] = 0;
        assert_int_equal(
            eat_claims_from_cbor((DerSpan){buffer, (size_t)n + 5}, &again, &body, &reason),
            -EBADMSG);
    }
}

/* CBOR's texts are UTF-8 (RFC 8949 section 3.1): another reader would not go on. */
static void test_cbor_text(void **state)
{
    uint8_t buffer[EAT_CLAIMS_MAX + 8];
    EatClaims claims = bare, again;
    const char *reason = NULL;
    DerSpan body;
    int n;

    (void)snprintf(claims.software, sizeof claims.software, "\xc3\xbc");
    n = eat_claims_to_cbor(&claims, 0, buffer);
    assert_int_equal(eat_claims_from_cbor((DerSpan){buffer, (size_t)n}, &again, &body, &reason), 0);
    claims.software[1] = 'x';
    n = eat_claims_to_cbor(&claims, 0, buffer);
    assert_int_equal(eat_claims_from_cbor((DerSpan){buffer, (size_t)n}, &again, &body, &reason),
                     -EBADMSG);
}

static void test_header(void **state)
{
    static const uint8_t leaf[] = {0x30, 0}, root[] = {0x30, 1, 0};
    CoseHeader h = {.algorithm = -35, .thumbprint = {1, 2, 3}}, again;
    uint8_t buffer[512], token[1024];
    const char *reason = NULL;

    for (h.n_chain = 0; h.n_chain < 3; h.n_chain++) {
        DerSpan header, payload, signature;
        int n, m;

        h.chain[0] = (DerSpan){leaf, sizeof leaf};
        h.chain[1] = (DerSpan){root, sizeof root};
        n = cose_header_write(&h, buffer, sizeof buffer);
        assert_true(n > 0);
        assert_int_equal(cose_header_write(&h, buffer, (size_t)n - 1), -ENOBUFS);
        assert_int_equal(cose_header_write(&h, buffer, sizeof buffer), n);
        assert_int_equal(cose_header_read((DerSpan){buffer, (size_t)n}, &again, &reason), 0);
        assert_int_equal(again.algorithm, -35);
        assert_memory_equal(again.thumbprint, h.thumbprint, 32);
        assert_int_equal(again.n_chain, h.n_chain);
        for (size_t i = 0; i < h.n_chain; i++)
            assert_true(der_equal(again.chain[i], h.chain[i].data, h.chain[i].size));
        for (size_t size = 0; size < (size_t)n; size++)
            assert_int_equal(cose_header_read((DerSpan){buffer, size}, &again, &reason), -EBADMSG);
        m = cose_signed_head((DerSpan){buffer, (size_t)n}, 2, token, sizeof token);
        memcpy(token + m, "{}", 2);
        assert_int_equal(
            cose_signed_read((DerSpan){token, (size_t)m + 2}, &header, &payload, &reason), 0);
        assert_true(der_equal(header, buffer, (size_t)n) && der_equal(payload, "{}", 2));
        m = cose_token_head((DerSpan){buffer, (size_t)n}, 2, token, sizeof token);
        memcpy(token + m, "{}\x41s", 4);
        assert_int_equal(cose_token_read((DerSpan){token, (size_t)m + 4}, &header, &payload,
                                         &signature, &reason),
                         0);
        assert_true(der_equal(header, buffer, (size_t)n) && der_equal(payload, "{}", 2) &&
                    der_equal(signature, "s", 1));
    }
}

/* One value, one way to write it. */
static void test_cbor_items(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"", 0},          {"\x18\x17", 2},  {"\x19\x00\xff", 3},
        {"\x38\x01", 2},  {"\x58\x01y", 3}, {"\x5f\x41y\xff", 4},
        {"\x9f\xff", 2},  {"\xbf\xff", 2},  {"\xf4", 1},
        {"\xf6", 1},      {"\xf9\0\0", 3},  {"\x42y", 2},
        {"\x1c", 1},      {"\xff", 1},      {"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {"\x98\x01", 2},  {"\xb8\x01", 2},  {"\xd8\x12", 2},
        {"\x78\x01y", 3},
    };
    DerSpan rest;
    CborItem item;
    int64_t value;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        rest = (DerSpan){(const uint8_t *)bad[i].bytes, bad[i].size};
        assert_int_equal(cbor_take(&rest, &item), -EBADMSG);
        assert_int_equal(rest.size, bad[i].size);
    }
    rest = (DerSpan){(const uint8_t *)"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff\x3b\x80\0\0\0\0\0\0\0",
                     18};
    assert_int_equal(cbor_take_int(&rest, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(cbor_take_int(&rest, &value), -EBADMSG);
    assert_int_equal(cbor_take(&rest, &item), 0);
}

static void test_algorithms(void **state)
{
    int64_t number;

    assert_int_equal(cose_algorithm("DSA256", &number), -EOPNOTSUPP);
    assert_int_equal(cose_algorithm("none", &number), -EOPNOTSUPP);
    assert_int_equal(cose_algorithm("HS256", &number), -EOPNOTSUPP);
    assert_int_equal(cose_algorithm("ES256", &number), 0);
    assert_int_equal(number, -7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonce),        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_refused), cmocka_unit_test(test_json_after_zero),
        cmocka_unit_test(test_cbor),         cmocka_unit_test(test_cbor_text),
        cmocka_unit_test(test_header),       cmocka_unit_test(test_cbor_items),
        cmocka_unit_test(test_algorithms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
