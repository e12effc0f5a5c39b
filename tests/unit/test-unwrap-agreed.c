/* SPDX-License-Identifier: Apache-2.0 */
/* What keyd takes out of a key agreement: what OpenSSL has wrapped for it, and what the standards
 * say by hand; and nothing but one error, which is counted, of all else. */
#include "make-agreement.h"

#include <openssl/ec.h>

#include "secure-memory.h"
#include "unwrap.h"

static const char *const curves[] = {"P-256", "P-384", "P-521"};
static const DerSpan content_key = {(const uint8_t *)"sixteen bytes, or thirty-two, of", 32};

static X509 *certificate_new(EVP_PKEY *key)
{
    X509 *c = X509_new();

    assert_int_equal(X509_set_version(c, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), 1), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                                                (const unsigned char *)"a", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(c, X509_get_subject_name(c)), 1);
    assert_int_equal(X509_set_pubkey(c, key), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(c), 1700000000));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(c), 1800000000));
    assert_true(X509_sign(c, key, EVP_sha256()) > 0);
    return c;
}

/* The parts of an EnvelopedData, as it was written. */
static void take_apart(DerSpan message, DerSpan *ret_recipient, DerSpan *ret_iv,
                       DerSpan *ret_content)
{
    DerSpan info, data, set;

    assert_int_equal(der_read_only(message, DER_SEQUENCE, &info), 0);
    assert_int_equal(der_read(&info, DER_OID, NULL), 0);
    assert_int_equal(der_read_only(info, DER_CONTEXT_CONSTRUCTED(0), &data), 0);
    assert_int_equal(der_read_only(data, DER_SEQUENCE, &info), 0);
    assert_int_equal(der_read(&info, DER_INTEGER, NULL), 0);
    assert_int_equal(der_read(&info, DER_SET, &set), 0);
    assert_int_equal(der_read_any(&set, &(uint8_t){0}, ret_recipient, NULL), 0);
    assert_int_equal(der_read(&info, DER_SEQUENCE, &data), 0);
    assert_int_equal(der_read(&data, DER_OID, NULL), 0);
    assert_int_equal(der_read(&data, DER_SEQUENCE, &set), 0);
    assert_int_equal(der_read(&set, DER_OID, NULL), 0);
    assert_int_equal(der_read(&set, DER_OCTET_STRING, ret_iv), 0);
    assert_int_equal(der_read(&data, DER_CONTEXT(0), ret_content), 0);
}

static void assert_opens(const EVP_CIPHER *cipher, const uint8_t *key, DerSpan iv, DerSpan content)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t text[64];
    int n, rest;

    assert_int_equal(EVP_DecryptInit_ex(context, cipher, NULL, key, iv.data), 1);
    assert_int_equal(EVP_DecryptUpdate(context, text, &n, content.data, (int)content.size), 1);
    assert_int_equal(EVP_DecryptFinal_ex(context, text + n, &rest), 1);
    assert_int_equal(n + rest, 5);
    assert_memory_equal(text, "hello", 5);
}

/* md NULL: what OpenSSL does without being told, which is SHA-1. */
static void try_openssl(EVP_PKEY *key, const EVP_MD *md, const EVP_CIPHER *cipher)
{
    _cleanup_(X509_freep) X509 *certificate = certificate_new(key);
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_encrypt(NULL, NULL, cipher, CMS_PARTIAL | CMS_BINARY);
    CMS_RecipientInfo *recipient = CMS_add1_recipient_cert(cms, certificate, CMS_KEY_PARAM);
    _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf("hello", 5);
    _cleanup_openssl_free_ unsigned char *der = NULL;
    size_t size = (size_t)EVP_CIPHER_get_key_length(cipher);
    _cleanup_free_ uint8_t *got = NULL;
    UnwrapBudget budget = {0};
    DerSpan info, iv, content;
    int n;

    if (md)
        assert_int_equal(
            EVP_PKEY_CTX_set_ecdh_kdf_md(CMS_RecipientInfo_get0_pkey_ctx(recipient), md), 1);
    assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
    n = i2d_CMS_ContentInfo(cms, &der);
    take_apart((DerSpan){der, (size_t)n}, &info, &iv, &content);
    for (size_t other = 16; other <= 32; other += 8)
        if (other != size)
            assert_int_equal(unwrap_agreed(key, info, other, &budget, &got), -EBADMSG);
    assert_int_equal(unwrap_agreed(key, info, size, &budget, &got), 0);
    assert_int_equal(atomic_load(&budget.failures), 0);
    assert_opens(cipher, got, iv, content);
}

static void test_openssl(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(curves); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen(curves[i]);
        const EVP_MD *const digests[] = {NULL,         EVP_sha1(),   EVP_sha224(),
                                         EVP_sha256(), EVP_sha384(), EVP_sha512()};
        const EVP_CIPHER *const ciphers[] = {EVP_aes_128_cbc(), EVP_aes_192_cbc(),
                                             EVP_aes_256_cbc()};

        for (size_t d = 0; d < ELEMENTSOF(digests); d++)
            for (size_t c = 0; c < ELEMENTSOF(ciphers); c++)
                try_openssl(key, digests[d], ciphers[c]);
    }
}

/* --- By hand ---------------------------------------------------------------------------------- */

typedef struct Made {
    EVP_PKEY *key, *ephemeral;
    AgreementParts parts;
    AgreementRoom room;
    UnwrapBudget budget;
} Made;

static void made_done(Made *m)
{
    EVP_PKEY_free(m->key);
    EVP_PKEY_free(m->ephemeral);
}

