/* SPDX-License-Identifier: Apache-2.0 */
/* What passes for a KeyAgreeRecipientInfo: as OpenSSL writes it, and what is refused of what is
 * made by hand, each part wrong in turn. */
#include "make-agreement.h"

#include <openssl/ec.h>

#define WRAPPED BYTES("0123456789abcdefghijklmn")

static EVP_PKEY *key, *ephemeral;
static uint8_t point[256];
static size_t point_size;

static int setup(void **state)
{
    key = EVP_EC_gen("P-256");
    ephemeral = EVP_EC_gen("P-256");
    point_size = agreement_point(ephemeral, point);
    return 0;
}

static int teardown(void **state)
{
    EVP_PKEY_free(key);
    EVP_PKEY_free(ephemeral);
    return 0;
}

static AgreementParts usual(void)
{
    return (AgreementParts){.point = {point, point_size}, .wrapped = WRAPPED};
}

static int parse(const AgreementParts *parts, KeyAgreement *ret, const char **ret_reason)
{
    static Buffer b;

    agreement_make(parts, &b);
    *ret_reason = "";
    return key_agreement_parse(buffer_span(&b), ret, ret_reason);
}

static void test_usual(void **state)
{
    AgreementParts parts = usual();
    const char *reason;
    KeyAgreement a;

    parts.material = BYTES("salt");
    parts.rid = BYTES("\x30\x02\x05\x00");
    assert_int_equal(parse(&parts, &a, &reason), 0);
    assert_true(der_equal(a.point, point, point_size) && !a.curve.data && !a.key_id.data);
    assert_true(der_equal(a.user_keying_material, "salt", 4));
    assert_true(der_equal(a.issuer_and_serial, parts.rid.data, parts.rid.size));
    assert_true(der_equal(a.wrap, WRAP_AES128.data, WRAP_AES128.size));
    assert_true(der_equal(a.wrapped_key, WRAPPED.data, WRAPPED.size));
    assert_string_equal(a.digest, "SHA256");
    assert_string_equal(a.wrap_cipher, "AES-128-WRAP");
    assert_true(a.wrap_key_size == 16 && !a.digest_is_weak);
    parts.rid = BYTES("\xa0\x04\x04\x02\x12\x34");
    parts.material = (DerSpan){NULL, 0};
    parts.key_parameters = BYTES("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    assert_int_equal(parse(&parts, &a, &reason), 0);
    assert_true(der_equal(a.key_id, "\x12\x34", 2) && !a.issuer_and_serial.data);
    assert_true(der_equal(a.curve, "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8));
    assert_false(a.user_keying_material.data);
    parts.key_parameters = BYTES("\x05\x00");
    parts.wrap = BYTES("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2d\x05\x00");
    assert_int_equal(parse(&parts, &a, &reason), 0);
    assert_true(!a.curve.data && a.wrap_key_size == 32);
}

/* F2: of all that OpenSSL has a name for, these and no others. */
static void test_every_algorithm(void **state)
{
    unsigned n_schemes = 0, n_weak = 0, n_wraps = 0;
    AgreementParts parts;
    const char *reason;
    KeyAgreement a;

    for (int nid = 1; nid < OBJ_new_nid(0); nid++) {
        const ASN1_OBJECT *object = OBJ_nid2obj(nid);
        Buffer wrap = {.size = 0};
        DerSpan oid;

        if (!object || OBJ_length(object) == 0)
            continue;
        oid = (DerSpan){OBJ_get0_data(object), OBJ_length(object)};
        parts = usual();
        parts.scheme = oid;
        if (parse(&parts, &a, &reason) >= 0) {
            n_schemes++;
            n_weak += a.digest_is_weak;
            assert_true(strncmp(OBJ_nid2sn(nid), "dhSinglePass-", 13) == 0);
            assert_non_null(strcasestr(OBJ_nid2sn(nid), a.digest));
        } else
            assert_string_equal(reason,
                                "its key is agreed upon with an algorithm that is not known here");
        parts = usual();
        buffer_add(&wrap, DER_OID, oid);
        buffer_wrap(&wrap, DER_SEQUENCE);
        parts.wrap = buffer_span(&wrap);
        if (parse(&parts, &a, &reason) >= 0) {
            n_wraps++;
            assert_true(EVP_get_cipherbynid(nid) == EVP_get_cipherbyname(OBJ_nid2sn(nid)));
            assert_non_null(strstr(OBJ_nid2sn(nid), "-wrap"));
        } else
            assert_string_equal(reason,
                                "its key is wrapped with an algorithm that is not known here");
    }
    assert_int_equal(n_schemes, 10);
    assert_int_equal(n_weak, 4);
    assert_int_equal(n_wraps, 3);
}

static void test_refused(void **state)
{
    static const char malformed[] = "its recipient is malformed",
                      no_key[] = "its recipient is malformed: there is no ephemeral key of a named "
                                 "curve",
                      not_one[] = "it has not exactly one recipient";
    static uint8_t large[KEY_AGREEMENT_SIZE_MAX];
    const struct {
        AgreementParts change; /* what is not the usual part */
        const char *reason;
    } cases[] = {
        {{.version = "\2"}, malformed},
        {{.version = "\x83"}, malformed},
        {{.tag = DER_SEQUENCE}, malformed},
        {{.tag = DER_CONTEXT_CONSTRUCTED(2)}, malformed},
        {{.trailing = BYTES("\x05\x00")}, malformed},
        {{.key_algorithm = BYTES("\x2a\x86\x48\xce\x3d\x02\x02")}, no_key},
        {{.key_parameters = BYTES("\x30\x00")}, no_key}, /* a curve of its own */
        {{.key_parameters = BYTES("\x05\x01\x00")}, no_key},
        {{.key_parameters = BYTES("\x06\x01\x2a\x06\x01\x2a")}, no_key},
        {{.point = BYTES("")}, no_key},
        {{.material = {large, 1025}}, malformed},
        {{.wrap = BYTES("\x05\x00")}, malformed},
        {{.wrap = BYTES("\x30\x00")}, malformed},
        {{.wrap = BYTES("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x05\x04\x00")},
         malformed},
        {{.rid = BYTES("\x05\x00")}, malformed},
        {{.rid = BYTES("\xa0\x00")}, malformed},
        {{.rid = BYTES("\xa0\x02\x04\x00")}, malformed},
        {{.rid = BYTES("\xa0\x05\x04\x01\x41\x05\x00")}, malformed}, /* more than the identifier */
        {{.wrapped = BYTES("")}, malformed},
        {{.n_keys = 2}, not_one},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        AgreementParts parts = cases[i].change;
        const char *reason;
        KeyAgreement a;

        parts.point = agreement_part(parts.point, (DerSpan){point, point_size});
        parts.wrapped = agreement_part(parts.wrapped, WRAPPED);
        if (parse(&parts, &a, &reason) != -EBADMSG || !streq(reason, cases[i].reason))
            fail_msg("case %zu: %s", i, reason);
    }
}

/* Whatever is cut off, and whatever is longer than anything that is sent. */
static void test_lengths(void **state)
{
    static uint8_t large[KEY_AGREEMENT_SIZE_MAX + 1];
    const AgreementParts parts = usual();
    const char *reason;
    KeyAgreement a;
    Buffer b;

    agreement_make(&parts, &b);
    for (size_t n = 0; n < b.size; n++)
        assert_int_equal(key_agreement_parse((DerSpan){b.data, n}, &a, &reason), -EBADMSG);
    assert_int_equal(key_agreement_parse((DerSpan){large, sizeof large}, &a, &reason), -EBADMSG);
    assert_string_equal(reason, "its recipient is too long");
}

/* --- The ephemeral key ------------------------------------------------------------------------ */

static int peer(EVP_PKEY *recipient, DerSpan curve, DerSpan encoded, const char **ret_reason)
{
    const KeyAgreement a = {.curve = curve, .point = encoded};
    EVP_PKEY *found = NULL;
    int r;

    *ret_reason = "";
    r = key_agreement_peer(&a, recipient, &found, ret_reason);
    if (r >= 0)
        assert_int_equal(EVP_PKEY_eq(found, ephemeral), 1);
    EVP_PKEY_free(found);
    return r;
}

static void test_points(void **state)
{
    static const char no_point[] = "its ephemeral key is no point of the curve of the router's key";
    const DerSpan whole = {point, point_size}, none = {NULL, 0};
    uint8_t bent[256], compressed[33] = {(uint8_t)(2 + (point[64] & 1))};
    const char *reason;

    memcpy(compressed + 1, point + 1, 32);
    assert_int_equal(peer(key, none, whole, &reason), 0);
    assert_int_equal(peer(key, none, (DerSpan){compressed, 33}, &reason), 0);
    for (size_t at = 0; at < point_size; at++)
        for (unsigned bit = 0; bit < 8; bit += 3) {
            memcpy(bent, point, point_size);
            bent[at] ^= (uint8_t)(1U << bit);
            assert_int_equal(peer(key, none, (DerSpan){bent, point_size}, &reason), -EKEYREJECTED);
            assert_string_equal(reason, no_point);
        }
    for (size_t n = 1; n < point_size; n++)
        assert_int_equal(peer(key, none, (DerSpan){point, n}, &reason), -EKEYREJECTED);
    /* Infinity; the hybrid form; coordinates that are not below the prime. */
    assert_int_equal(peer(key, none, BYTES("\0"), &reason), -EKEYREJECTED);
    assert_string_equal(reason, no_point);
    memset(bent, 0, sizeof bent);
    assert_int_equal(peer(key, none, (DerSpan){bent, 65}, &reason), -EKEYREJECTED);
    memcpy(bent, point, point_size);
    bent[0] = (uint8_t)(6 + (point[64] & 1));
    assert_int_equal(peer(key, none, (DerSpan){bent, 65}, &reason), -EKEYREJECTED);
    memset(bent, 0xff, sizeof bent);
    bent[0] = 4;
    assert_int_equal(peer(key, none, (DerSpan){bent, 65}, &reason), -EKEYREJECTED);
}

static void test_curves(void **state)
{
    const DerSpan whole = {point, point_size}, p256 = BYTES("\x2a\x86\x48\xce\x3d\x03\x01\x07"),
                  p384 = BYTES("\x2b\x81\x04\x00\x22"), none = {NULL, 0};
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *larger = EVP_EC_gen("P-384"),
                                       *same_size = EVP_EC_gen("secp256k1"),
                                       *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    uint8_t foreign[256];
    size_t n = agreement_point(same_size, foreign);
    const char *reason;

    assert_int_equal(peer(key, p384, whole, &reason), -EKEYREJECTED);
    assert_string_equal(reason, "its ephemeral key is one of another curve than the router's");
    assert_int_equal(peer(larger, p256, whole, &reason), -EKEYREJECTED);
    assert_string_equal(reason, "its ephemeral key is one of another curve than the router's");
    assert_int_equal(peer(larger, none, whole, &reason), -EKEYREJECTED);
    assert_int_equal(peer(key, none, (DerSpan){foreign, n}, &reason), -EKEYREJECTED);
    assert_int_equal(peer(rsa, none, whole, &reason), -EKEYREJECTED);
    assert_non_null(strstr(reason, "which that of the router is not"));
    assert_int_equal(peer(key, p256, whole, &reason), 0);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),   cmocka_unit_test(test_every_algorithm),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_points),  cmocka_unit_test(test_curves),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
