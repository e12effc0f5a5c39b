/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use which key, and what is signed for TLS and SSH. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/rsa.h>

#include "grants.h"
#include "json-util.h"
#include "secure-memory.h"
#include "ssh-input.h"
#include "ssh-wire.h"
#include "tls-input.h"
#include "typed-sign.h"

/* --- Who -------------------------------------------------------------------------------------- */

static Grants *parse(const char *text)
{
    _cleanup_json_ json_object *o = NULL;
    Grants *g = NULL;

    assert_int_equal(json_parse(text, strlen(text), &o), 0);
    assert_int_equal(grants_new(o, &g), 0);
    return g;
}

static void test_who(void **state)
{
    _cleanup_(grants_freep) Grants *g =
        parse("{\"grant\": {"
              "\"web\": {\"keypair\": {\"algorithm\": \"ed25519\", \"label\": \"web\"}, "
              "\"purpose\": \"tls\", \"user\": [\"alice\"], \"group\": [\"root\"]},"
              "\"half\": {\"purpose\": \"tls\", \"user\": [\"alice\"]},"
              "\"ssh\": {\"keypair\": {\"algorithm\": \"ed25519\", \"label\": \"out\"}, "
              "\"purpose\": \"ssh\", \"user\": [\"bob\"]}}}");
    const GrantUser alice = {"alice", 4711}, bob = {"bob", 4711}, of_root = {"carol", 0};

    assert_int_equal(grants_count(g), 3);
    assert_false(grants_allow(NULL, &alice, "ed25519", "web", "tls"));
    assert_false(grants_allow(g, &bob, "ed25519", "web", "tls"));
    assert_false(grants_allow(g, &alice, "ed25519", "web", "ssh"));
    assert_false(grants_allow(g, &alice, "rsa", "web", "tls"));
    assert_false(grants_allow(g, &alice, "ed25519", "out", "tls"));
    assert_true(grants_allow(g, &alice, "ed25519", "web", "tls"));
    assert_true(grants_allow(g, &of_root, "ed25519", "web", "tls"));
    assert_true(grants_allow(g, &bob, "ed25519", "out", "ssh"));
    /* A user's own key for ssh. */
    assert_false(grants_allow(NULL, &bob, KEY_AUTHENTICATION_SSH, "alice", "ssh"));
    assert_false(grants_allow(NULL, &alice, KEY_AUTHENTICATION_SSH, "alice", "tls"));
    assert_true(grants_allow(NULL, &alice, KEY_AUTHENTICATION_SSH, "alice", "ssh"));
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"{\"grant\": []}", "{\"grant\": {\"a\": 1}}"};
    Grants *g = NULL;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        _cleanup_json_ json_object *o = NULL;

        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &o), 0);
        assert_true(grants_new(o, &g) < 0);
    }
    assert_null(g);
}

