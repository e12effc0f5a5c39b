/* SPDX-License-Identifier: Apache-2.0 */
/* keyd's keys and trustpoints for tests of what it signs. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include "dsa-key.h"
#include "envelope-input.h"
#include "json-util.h"
#include "secure-memory.h"
#include "typed-sign.h"

typedef struct Fixture {
    char path[64];
    Store *store;
    KeyRights *rights;
    Key *root, *leaf, *other, *pairs;
    Key *small, *old; /* dsa, of 1024 and of 2048 bits */
} Fixture;

typedef struct Bytes {
    uint8_t *data; /* OpenSSL's */
    size_t size;
} Bytes;

static inline void bytes_done(Bytes *b)
{
    OPENSSL_free(b->data);
}
#define _cleanup_bytes_ _cleanup_(bytes_done)

static inline Key *add_pair(Store *store, const char *algorithm, const char *label, EVP_PKEY *pkey)
{
    const KeyAlgorithm *a = key_algorithm_find(algorithm);
    Key *key = NULL;

    assert_int_equal(key_new(a, label, KEY_USAGE_GENERAL, 0, pkey, &key), 0);
    assert_true(store_publish(store, key) >= 0);
    key_unref(key);
    return store_find(store, algorithm, label);
}

static inline Key *add_key(Store *store, const char *algorithm, const char *label)
{
    EVP_PKEY *pkey = NULL;

    assert_int_equal(key_generate(key_algorithm_find(algorithm), 1024, NULL, NULL, &pkey), 0);
    return add_pair(store, algorithm, label, pkey);
}

static inline Key *add_usage_keys(Store *store, const char *label)
{
    static const char *const usages[] = {KEY_USAGE_SIGNATURE, KEY_USAGE_ENCRYPTION};
    const KeyAlgorithm *rsa = key_algorithm_find("rsa");
    Key *keys[2] = {NULL, NULL};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *pkey = NULL;

        assert_int_equal(key_generate(rsa, 1024, NULL, NULL, &pkey), 0);
        assert_int_equal(key_new(rsa, label, usages[i], 0, pkey, &keys[i]), 0);
    }
    assert_int_equal(key_join(keys[0], keys[1]), 0);
    assert_true(store_publish(store, keys[0]) >= 0);
    key_unref(keys[0]);
    return store_find(store, "rsa", label);
}

static inline int setup(void **state)
{
    static const uint8_t zeros[KEK_SIZE];
    static const char section[] =
        "{\"trustpoint\": {"
        "\"system-trustpoint\": {\"keypair\": {\"algorithm\": \"ecdsanistp256\", \"label\": "
        "\"leaf\"},"
        " \"ca-keypair\": {\"algorithm\": \"rsa\", \"label\": \"root\"}},"
        "\"core\": {\"keypair\": {\"algorithm\": \"ed25519\", \"label\": \"other\"}},"
        "\"usage\": {\"keypair\": {\"algorithm\": \"rsa\", \"label\": \"pairs\"}},"
        "\"small\": {\"keypair\": {\"algorithm\": \"dsa\", \"label\": \"small\"}},"
        "\"old\": {\"keypair\": {\"algorithm\": \"dsa\", \"label\": \"old\"},"
        " \"ca-keypair\": {\"algorithm\": \"dsa\", \"label\": \"old\"}}}}";
    _cleanup_json_ json_object *o = NULL;
    static Fixture f;
    Kek *kek = NULL;

    (void)strcpy(f.path, "/tmp/test-typed-sign.XXXXXX");
    assert_non_null(mkdtemp(f.path));
    assert_int_equal(kek_new(zeros, &kek), 0);
    assert_int_equal(store_open(open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kek, &f.store),
                     0);
    f.root = add_key(f.store, "rsa", "root");
    f.leaf = add_key(f.store, "ecdsanistp256", "leaf");
    f.other = add_key(f.store, "ed25519", "other");
    f.small = add_key(f.store, "dsa", "small");
    f.old = add_pair(f.store, "dsa", "old", dsa_test_key());
    f.pairs = add_usage_keys(f.store, "pairs");
    assert_int_equal(json_parse(section, STRLEN(section), &o), 0);
    assert_int_equal(key_rights_new(o, &f.rights), 0);
    *state = &f;
    return 0;
}

