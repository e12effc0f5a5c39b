/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that go out wrapped for a recipient, and come back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup.h"
#include "key-file.h"
#include "secure-memory.h"

#define CREATED UINT64_C(1763772000000000)

typedef struct Wrapped {
    uint8_t *data;
    size_t size;
} Wrapped;

static Key *key_make(const char *algorithm, unsigned bits, const char *usage, bool exportable)
{
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    assert_int_equal(key_generate(key_algorithm_find(algorithm), bits, NULL, NULL, &pkey), 0);
    assert_int_equal(key_new(key_algorithm_find(algorithm), "label", usage, CREATED, pkey, &key),
                     0);
    key->exportable = exportable;
    return key;
}

/* A certificate for the key. usage: NULL for none; with_id: has a subjectKeyIdentifier. */
static X509 *certificate_new(Key *key, const char *usage, bool with_id, int days)
{
    X509 *c = X509_new();
    X509V3_CTX context;

    assert_int_equal(X509_set_version(c, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), 7), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                                                (const unsigned char *)"safe", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(c, X509_get_subject_name(c)), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c), -100L * 86400));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c), days * 86400L));
    assert_int_equal(X509_set_pubkey(c, key->pkey), 1);
    X509V3_set_ctx(&context, c, c, NULL, NULL, 0);
    if (usage) {
        _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *e =
            X509V3_EXT_conf_nid(NULL, &context, NID_key_usage, usage);

        assert_int_equal(X509_add_ext(c, e, -1), 1);
    }
    if (with_id) {
        _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *e =
            X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");

        assert_int_equal(X509_add_ext(c, e, -1), 1);
    }
    /* Ed25519 takes no digest. */
    assert_true(X509_sign(c, key->pkey,
                          key->algorithm->family == KEY_FAMILY_ED25519 ? NULL : EVP_sha256()) > 0);
    return c;
}

static int wrap(const Key *key, X509 *certificate, Wrapped *ret, const char **ret_reason)
{
    _cleanup_openssl_free_ uint8_t *der = NULL;
    int n = i2d_X509(certificate, &der), r;

    X509_free(certificate);
    *ret_reason = NULL;
    r = backup_wrap(key, der, (size_t)n, (void **)&ret->data, &ret->size, ret_reason);
    return r;
}

static Key *rsa, *rsa_other, *curve, *exported;

static void test_not_exportable(void **state)
{
    _cleanup_(key_unrefp) Key *stays = key_make("ed25519", 0, KEY_USAGE_GENERAL, false);
    const char *reason;
    Wrapped w;

    assert_int_equal(wrap(stays, certificate_new(rsa, NULL, true, 10), &w, &reason), -EPERM);
    assert_string_equal(reason, "it was not made exportable");
}

static void test_recipients_refused(void **state)
{
    _cleanup_(key_unrefp) Key *small = key_make("rsa", 1024, KEY_USAGE_GENERAL, false),
                              *signer = key_make("ed25519", 0, KEY_USAGE_GENERAL, false);
    const char *reason;
    Wrapped w;

    assert_int_equal(wrap(exported, certificate_new(small, NULL, true, 10), &w, &reason), -EINVAL);
    assert_string_equal(reason, "its RSA key has less than 2048 bits");
    assert_int_equal(wrap(exported, certificate_new(signer, NULL, true, 10), &w, &reason), -EINVAL);
    assert_string_equal(reason, "nothing is encrypted for its kind of key");
    assert_int_equal(
        wrap(exported, certificate_new(rsa, "digitalSignature", true, 10), &w, &reason), -EINVAL);
    assert_string_equal(reason, "its key usage lacks keyEncipherment");
    assert_int_equal(
        wrap(exported, certificate_new(curve, "keyEncipherment", true, 10), &w, &reason), -EINVAL);
    assert_string_equal(reason, "its key usage lacks keyAgreement");
    assert_int_equal(wrap(exported, certificate_new(rsa, NULL, true, -1), &w, &reason),
                     -EKEYEXPIRED);
    assert_int_equal(backup_wrap(exported, "x", 1, (void **)&w.data, &w.size, &reason), -EBADMSG);
}

