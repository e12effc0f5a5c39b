/* SPDX-License-Identifier: Apache-2.0 */
/* What keyd signs, and decrypts, of a SCEP client; RSA decryption is no oracle (F3). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <openssl/rsa.h>

#include "json-util.h"
#include "scep-input.h"
#include "secure-memory.h"
#include "typed-sign.h"

/* --- Attributes ------------------------------------------------------------------------------- */

#define CONTENT_TYPE "06092a864886f70d010903310b06092a864886f70d010701"
#define MESSAGE_TYPE(digits) "060a6086480186f84501090231041302" digits
#define NONCE "04100102030405060708090a0b0c0d0e0f10"
#define SENDER_NONCE "060a6086480186f8450109053112" NONCE
#define RECIPIENT_NONCE "060a6086480186f8450109063112" NONCE
#define TRANSACTION_ID "060a6086480186f8450109073106130441424344"
#define DIGEST_32                                                                                  \
    "06092a864886f70d01090431220420"                                                               \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define SIGNING_TIME "06092a864886f70d010905310f170d3236303130313030303030305a"

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;

    for (; hex[0]; hex += 2)
        out[n++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
    return n;
}

/* The SET OF these, in this order. */
static size_t set_new(const char *const *attributes, uint8_t *out)
{
    size_t n = 4;

    for (; *attributes; attributes++) {
        size_t size = unhex(*attributes, out + n + 2);

        assert_true(size < 128);
        out[n] = 0x30;
        out[n + 1] = (uint8_t)size;
        n += size + 2;
    }
    assert_true(n - 4 > 127 && n - 4 < 512);
    if (n - 4 < 256) {
        out[0] = 0x31;
        out[1] = 0x81;
        out[2] = (uint8_t)(n - 4);
        memmove(out + 3, out + 4, n - 4);
        return n - 1;
    }
    memcpy(out, (const uint8_t[]){0x31, 0x82, (uint8_t)((n - 4) >> 8), (uint8_t)(n - 4)}, 4);
    return n;
}

static const char *check(const char *const *attributes)
{
    const char *reason = "fine";
    uint8_t der[1024];
    size_t size = set_new(attributes, der);

    if (scep_attributes_check((DerSpan){der, size}, 32, &reason) >= 0)
        assert_string_equal(reason, "fine");
    return reason;
}
#define CHECK(...) check((const char *const[]){__VA_ARGS__, NULL})

static const char one_value[] = "an attribute has not exactly one value of its kind";

static void test_attributes_refused(void **state)
{
    /* A CA's answer, and a type that there is none of. */
    assert_string_equal(CHECK("060a6086480186f8450109023103130133", TRANSACTION_ID, CONTENT_TYPE,
                              SENDER_NONCE, DIGEST_32),
                        one_value);
    assert_string_equal(
        CHECK(MESSAGE_TYPE("3138"), TRANSACTION_ID, CONTENT_TYPE, SENDER_NONCE, DIGEST_32),
        one_value);
    assert_string_equal(CHECK(TRANSACTION_ID, CONTENT_TYPE, SENDER_NONCE, DIGEST_32),
                        "an attribute that each request of SCEP has is missing");
    assert_string_equal(
        CHECK(MESSAGE_TYPE("3139"), CONTENT_TYPE, TRANSACTION_ID, SENDER_NONCE, DIGEST_32),
        "the attributes are not in the order of DER");
    assert_string_equal(CHECK("060a6086480186f8450109033103130130", MESSAGE_TYPE("3139"),
                              CONTENT_TYPE, TRANSACTION_ID, SENDER_NONCE, DIGEST_32),
                        "there is an attribute that no request of SCEP has");
    assert_string_equal(CHECK(MESSAGE_TYPE("3139"), MESSAGE_TYPE("3230"), TRANSACTION_ID,
                              CONTENT_TYPE, SENDER_NONCE, DIGEST_32),
                        "an attribute is there twice");
}

static void test_attributes_good(void **state)
{
    static const char *const types[] = {MESSAGE_TYPE("3137"), MESSAGE_TYPE("3139"),
                                        MESSAGE_TYPE("3230"), MESSAGE_TYPE("3231"),
                                        MESSAGE_TYPE("3232")};
    const char *reason = NULL;
    uint8_t der[1024];
    size_t size;

    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        assert_string_equal(CHECK(types[i], TRANSACTION_ID, CONTENT_TYPE, SIGNING_TIME,
                                  SENDER_NONCE, RECIPIENT_NONCE, DIGEST_32),
                            "fine");
    size = set_new((const char *const[]){types[0], TRANSACTION_ID, CONTENT_TYPE, SENDER_NONCE,
                                         DIGEST_32, NULL},
                   der);
    assert_int_equal(scep_attributes_check((DerSpan){der, size}, 48, &reason), -EBADMSG);
    assert_string_equal(reason, one_value);
    for (size_t n = 0; n < size; n++)
        assert_int_equal(scep_attributes_check((DerSpan){der, n}, 32, &reason), -EBADMSG);
    assert_int_equal(scep_attributes_check((DerSpan){der, size + 1}, 32, &reason), -EBADMSG);
    assert_int_equal(scep_attributes_check((DerSpan){der, size}, 32, &reason), 0);
}

