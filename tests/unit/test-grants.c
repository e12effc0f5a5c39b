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

#include "grants.h"
#include "json-util.h"
#include "secure-memory.h"
#include "ssh-input.h"
#include "tls-input.h"

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
    assert_int_equal(ssh_blob(key, blob, &size), 0);
    put(o, blob, size);
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
        cmocka_unit_test(test_who),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_ssh),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