static void assert_same(const Key *a, const Key *b)
{
    assert_ptr_equal(a->algorithm, b->algorithm);
    assert_string_equal(a->label, b->label);
    assert_string_equal(a->usage, b->usage);
    assert_true(a->created == b->created && b->exportable);
    assert_int_equal(EVP_PKEY_eq(a->pkey, b->pkey), 1);
    assert_int_equal(!a->encryption, !b->encryption);
    if (a->encryption)
        assert_same(a->encryption, b->encryption);
}

static void round_trip(const Key *key, Key *recipient, bool with_id)
{
    DerSpan key_id = {NULL, 0}, span;
    _cleanup_(key_unrefp) Key *back = NULL;
    _cleanup_free_ uint8_t *owned = NULL;
    const char *reason;
    Wrapped w;

    assert_int_equal(wrap(key, certificate_new(recipient, NULL, with_id, 10), &w, &reason), 0);
    owned = w.data;
    span = (DerSpan){w.data, w.size};
    assert_int_equal(backup_check(span, &key_id, &reason), 0);
    assert_int_equal(key_id.size, with_id ? 20 : 0);
    assert_true(backup_recipient(recipient, key_id));
    assert_int_equal(backup_recipient(rsa_other, key_id), !with_id);
    assert_int_equal(backup_unwrap(span, rsa_other, &back), -EKEYREJECTED);
    assert_int_equal(backup_unwrap(span, recipient, &back), 0);
    assert_same(key, back);
    /* Whatever is changed: it is seen before, or no recipient opens it. */
    for (size_t i = 0; i < w.size; i += 7) {
        Key *changed = NULL;

        w.data[i] ^= 0x10;
        if (backup_check(span, &key_id, &reason) >= 0 &&
            backup_unwrap(span, recipient, &changed) >= 0) {
            /* Only who the recipient is may have changed, which nothing depends on. */
            assert_same(key, changed);
            key_unref(changed);
        }
        w.data[i] ^= 0x10;
    }
    for (size_t i = 0; i < w.size; i++)
        assert_int_equal(backup_check((DerSpan){w.data, i}, &key_id, &reason), -EBADMSG);
}

static void test_round_trips(void **state)
{
    _cleanup_(key_unrefp) Key *ecdsa = key_make("ecdsanistp384", 0, KEY_USAGE_GENERAL, true),
                              *ed25519 = key_make("ed25519", 0, KEY_USAGE_GENERAL, true),
                              *dsa = key_make("dsa", 512, KEY_USAGE_GENERAL, true);

    for (int with_id = 0; with_id < 2; with_id++) {
        round_trip(exported, rsa, with_id);
        round_trip(ecdsa, curve, with_id);
    }
    round_trip(ed25519, rsa, true);
    round_trip(dsa, curve, true);
}

static void test_usage_keys(void **state)
{
    _cleanup_(key_unrefp) Key *key = key_make("rsa", 1024, KEY_USAGE_SIGNATURE, true);
    Key *encryption = key_make("rsa", 1024, KEY_USAGE_ENCRYPTION, true);

    assert_int_equal(key_join(key, encryption), 0);
    round_trip(key, rsa, true);
}

static CMS_ContentInfo *foreign_new(const char *text, const EVP_CIPHER *cipher, X509 *a, X509 *b)
{
    _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf(text, -1);
    STACK_OF(X509) *recipients = sk_X509_new_null();
    CMS_ContentInfo *cms;

    assert_true(sk_X509_push(recipients, a) > 0 && (!b || sk_X509_push(recipients, b) > 0));
    cms = CMS_encrypt(recipients, in, cipher, CMS_BINARY);
    assert_non_null(cms);
    sk_X509_free(recipients);
    return cms;
}

static const char *foreign_reason(CMS_ContentInfo *cms)
{
    _cleanup_openssl_free_ uint8_t *der = NULL;
    int n = i2d_CMS_ContentInfo(cms, &der);
    const char *reason = "fine";
    DerSpan key_id;

    (void)backup_check((DerSpan){der, (size_t)n}, &key_id, &reason);
    CMS_ContentInfo_free(cms);
    return reason;
}