/* --- Rights ----------------------------------------------------------------------------------- */

typedef struct Fixture {
    char path[64];
    Store *store;
    KeyRights *rights;
    Key *pair, *stray, *curve, *edwards;
} Fixture;

static Key *key_make(const char *algorithm, const char *label, const char *usage)
{
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    assert_int_equal(key_generate(key_algorithm_find(algorithm), 1024, NULL, NULL, &pkey), 0);
    assert_int_equal(key_new(key_algorithm_find(algorithm), label, usage, 0, pkey, &key), 0);
    return key;
}

static Key *publish(Store *store, Key *key)
{
    assert_true(store_publish(store, key) >= 0);
    key_unref(key);
    return key;
}

static int setup(void **state)
{
    static const uint8_t zeros[KEK_SIZE];
    static const char section[] =
        "{\"trustpoint\": {\"core\": {\"keypair\": {\"algorithm\": \"rsa\", \"label\": \"pair\"}},"
        "\"edge\": {\"keypair\": {\"algorithm\": \"ecdsanistp256\", \"label\": \"curve\"}},"
        "\"mist\": {\"keypair\": {\"algorithm\": \"ed25519\", \"label\": \"edwards\"}}}}";
    _cleanup_json_ json_object *o = NULL;
    static Fixture f;
    Kek *kek = NULL;
    Key *key;

    (void)strcpy(f.path, "/tmp/test-scep.XXXXXX");
    assert_non_null(mkdtemp(f.path));
    assert_int_equal(kek_new(zeros, &kek), 0);
    assert_int_equal(store_open(open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kek, &f.store),
                     0);
    key = key_make("rsa", "pair", KEY_USAGE_SIGNATURE);
    assert_int_equal(key_join(key, key_make("rsa", "pair", KEY_USAGE_ENCRYPTION)), 0);
    f.pair = publish(f.store, key);
    f.stray = publish(f.store, key_make("rsa", "stray", KEY_USAGE_GENERAL));
    f.curve = publish(f.store, key_make("ecdsanistp256", "curve", KEY_USAGE_GENERAL));
    f.edwards = publish(f.store, key_make("ed25519", "edwards", KEY_USAGE_GENERAL));
    assert_int_equal(json_parse(section, STRLEN(section), &o), 0);
    assert_int_equal(key_rights_new(o, &f.rights), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    store_free(f->store);
    key_rights_free(f->rights);
    return rmdir(f->path);
}

static const char *permitted(Fixture *f, Key *key, Purpose purpose)
{
    _cleanup_(typed_sign_done) TypedSign t = {.key = key_ref(key), .purpose = purpose};
    const char *reason = "yes";

    (void)typed_sign_permitted(&t, f->store, f->rights, &reason);
    return reason;
}

/* Each pair is for its use; the encryption pair signs what it needs to be certified. */
static void test_usage(void **state)
{
    static const char lacks_signature[] = "it lacks the usage signature; its usage is encryption",
                      lacks_encryption[] = "it lacks the usage encryption; its usage is signature",
                      not_named[] = "no trustpoint names it as its keypair";
    Fixture *f = *state;
    Key *encryption = f->pair->encryption;

    assert_string_equal(permitted(f, encryption, PURPOSE_ENVELOPE), lacks_signature);
    assert_string_equal(permitted(f, encryption, PURPOSE_CERTIFICATE), lacks_signature);
    assert_string_equal(permitted(f, f->pair, PURPOSE_SCEP_DECRYPT), lacks_encryption);
    assert_string_equal(permitted(f, f->edwards, PURPOSE_SCEP_DECRYPT),
                        "only rsa and ecdsa keys decrypt");
    assert_string_equal(permitted(f, f->curve, PURPOSE_SCEP_DECRYPT), "yes");
    for (Purpose p = PURPOSE_SCEP_CERTIFICATE; p <= PURPOSE_SCEP_DECRYPT; p++)
        assert_string_equal(permitted(f, f->stray, p), not_named);
    assert_string_equal(permitted(f, encryption, PURPOSE_SCEP_DECRYPT), "yes");
    for (Purpose p = PURPOSE_SCEP_CERTIFICATE; p <= PURPOSE_SCEP; p++) {
        assert_string_equal(permitted(f, f->pair, p), "yes");
        assert_string_equal(permitted(f, encryption, p), "yes");
        assert_string_equal(permitted(f, f->curve, p), "yes");
    }
    assert_string_equal(permitted(f, encryption, PURPOSE_CERTIFICATE_REQUEST), "yes");
}

static int sign(Key *key, Purpose purpose, const uint8_t *data, size_t size,
                const char **ret_reason)
{
    _cleanup_(typed_sign_done)
        TypedSign t = {.key = key_ref(key), .digest = DIGEST_SHA256, .purpose = purpose};
    _cleanup_free_ uint8_t *signature = NULL;
    size_t signature_size;
    int r;

    *ret_reason = NULL;
    assert_int_equal(typed_sign_copy_input(&t, data, size), 0);
    r = typed_sign(&t, &signature, &signature_size, ret_reason);
    if (r >= 0) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();

        assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key->pkey), 1);
        assert_int_equal(EVP_DigestVerify(md, signature, signature_size, data, size), 1);
    }
    return r;
}