static inline int teardown(void **state)
{
    Fixture *f = *state;

    store_free(f->store);
    key_rights_free(f->rights);
    return rmdir(f->path);
}

static inline Digest digest_for(const Key *key)
{
    return key->algorithm->family == KEY_FAMILY_ED25519 ? DIGEST_NONE : DIGEST_SHA256;
}

static const void *map_copy(const void *data, size_t size)
{
    void *p = NULL;

    if (size == 0)
        return NULL;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    memcpy(p, data, size);
    return p;
}

/* A signature that was made has to verify. */
static inline void verify(Key *key, Digest digest, const void *data, size_t size,
                          const uint8_t *signature, size_t signature_size)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestVerifyInit(context, NULL, digest_to_md(digest), NULL, key->pkey), 1);
    assert_int_equal(EVP_DigestVerify(context, signature, signature_size, data, size), 1);
}

static inline int sign_full(Fixture *f, Key *key, Purpose purpose, Digest digest, const void *data,
                            size_t size, const Bytes *certificate, const char **ret_reason)
{
    _cleanup_(typed_sign_done)
        TypedSign t = {.key = key_ref(key), .digest = digest, .purpose = purpose};
    _cleanup_free_ uint8_t *signature = NULL;
    const char *reason = NULL;
    size_t signature_size;
    int r;

    t.input = map_copy(data, size);
    t.input_size = size;
    if (certificate) {
        t.certificate = malloc(certificate->size);
        assert_non_null(t.certificate);
        memcpy(t.certificate, certificate->data, certificate->size);
        t.certificate_size = certificate->size;
    }
    r = typed_sign_permitted(&t, f->store, f->rights, &reason);
    if (r >= 0)
        r = typed_sign(&t, &signature, &signature_size, &reason);
    if (r >= 0)
        verify(key, digest, data, size, signature, signature_size);
    else
        assert_non_null(reason);
    if (ret_reason)
        *ret_reason = reason;
    return r;
}

static inline int sign(Fixture *f, Key *key, Purpose purpose, const Bytes *b)
{
    return sign_full(f, key, purpose, digest_for(key), b->data, b->size, NULL, NULL);
}

static inline X509_NAME *name_new(const char *common_name)
{
    X509_NAME *name = X509_NAME_new();

    assert_non_null(name);
    if (common_name)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)common_name, -1, -1, 0),
                         1);
    return name;
}

static inline void add_extension(STACK_OF(X509_EXTENSION) * *extensions, int nid, const char *value)
{
    _cleanup_(X509_EXTENSION_freep) X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_non_null(X509v3_add_ext(extensions, extension, -1));
}

/* A self-signed root when subject is the root itself, else what it signs for another. */
static inline X509 *certificate_for(Fixture *f, Key *subject)
{
    _cleanup_(X509_NAME_freep) X509_NAME *issuer = name_new("root"),
                                         *name = name_new(subject == f->root ? "root" : "router");
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    X509 *c = X509_new();

    assert_int_equal(X509_set_version(c, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(c), 0x80), 1);
    assert_int_equal(X509_set_issuer_name(c, issuer), 1);
    assert_int_equal(X509_set_subject_name(c, name), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(c), 1700000000));
    assert_non_null(
        ASN1_TIME_set(X509_getm_notAfter(c), 2600000000)); /* in the 2050s: GeneralizedTime */
    assert_int_equal(X509_set_pubkey(c, subject->pkey), 1);
    if (subject == f->root) {
        add_extension(&extensions, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
        add_extension(&extensions, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(&extensions, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(&extensions, NID_key_usage,
                      "critical,digitalSignature,keyEncipherment,keyAgreement");
    }
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        assert_int_equal(X509_add_ext(c, sk_X509_EXTENSION_value(extensions, i), -1), 1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return c;
}