/* What others may encrypt for a router's key is not taken for a key. */
static void test_foreign(void **state)
{
    _cleanup_(X509_freep) X509 *to_rsa = certificate_new(rsa, NULL, true, 10),
                               *to_curve = certificate_new(curve, NULL, true, 10);

    assert_string_equal(foreign_reason(foreign_new("x", EVP_aes_256_cbc(), to_rsa, NULL)),
                        "it is no CMS AuthEnvelopedData");
    /* PKCS#1 v1.5, SHA-1 for the key agreement, two recipients. */
    assert_string_equal(foreign_reason(foreign_new("x", EVP_aes_256_gcm(), to_rsa, NULL)),
                        "it is not for one recipient, by RSA-OAEP or ECDH with SHA-256");
    assert_string_equal(foreign_reason(foreign_new("x", EVP_aes_256_gcm(), to_curve, NULL)),
                        "it is not for one recipient, by RSA-OAEP or ECDH with SHA-256");
    assert_string_equal(foreign_reason(foreign_new("x", EVP_aes_256_gcm(), to_rsa, to_curve)),
                        "it is not for one recipient, by RSA-OAEP or ECDH with SHA-256");
}

static void test_unwrapping_keys(void **state)
{
    _cleanup_(key_unrefp) Key *small = key_make("rsa", 1024, KEY_USAGE_GENERAL, false),
                              *signature = key_make("rsa", 2048, KEY_USAGE_SIGNATURE, false),
                              *encryption = key_make("rsa", 2048, KEY_USAGE_ENCRYPTION, false),
                              *ed25519 = key_make("ed25519", 0, KEY_USAGE_GENERAL, false),
                              *client =
                                  key_make(KEY_AUTHENTICATION_SSH, 2048, KEY_USAGE_GENERAL, false);
    const DerSpan any = {NULL, 0};

    assert_false(backup_recipient(small, any));
    assert_false(backup_recipient(signature, any));
    assert_false(backup_recipient(ed25519, any));
    assert_false(backup_recipient(client, any));
    assert_true(backup_recipient(encryption, any));
    assert_true(backup_recipient(curve, any));
}

/* The flag is bound to the sealed key. */
static void test_flag_in_the_file(void **state)
{
    static const uint8_t zeros[KEK_SIZE];
    _cleanup_free_ void *data = NULL;
    _cleanup_(key_unrefp) Key *back = NULL;
    uint8_t *flag;
    size_t size;
    Kek *kek;

    assert_int_equal(kek_new(zeros, &kek), 0);
    assert_int_equal(key_file_seal(kek, exported, &data, &size), 0);
    /* Magic and version, KEK, "rsa", "label", "general", then the flags. */
    flag = (uint8_t *)data + 8 + KEK_ID_SIZE + 2 + 3 + 2 + 5 + 2 + 7 + 3;
    assert_int_equal(*flag, 1);
    *flag = 0;
    assert_int_equal(key_file_open(kek, data, size, &back), -EKEYREJECTED);
    /* Another slot, both at once, one that nobody knows. */
    *flag = 3;
    assert_int_equal(key_file_open(kek, data, size, &back), -EKEYREJECTED);
    *flag = 7;
    assert_int_equal(key_file_open(kek, data, size, &back), -EBADMSG);
    *flag = 9;
    assert_int_equal(key_file_open(kek, data, size, &back), -EBADMSG);
    *flag = 1;
    assert_int_equal(key_file_open(kek, data, size, &back), 0);
    assert_same(exported, back);
    kek_free(kek);
}

static int setup(void **state)
{
    rsa = key_make("rsa", 2048, KEY_USAGE_GENERAL, false);
    rsa_other = key_make("rsa", 2048, KEY_USAGE_GENERAL, false);
    curve = key_make("ecdsanistp256", 0, KEY_USAGE_GENERAL, false);
    exported = key_make("rsa", 1024, KEY_USAGE_GENERAL, true);
    return 0;
}

static int teardown(void **state)
{
    key_unref(rsa);
    key_unref(rsa_other);
    key_unref(curve);
    key_unref(exported);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_exportable),   cmocka_unit_test(test_recipients_refused),
        cmocka_unit_test(test_round_trips),      cmocka_unit_test(test_usage_keys),
        cmocka_unit_test(test_foreign),          cmocka_unit_test(test_unwrapping_keys),
        cmocka_unit_test(test_flag_in_the_file),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