static void test_sign_attributes(void **state)
{
    Fixture *f = *state;
    const char *reason;
    uint8_t der[1024];
    size_t size = set_new((const char *const[]){MESSAGE_TYPE("3139"), TRANSACTION_ID, CONTENT_TYPE,
                                                SENDER_NONCE, DIGEST_32, NULL},
                          der);

    assert_int_equal(sign(f->pair, PURPOSE_CERTIFICATE_REQUEST, der, size, &reason), -EBADMSG);
    assert_int_equal(sign(f->pair, PURPOSE_SCEP, (const uint8_t *)"x", 1, &reason), -EBADMSG);
    assert_int_equal(sign(f->pair, PURPOSE_SCEP, der, size, &reason), 0);
}

static X509 *certificate_new(Key *key, const char *subject, const char *issuer)
{
    X509 *c = X509_new();
    X509_EXTENSION *usage =
        X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature,keyEncipherment");
    const unsigned char *names[] = {(const unsigned char *)subject, (const unsigned char *)issuer};

    assert_int_equal(X509_set_version(c, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), 1), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                                                names[0], -1, -1, 0),
                     1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_issuer_name(c), "CN", MBSTRING_ASC,
                                                names[1], -1, -1, 0),
                     1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(c), 1700000000));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(c), 1800000000));
    assert_int_equal(X509_set_pubkey(c, key->pkey), 1);
    assert_int_equal(X509_add_ext(c, usage, -1), 1);
    X509_EXTENSION_free(usage);
    return c;
}

static int sign_certificate(Key *signer, X509 *c, const char **ret_reason)
{
    _cleanup_openssl_free_ uint8_t *der = NULL;
    int n, r;

    assert_true(X509_sign(c, signer->pkey, EVP_sha256()) > 0);
    n = i2d_re_X509_tbs(c, &der);
    r = sign(signer, PURPOSE_SCEP_CERTIFICATE, der, (size_t)n, ret_reason);
    X509_free(c);
    return r;
}

static void test_own_certificate(void **state)
{
    Fixture *f = *state;
    X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    const char *reason;
    X509 *c;

    assert_int_equal(sign_certificate(f->pair, certificate_new(f->stray, "a", "a"), &reason),
                     -EPERM);
    assert_string_equal(reason, "the public key is not that of the key");
    assert_int_equal(sign_certificate(f->pair, certificate_new(f->pair, "a", "b"), &reason),
                     -EPERM);
    assert_string_equal(reason, "the issuer of a self-signed certificate is not its subject");
    c = certificate_new(f->pair, "a", "a");
    assert_int_equal(X509_add_ext(c, ca, -1), 1);
    assert_int_equal(sign_certificate(f->pair, c, &reason), -EPERM);
    assert_string_equal(reason, "it would make the key a CA");
    assert_int_equal(sign_certificate(f->pair, certificate_new(f->pair, "a", "a"), &reason), 0);
    X509_EXTENSION_free(ca);
}

/* --- Decrypting ------------------------------------------------------------------------------- */

static void encrypt(Key *key, int padding, const uint8_t *data, size_t size, uint8_t ret[128])
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
    size_t n = 128;

    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, ret, &n, data, size), 1);
    assert_int_equal(n, 128);
}