static void make(Made *m, const char *curve, AgreementParts parts, const char *digest,
                 size_t wrap_key_size)
{
    *m = (Made){.key = EVP_EC_gen(curve), .ephemeral = EVP_EC_gen(curve), .parts = parts};
    agreement_seal(&m->parts, &m->room, m->ephemeral, m->key, digest, wrap_key_size, content_key);
}

static int open_made(Made *m)
{
    _cleanup_free_ uint8_t *got = NULL;
    Buffer b;
    int r;

    agreement_make(&m->parts, &b);
    r = unwrap_agreed(m->key, buffer_span(&b), content_key.size, &m->budget, &got);
    if (r >= 0)
        assert_memory_equal(got, content_key.data, content_key.size);
    assert_int_equal(ERR_peek_error(), 0);
    return r;
}

/* What OpenSSL does not write: material of the user, the cofactor's names, a NULL, a key that wraps
 * more strongly, a digest that is shorter than what is derived. */
static void test_by_hand(void **state)
{
    static const struct {
        AgreementParts parts;
        const char *digest;
        size_t wrap_key_size;
    } cases[] = {
        {{.n_keys = 1}, "SHA256", 16},
        {{.material = BYTES("some salt")}, "SHA256", 16},
        {{.material = BYTES("")}, "SHA256", 16},
        {{.wrap = WRAP_AES256}, "SHA256", 32},
        {{.wrap = WRAP_AES256, .scheme = SCHEME_SHA1}, "SHA1", 32},
        {{.scheme = BYTES("\x2b\x81\x05\x10\x86\x48\x3f\x00\x03")}, "SHA1", 16},
        {{.scheme = BYTES("\x2b\x81\x04\x01\x0e\x00")}, "SHA224", 16},
        {{.scheme = BYTES("\x2b\x81\x04\x01\x0e\x01")}, "SHA256", 16},
        {{.scheme = BYTES("\x2b\x81\x04\x01\x0e\x02")}, "SHA384", 16},
        {{.scheme = BYTES("\x2b\x81\x04\x01\x0e\x03")}, "SHA512", 16},
        {{.wrap = BYTES("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x05\x05\x00")},
         "SHA256",
         16},
        {{.rid = BYTES("\xa0\x04\x04\x02\x12\x34")}, "SHA256", 16},
    };

    for (size_t c = 0; c < ELEMENTSOF(curves); c++)
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
            Made m;

            make(&m, curves[c], cases[i].parts, cases[i].digest, cases[i].wrap_key_size);
            if (open_made(&m) < 0)
                fail_msg("%s, case %zu", curves[c], i);
            assert_int_equal(atomic_load(&m.budget.failures), 0);
            made_done(&m);
        }
}

/* F3: one error for whatever it is, and what met the key is counted. */
static void test_one_error(void **state)
{
    uint8_t point[256];
    EVP_PKEY *other = EVP_EC_gen("P-256"), *key;
    Made m;

    make(&m, "P-256", (AgreementParts){.n_keys = 1}, "SHA256", 16);
    for (size_t at = 0; at < m.parts.wrapped.size; at++) {
        m.room.wrapped[at] ^= 0x40;
        assert_int_equal(open_made(&m), -EBADMSG);
        m.room.wrapped[at] ^= 0x40;
        assert_int_equal(atomic_load(&m.budget.failures), at + 1);
    }
    m.parts.wrapped.size--;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.wrapped.size -= 7;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.wrapped.size += 8;
    /* What was agreed upon or derived in another way; what was meant for another key. */
    m.parts.scheme = SCHEME_SHA1;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.scheme = SCHEME_SHA256;
    m.parts.material = BYTES("salt");
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.material = (DerSpan){NULL, 0};
    m.parts.wrap = WRAP_AES256;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.wrap = (DerSpan){NULL, 0};
    m.parts.point = (DerSpan){point, agreement_point(other, point)};
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.point.data = m.room.point;
    key = m.key;
    m.key = other;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.key = key;
    m.parts.n_keys = 2;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.n_keys = 1;
    assert_int_equal(open_made(&m), 0);
    EVP_PKEY_free(other);
    made_done(&m);
}

/* Points of other curves, none of which meets the key. */
static void test_invalid_points(void **state)
{
    static const DerSpan infinity = BYTES("\0");
    Made m;

    make(&m, "P-256", (AgreementParts){.n_keys = 1}, "SHA256", 16);
    m.room.point[64] ^= 1;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.room.point[64] ^= 1;
    m.parts.point = infinity;
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.point = (DerSpan){m.room.point, 64};
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.point.size = 65;
    m.parts.key_parameters = BYTES("\x06\x05\x2b\x81\x04\x00\x22");
    assert_int_equal(open_made(&m), -EBADMSG);
    m.parts.key_parameters = BYTES("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    assert_int_equal(open_made(&m), 0);
    made_done(&m);
}

/* Keys of DES, and of nothing: there is no such wrapping. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 8, 15, 16, 17, 24, 31, 33, 40, SIZE_MAX - 7};
    UnwrapBudget budget = {0};
    uint8_t *got;
    Buffer b;
    Made m;

    make(&m, "P-521", (AgreementParts){.n_keys = 1}, "SHA256", 16);
    agreement_make(&m.parts, &b);
    for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
        assert_int_equal(unwrap_agreed(m.key, buffer_span(&b), sizes[i], &budget, &got), -EBADMSG);
    assert_int_equal(unwrap_agreed(m.key, (DerSpan){NULL, 0}, 16, &budget, &got), -EBADMSG);
    assert_int_equal(atomic_load(&budget.failures), 0);
    made_done(&m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl),   cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_one_error), cmocka_unit_test(test_invalid_points),
        cmocka_unit_test(test_sizes),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
