/* SPDX-License-Identifier: Apache-2.0 */
#include "test-pki.h"

#include "json-util.h"

static void test_algorithms(void **state)
{
    assert_null(envelope_algorithm("ecdsanistp256", "sha384"));
    assert_null(envelope_algorithm("ecdsanistp521", "sha256"));
    assert_null(envelope_algorithm("rsa", "sha1"));
    assert_null(envelope_algorithm("rsa", ""));
    assert_null(envelope_algorithm("ed25519", "sha256"));
    assert_string_equal(envelope_algorithm("dsa", "sha256"), "DSA256");
    assert_null(envelope_algorithm("dsa", "sha384"));
    assert_string_equal(envelope_algorithm("rsa", "sha256"), "RS256");
    assert_string_equal(envelope_algorithm("ecdsanistp384", "sha384"), "ES384");
    assert_string_equal(envelope_algorithm("ecdsanistp521", "sha512"), "ES512");
    assert_string_equal(envelope_algorithm("ed25519", ""), "EdDSA");
}

static void test_header(void **state)
{
    static const uint8_t leaf[] = {0x30, 0x03, 0xfb, 0xff, 0xbf}, root[] = {0x30, 0x00};
    const EnvelopeSigner signer = {
        "ecdsanistp384", "sha384", {{leaf, sizeof leaf}, {root, sizeof root}}, 2};
    const EnvelopeSigner none = {"ecdsanistp384", "sha384", {{NULL, 0}}, 0},
                         wrong = {"ecdsanistp384", "sha256", {{leaf, sizeof leaf}}, 1};
    _cleanup_free_ char *with = NULL, *without = NULL;
    _cleanup_free_ void *text = NULL;
    size_t size;

    assert_int_equal(envelope_header(&none, NULL, "1", 1, false, &with), -EOPNOTSUPP);
    assert_int_equal(envelope_header(&wrong, NULL, "1", 1, false, &with), -EOPNOTSUPP);
    assert_int_equal(
        envelope_header(&signer, ENVELOPE_CONTENT_DOSSIER, "1580", 1700000000, true, &with), 0);
    assert_int_equal(base64url_decode(with, strlen(with), &text, &size), 0);
    /* x5c is base64, the thumbprint base64url: RFC 7515 sections 4.1.6 and 4.1.8. */
    assert_string_equal((char *)text,
                        "{\"alg\":\"ES384\",\"typ\":\"chancery-envelope+json\","
                        "\"cty\":\"chancery-dossier+json\",\"nonce\":\"1580\",\"iat\":1700000000,"
                        "\"x5t#S256\":\"af369E5R3OU0BAFdqPXjFq_"
                        "rQOeMcHMHdsOz2YKxcDw\",\"x5c\":[\"MAP7/78=\",\"MAA=\"]}");
    free(TAKE_PTR(text));
    assert_int_equal(envelope_header(&signer, NULL, NULL, 1, false, &without), 0);
    assert_int_equal(base64url_decode(without, strlen(without), &text, &size), 0);
    assert_null(strstr(text, "nonce"));
    assert_null(strstr(text, "x5c"));
    assert_null(strstr(text, "cty"));
    assert_non_null(strstr(text, "x5t#S256"));
}

static void test_ecdsa(void **state)
{
    static const uint8_t der[] = {0x30, 0x07, 0x02, 0x01, 0x05, 0x02, 0x02, 0x00, 0xff};
    static const uint8_t wide[] = {0x30, 0x0a, 0x02, 0x05, 0x01, 0, 0, 0, 0, 0x02, 0x01, 0x01};
    uint8_t raw[8];

    assert_int_equal(envelope_ecdsa_to_raw(der, sizeof der - 1, 4, raw), -EBADMSG);
    assert_int_equal(envelope_ecdsa_to_raw("x", 1, 4, raw), -EBADMSG);
    assert_int_equal(envelope_ecdsa_to_raw(wide, sizeof wide, 4, raw), -EBADMSG);
    assert_int_equal(envelope_ecdsa_to_raw(der, sizeof der, 4, raw), 0);
    assert_memory_equal(raw, "\0\0\0\5\0\0\0\xff", 8);
}