static int decrypt(Key *key, const uint8_t *data, size_t size, size_t key_size, uint8_t ret[32])
{
    _cleanup_(typed_sign_done) TypedSign t = {
        .key = key_ref(key), .purpose = PURPOSE_SCEP_DECRYPT, .unwrapped_size = key_size};
    _cleanup_free_ uint8_t *out = NULL;
    const char *reason = NULL;
    size_t n = 0;
    int r;

    assert_int_equal(typed_sign_copy_input(&t, data, size), 0);
    r = typed_sign(&t, &out, &n, &reason);
    if (r >= 0) {
        assert_int_equal(n, key_size);
        memcpy(ret, out, n);
    }
    return r;
}

static void test_decrypt(void **state)
{
    static const size_t sizes[] = {16, 24, 32};
    Fixture *f = *state;
    Key *key = f->pair->encryption;
    uint8_t content_key[32] = "sixteen bytes, or thirty-two.", got[32], encrypted[128];

    for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
        encrypt(key, RSA_PKCS1_PADDING, content_key, sizes[i], encrypted);
        assert_int_equal(decrypt(key, encrypted, 127, sizes[i], got), -EBADMSG);
        assert_int_equal(decrypt(key, encrypted, 128, 17, got), -EBADMSG);
        assert_int_equal(decrypt(key, encrypted, 128, sizes[i], got), 0);
        assert_memory_equal(got, content_key, sizes[i]);
    }
    memset(encrypted, 0xff, sizeof encrypted); /* above every modulus */
    assert_int_equal(decrypt(key, encrypted, 128, 16, got), -EBADMSG);
    assert_int_equal(atomic_load(&key->budget.failures), 0);
}

/* F3: each way in which a padding can be bad is answered with a key, and counted. */
static void test_no_oracle(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } damages[] = {{0, 1}, {1, 1}, {1, 3}, {2, 0}, {60, 0}, {110, 0}, {111, 1}};
    Fixture *f = *state;
    Key *key = f->pair->encryption;
    uint8_t em[128], encrypted[128], got[32], again[32];
    unsigned before = atomic_load(&key->budget.failures);

    for (size_t i = 0; i < ELEMENTSOF(damages); i++) {
        memset(em, 0x41, sizeof em);
        em[0] = 0;
        em[1] = 2;
        em[111] = 0;
        em[damages[i].at] = damages[i].value;
        encrypt(key, RSA_NO_PADDING, em, sizeof em, encrypted);
        assert_int_equal(decrypt(key, encrypted, 128, 16, got), 0);
        assert_int_equal(decrypt(key, encrypted, 128, 16, again), 0);
        assert_memory_equal(got, again, 16);
        assert_memory_not_equal(got, em + 112, 16);
        assert_int_equal(atomic_load(&key->budget.failures), before + 2 * i + 2);
    }
    /* A good padding before a key of another size is none either. */
    encrypt(key, RSA_PKCS1_PADDING, em, 24, encrypted);
    assert_int_equal(decrypt(key, encrypted, 128, 16, got), 0);
    assert_int_equal(atomic_load(&key->budget.failures), before + 2 * ELEMENTSOF(damages) + 1);
}

static void test_budget(void **state)
{
    UnwrapBudget b = {0};
    uint64_t now = 1000;

    for (unsigned i = 0; i < UNWRAP_FAILURES_MAX; i++) {
        assert_true(unwrap_budget_left(&b, now));
        atomic_fetch_add(&b.failures, 1);
    }
    assert_false(unwrap_budget_left(&b, now));
    assert_false(unwrap_budget_left(&b, now + UNWRAP_FORGIVE_USEC - 1));
    now += UNWRAP_FORGIVE_USEC;
    assert_true(unwrap_budget_left(&b, now));
    atomic_fetch_add(&b.failures, 1);
    assert_false(unwrap_budget_left(&b, now));
    now += 1000 * UNWRAP_FORGIVE_USEC;
    assert_true(unwrap_budget_left(&b, now));
    assert_int_equal(atomic_load(&b.failures), 0);
    /* Nothing is saved up while there is nothing to forgive. */
    now += 1000 * UNWRAP_FORGIVE_USEC;
    assert_true(unwrap_budget_left(&b, now));
    atomic_fetch_add(&b.failures, UNWRAP_FAILURES_MAX);
    assert_false(unwrap_budget_left(&b, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes_refused),
        cmocka_unit_test(test_attributes_good),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_sign_attributes),
        cmocka_unit_test(test_own_certificate),
        cmocka_unit_test(test_decrypt),
        cmocka_unit_test(test_no_oracle),
        cmocka_unit_test(test_budget),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