static Key *key_make(const char *algorithm)
{
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    assert_int_equal(key_generate(key_algorithm_find(algorithm), 1024, NULL, NULL, &pkey), 0);
    assert_int_equal(
        key_new(key_algorithm_find(algorithm), "label", KEY_USAGE_GENERAL, 0, pkey, &key), 0);
    return key;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static size_t certificate_verify(uint8_t *out, const char *text, size_t hash)
{
    memset(out, ' ', 64);
    memcpy(out + 64, text, strlen(text) + 1);
    memset(out + 64 + strlen(text) + 1, 7, hash);
    return 64 + strlen(text) + 1 + hash;
}

static int check_tls(const uint8_t *data, size_t size, unsigned roles)
{
    const char *reason = NULL;
    int r = tls_input_check((DerSpan){data, size}, roles, &reason);

    assert_true((r < 0) == (reason != NULL));
    return r;
}

static void test_tls(void **state)
{
    static const char server[] = "TLS 1.3, server CertificateVerify",
                      client[] = "TLS 1.3, client CertificateVerify";
    uint8_t in[256];
    size_t n;

    n = certificate_verify(in, server, 32);
    assert_int_equal(check_tls(in, n, TLS_CLIENT), -EBADMSG);
    assert_int_equal(check_tls(in, n - 1, TLS_SERVER), -EBADMSG);
    assert_int_equal(check_tls(in, n + 1, TLS_SERVER), -EBADMSG);
    assert_int_equal(check_tls(in, n, TLS_SERVER), 13);
    in[5] = 'x';
    assert_int_equal(check_tls(in, n, TLS_SERVER), -EBADMSG);
    n = certificate_verify(in, client, 48);
    assert_int_equal(check_tls(in, n, TLS_SERVER), -EBADMSG);
    assert_int_equal(check_tls(in, n, TLS_CLIENT), 13);
    assert_int_equal(check_tls(in, n, TLS_SERVER | TLS_CLIENT), 13);
    n = certificate_verify(in, "TLS 1.3, other CertificateVerify_", 32);
    assert_int_equal(check_tls(in, n, TLS_SERVER | TLS_CLIENT), -EBADMSG);

    memset(in, 1, sizeof in);
    memcpy(in + 64, (const uint8_t[]){3, 0, 29, 32}, 4);
    assert_int_equal(check_tls(in, 100, TLS_CLIENT), -EBADMSG);
    assert_int_equal(check_tls(in, 101, TLS_SERVER), -EBADMSG);
    assert_int_equal(check_tls(in, 100, TLS_SERVER), 12);
    in[66] = 22; /* secp256k1 */
    assert_int_equal(check_tls(in, 100, TLS_SERVER), -EBADMSG);
}

static bool verifies_pss(const Key *key, Digest digest, const uint8_t *data, size_t size,
                         const uint8_t *signature, size_t signature_size)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;

    return EVP_DigestVerifyInit(context, &pctx, digest_to_md(digest), NULL, key->pkey) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_DigestVerify(context, signature, signature_size, data, size) == 1;
}

static int sign_tls(Key *key, Purpose purpose, Digest digest, int version)
{
    TypedSign t = {.key = key, .digest = digest, .purpose = purpose};
    _cleanup_free_ uint8_t *signature = NULL;
    const char *reason = NULL;
    size_t signature_size;
    uint8_t in[256];
    int r;

    t.input = in;
    t.input_size = certificate_verify(in, "TLS 1.3, client CertificateVerify", 32);
    if (version == 12) {
        memcpy(in + 64, (const uint8_t[]){3, 0, 29, 32}, 4);
        t.input_size = 100;
    }
    r = typed_sign(&t, &signature, &signature_size, &reason);
    assert_true((r < 0) == (reason != NULL));
    if (r >= 0)
        assert_int_equal(digest_is_pss(digest),
                         verifies_pss(key, digest, in, t.input_size, signature, signature_size));
    return r;
}

/* RFC 8446 section 4.2.3: PKCS #1 v1.5 is no longer for what is signed in TLS 1.3, and RSASSA-PSS
 * is for nothing else here. */
static void test_padding(void **state)
{
    _cleanup_(key_unrefp) Key *rsa = key_make("rsa"), *ecdsa = key_make("ecdsanistp256");

    for (Digest d = DIGEST_SHA256_PSS; d <= DIGEST_SHA512_PSS; d++) {
        /* 1024 bits have no room for two digests of 512. */
        int expected = d == DIGEST_SHA512_PSS ? -EINVAL : 0;

        assert_int_equal(sign_tls(rsa, PURPOSE_CERTIFICATE_REQUEST, d, 13), -EINVAL);
        assert_int_equal(sign_tls(rsa, PURPOSE_CERTIFICATE, d, 13), -EINVAL);
        assert_int_equal(sign_tls(rsa, PURPOSE_SSH, d, 13), -EINVAL);
        assert_int_equal(sign_tls(ecdsa, PURPOSE_TLS, d, 13), -EINVAL);
        assert_int_equal(sign_tls(rsa, PURPOSE_TLS, d, 13), expected);
        assert_int_equal(sign_tls(rsa, PURPOSE_TLS, d, 12), expected);
        assert_int_equal(sign_tls(rsa, PURPOSE_TLS_CLIENT, d, 13), expected);
    }
    assert_int_equal(sign_tls(rsa, PURPOSE_TLS, DIGEST_SHA256, 13), -EPERM);
    assert_int_equal(sign_tls(rsa, PURPOSE_TLS_CLIENT, DIGEST_SHA256, 13), -EPERM);
    assert_int_equal(sign_tls(rsa, PURPOSE_TLS, DIGEST_SHA256, 12), 0);
}