/* However a payload arrives, its base64url is the same. */
static void test_payload(void **state)
{
    static uint8_t data[200000];
    _cleanup_free_ char *whole = NULL;
    static const size_t steps[] = {1, 2, 3, 49151, 49152, 49153, sizeof data};
    _cleanup_(envelope_payload_freep) EnvelopePayload *empty = envelope_payload_new();
    const char *text;
    size_t size;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761U >> 24);
    whole = base64url_encode(data, sizeof data);
    for (size_t k = 0; k < ELEMENTSOF(steps); k++) {
        _cleanup_(envelope_payload_freep) EnvelopePayload *p = envelope_payload_new();

        for (size_t at = 0; at < sizeof data; at += steps[k])
            assert_int_equal(
                envelope_payload_add(p, data + at,
                                     sizeof data - at < steps[k] ? sizeof data - at : steps[k]),
                0);
        assert_int_equal(envelope_payload_finish(p, &text, &size), 0);
        assert_int_equal(size, strlen(whole));
        assert_memory_equal(text, whole, size);
    }
    assert_int_equal(envelope_payload_add(empty, data, (size_t)ENVELOPE_PAYLOAD_MAX + 1),
                     -EMSGSIZE);
    assert_int_equal(envelope_payload_finish(empty, &text, &size), 0);
    assert_int_equal(size, 0);
}

/* What is said before is what is held then, in each form. */
static void test_payload_size(void **state)
{
    static const EnvelopeEncoding encodings[] = {ENVELOPE_BASE64URL, ENVELOPE_RAW,
                                                 ENVELOPE_BASE64URL_TWICE};
    static const size_t sizes[] = {0, 1, 2, 3, 9, 196604, 196605, 196606, 400000};
    static uint8_t data[400000];

    for (size_t e = 0; e < ELEMENTSOF(encodings); e++)
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
            _cleanup_(envelope_payload_freep) EnvelopePayload *p =
                envelope_payload_new_encoded(encodings[e]);
            const char *text;
            size_t size;

            assert_int_equal(envelope_payload_add(p, data, sizes[i]), 0);
            assert_int_equal(envelope_payload_size(p), sizes[i]);
            assert_int_equal(envelope_payload_finish(p, &text, &size), 0);
            assert_int_equal(envelope_payload_size_encoded(encodings[e], sizes[i]), size);
        }
}

/* What openssl makes of a key of a curve is not what stands in an envelope; of rsa it is. */
static void test_signature(void **state)
{
    static const uint8_t der[] = {0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x07};
    EnvelopeSigner signer = {"ecdsanistp256", "sha384", {{NULL, 0}}, 0};
    _cleanup_free_ char *ecdsa = NULL, *rsa = NULL;
    _cleanup_free_ void *raw = NULL;
    size_t size;

    assert_int_equal(envelope_signature(&signer, der, sizeof der, &ecdsa), -EOPNOTSUPP);
    signer.digest = "sha256";
    assert_int_equal(envelope_signature(&signer, der, sizeof der - 1, &ecdsa), -EBADMSG);
    assert_int_equal(envelope_signature(&signer, der, sizeof der, &ecdsa), 0);
    assert_int_equal(base64url_decode(ecdsa, strlen(ecdsa), &raw, &size), 0);
    assert_int_equal(size, 64);
    assert_int_equal(((uint8_t *)raw)[31], 5);
    assert_int_equal(((uint8_t *)raw)[63], 7);
    signer.algorithm = "rsa";
    assert_int_equal(envelope_signature(&signer, "abc", 3, &rsa), 0);
    assert_string_equal(rsa, "YWJj");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithms),   cmocka_unit_test(test_header),
        cmocka_unit_test(test_ecdsa),        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_payload_size), cmocka_unit_test(test_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