/* --- SSH -------------------------------------------------------------------------------------- */

typedef struct Output {
    uint8_t data[4096];
    size_t size;
} Output;

static void put(Output *o, const void *data, size_t size)
{
    o->data[o->size] = o->data[o->size + 1] = 0;
    o->data[o->size + 2] = (uint8_t)(size >> 8);
    o->data[o->size + 3] = (uint8_t)size;
    memcpy(o->data + o->size + 4, data, size);
    o->size += size + 4;
}

static void put_text(Output *o, const char *text)
{
    put(o, text, strlen(text));
}

static void request(Output *o, const Key *key, const char *method, const char *algorithm)
{
    static const uint8_t session[32] = {1};
    uint8_t blob[SSH_BLOB_MAX];
    size_t size;

    o->size = 0;
    put(o, session, sizeof session);
    o->data[o->size++] = 50;
    put_text(o, "alice");
    put_text(o, "ssh-connection");
    put_text(o, method);
    o->data[o->size++] = 1;
    put_text(o, algorithm);
    assert_int_equal(ssh_public_blob(key->pkey, blob, &size), 0);
    put(o, blob, size);
}

static int check_ssh(const Output *o, const Key *key, Digest digest)
{
    const char *reason = NULL;
    int r = ssh_input_check((DerSpan){o->data, o->size}, key, digest, &reason);

    assert_true((r < 0) == (reason != NULL));
    return r;
}

static void test_ssh(void **state)
{
    static const struct {
        const char *key, *name;
        Digest digest, wrong;
    } kinds[] = {{"rsa", "rsa-sha2-512", DIGEST_SHA512, DIGEST_SHA384},
                 {KEY_AUTHENTICATION_SSH, "rsa-sha2-256", DIGEST_SHA256, DIGEST_SHA512},
                 {"ecdsanistp256", "ecdsa-sha2-nistp256", DIGEST_SHA256, DIGEST_SHA512},
                 {"ecdsanistp384", "ecdsa-sha2-nistp384", DIGEST_SHA384, DIGEST_SHA256},
                 {"ecdsanistp521", "ecdsa-sha2-nistp521", DIGEST_SHA512, DIGEST_SHA256},
                 {"ed25519", "ssh-ed25519", DIGEST_NONE, DIGEST_NONE}};
    Output o;

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        _cleanup_(key_unrefp) Key *key = key_make(kinds[i].key), *other = key_make(kinds[i].key);
        size_t size;

        request(&o, other, "publickey", kinds[i].name);
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EPERM);
        request(&o, key, "hostbased", kinds[i].name);
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EBADMSG);
        request(&o, key, "publickey", "ssh-rsa");
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EBADMSG);
        request(&o, key, "publickey", kinds[i].name);
        if (kinds[i].wrong != kinds[i].digest)
            assert_true(check_ssh(&o, key, kinds[i].wrong) < 0);
        size = o.size;
        for (o.size = 0; o.size < size; o.size++)
            assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EBADMSG);
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), 0);
        put_text(&o, "more");
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EBADMSG);
        request(&o, key, "publickey-hostbound-v00@openssh.com", kinds[i].name);
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EBADMSG);
        put_text(&o, "the key of the host");
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), 0);
        o.data[36] = 51; /* not USERAUTH_REQUEST */
        assert_int_equal(check_ssh(&o, key, kinds[i].digest), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_tls), cmocka_unit_test(test_padding),
        cmocka_unit_test(test_ssh),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
