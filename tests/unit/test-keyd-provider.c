/* SPDX-License-Identifier: Apache-2.0 */
/* The provider against a signer of a few lines that answers org.chancery.Keys1.Signing with real
 * keys, over a real bus connection (a socket on which this test plays bus and keyd at once). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#include "dsa-key.h"
#include "errors.h"
#include "keyd-client.h"
#include "keyd-provider.h"
#include "memfd.h"
#include "names.h"
#include "openssl-util.h"
#include "public-half.h"

/* --- The signer ------------------------------------------------------------------------------- */

#define LABEL "system-root-key"

static struct {
    const char *algorithm;
    EVP_PKEY *key;
} keys[] = {{"rsa", NULL}, {"ecdsanistp384", NULL}, {"ed25519", NULL}, {"dsa", NULL}};

static int listener = -1;
static char purpose_seen[64];
static char pair_seen[32];
static size_t certificate_seen;
static unsigned signatures;

static EVP_PKEY *key_find(const char *algorithm, const char *label)
{
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        if (streq(keys[i].algorithm, algorithm) && streq(label, LABEL))
            return keys[i].key;
    return NULL;
}

static int method_hello(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    return sd_bus_reply_method_return(m, "s", ":1.1");
}

static int reply_bytes(sd_bus_message *m, const void *data, size_t size)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(m, &reply);

    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', data, size);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

/* Of one pair, or the same of both. */
static int answer_public_keys(sd_bus_message *m, int n, sd_bus_error *reterr_error)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_openssl_free_ unsigned char *der = NULL;
    const char *algorithm, *label;
    EVP_PKEY *key;
    int size, r;

    if (sd_bus_message_read(m, "ss", &algorithm, &label) < 0)
        return -EINVAL;
    key = key_find(algorithm, label);
    if (!key)
        return sd_bus_error_setf(reterr_error, ERROR_NO_SUCH_OBJECT, "There is no %s key %s",
                                 algorithm, label);
    size = i2d_PUBKEY(key, &der);
    r = size > 0 ? sd_bus_message_new_method_return(m, &reply) : -EIO;
    for (int i = 0; r >= 0 && i < n; i++)
        r = sd_bus_message_append_array(reply, 'y', der, (size_t)size);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    return r < 0 ? r : 1;
}

static int method_get_public_key(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    return answer_public_keys(m, 1, reterr_error);
}

static unsigned pairs_asked;

static int method_get_public_keys(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    pairs_asked++;
    return answer_public_keys(m, 2, reterr_error);
}

static int read_context(sd_bus_message *m)
{
    const void *certificate;
    const char *name, *pair;
    int r;

    certificate_seen = 0;
    pair_seen[0] = 0;
    r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        if (sd_bus_message_read(m, "s", &name) < 0)
            return -EINVAL;
        if (streq(name, "pair")) {
            if (sd_bus_message_read(m, "v", "s", &pair) < 0 || sd_bus_message_exit_container(m) < 0)
                return -EINVAL;
            (void)snprintf(pair_seen, sizeof pair_seen, "%s", pair);
            continue;
        }
        if (!streq(name, "certificate") || sd_bus_message_enter_container(m, 'v', "ay") < 0 ||
            sd_bus_message_read_array(m, 'y', &certificate, &certificate_seen) < 0 ||
            sd_bus_message_exit_container(m) < 0 || sd_bus_message_exit_container(m) < 0)
            return -EINVAL;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int method_sign(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *algorithm, *label, *purpose, *digest;
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_free_ void *data = NULL;
    unsigned char signature[1024];
    size_t size, n = sizeof(signature);
    EVP_PKEY_CTX *pctx;
    EVP_PKEY *key;
    char md[8];
    bool pss;
    int fd, r;

    if (sd_bus_message_read(m, "ssss", &algorithm, &label, &purpose, &digest) < 0 ||
        read_context(m) < 0 || sd_bus_message_read(m, "h", &fd) < 0)
        return -EINVAL;
    key = key_find(algorithm, label);
    if (!key || streq(purpose, "tls"))
        return sd_bus_error_setf(reterr_error, ERROR_PURPOSE_REFUSED,
                                 "Key %s may not be used for %s", label, purpose);
    r = memfd_read(fd, 1U << 20, &data, &size);
    if (r < 0)
        return r;
    pss = strlen(digest) == strlen("sha256-pss");
    (void)snprintf(md, sizeof md, "%.6s", digest);
    if (EVP_DigestSignInit_ex(context, &pctx, md[0] ? md : NULL, NULL, NULL, key, NULL) != 1 ||
        (pss && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1 ||
                 EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) != 1)) ||
        EVP_DigestSign(context, signature, &n, data, size) != 1)
        return -EIO;
    (void)snprintf(purpose_seen, sizeof(purpose_seen), "%s", purpose);
    signatures++;
    return reply_bytes(m, signature, n);
}

/* As keyd does it; what can't be decrypted comes out as zeros. */
static int method_unwrap_key(sd_bus_message *m, void *userdata, sd_bus_error *reterr_error)
{
    const char *algorithm, *label, *purpose;
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *decrypter = NULL;
    unsigned char key[256] = {0};
    const void *encrypted;
    size_t size, n = sizeof key;
    uint32_t key_size;

    if (sd_bus_message_read(m, "sss", &algorithm, &label, &purpose) < 0 || read_context(m) < 0 ||
        sd_bus_message_read_array(m, 'y', &encrypted, &size) < 0 ||
        sd_bus_message_read(m, "u", &key_size) < 0)
        return -EINVAL;
    if (!streq(purpose, "scep-decrypt"))
        return sd_bus_error_set(reterr_error, ERROR_PURPOSE_REFUSED, "no");
    decrypter = EVP_PKEY_CTX_new(key_find(algorithm, label), NULL);
    if (EVP_PKEY_decrypt_init(decrypter) != 1 ||
        EVP_PKEY_decrypt(decrypter, key, &n, encrypted, size) != 1 || n != key_size)
        memset(key, 0, sizeof key);
    return reply_bytes(m, key, key_size);
}

static const sd_bus_vtable bus_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Hello", "", "s", method_hello, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable signing_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("GetPublicKey", "ss", "ay", method_get_public_key, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetPairPublicKey", "sss", "ay", method_get_public_key,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetPublicKeys", "ss", "ayay", method_get_public_keys,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("UnwrapKey", "sssa{sv}ayu", "ay", method_unwrap_key, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Sign", "ssssa{sv}h", "ay", method_sign, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static void serve(int fd)
{
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
    int r;

    assert_int_equal(sd_bus_new(&bus), 0);
    assert_true(sd_bus_set_fd(bus, fd, fd) >= 0);
    assert_true(sd_bus_set_server(bus, 1, id) >= 0);
    assert_true(sd_bus_set_anonymous(bus, 1) >= 0);
    assert_true(sd_bus_negotiate_fds(bus, 1) >= 0);
    assert_true(sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         bus_vtable, NULL) >= 0);
    assert_true(sd_bus_add_object_vtable(bus, NULL, KEYS_PATH, KEYS_SIGNING_INTERFACE,
                                         signing_vtable, NULL) >= 0);
    assert_true(sd_bus_start(bus) >= 0);
    while ((r = sd_bus_process(bus, NULL)) >= 0)
        if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
            break;
}

static int served = -1; /* the connection, which lasts as long as the client's thread */

static void *signer(void *userdata)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        __atomic_store_n(&served, fd, __ATOMIC_SEQ_CST);
        serve(fd);
    }
    return NULL;
}

/* --- The tests -------------------------------------------------------------------------------- */

static OSSL_LIB_CTX *context;
static pthread_t thread;

static int setup(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[128];

    keys[0].key = EVP_RSA_gen(2048);
    keys[1].key = EVP_EC_gen("P-384");
    keys[2].key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    keys[3].key = dsa_test_key();
    /* An abstract name of the kernel's choosing. */
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(
        getsockname(listener, (struct sockaddr *)&address, &(socklen_t){sizeof(address)}), 0);
    assert_int_equal(listen(listener, 16), 0);
    (void)snprintf(text, sizeof(text), "unix:abstract=%s", address.sun_path + 1);
    assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", text, 1), 0);
    assert_true(errors_register() >= 0);
    context = keyd_provider_context();
    assert_non_null(context);
    return pthread_create(&thread, NULL, signer, NULL);
}

static int teardown(void **state)
{
    (void)shutdown(listener, SHUT_RDWR);
    (void)shutdown(__atomic_load_n(&served, __ATOMIC_SEQ_CST), SHUT_RDWR);
    (void)pthread_join(thread, NULL);
    (void)close(listener);
    /* They hold what the provider made of them when it compared. */
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        EVP_PKEY_free(keys[i].key);
    keyd_provider_context_free(context);
    return 0;
}

static EVP_PKEY *key_get(size_t i, const char *purpose)
{
    EVP_PKEY *key;

    assert_int_equal(keyd_key_new(context, keys[i].algorithm, LABEL, purpose, NULL, 0, &key), 0);
    return key;
}

static EVP_MD_CTX *sign_context(EVP_PKEY *key, const char *digest)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    assert_non_null(md);
    assert_int_equal(EVP_DigestSignInit_ex(md, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : digest,
                                           context, NULL, key, NULL),
                     1);
    return md;
}

static void test_missing_key(void **state)
{
    EVP_PKEY *key = NULL;

    assert_int_equal(keyd_key_new(context, "rsa", "nobody", "certificate", NULL, 0, &key), -ENOENT);
    assert_string_equal(keyd_last_error(), "There is no rsa key nobody");
    assert_int_equal(keyd_key_new(context, "dss", LABEL, "certificate", NULL, 0, &key),
                     -EOPNOTSUPP);
    assert_null(key);
}

static void test_refused(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(0, "tls");
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = sign_context(key, "SHA256");
    unsigned char signature[512];
    size_t n = sizeof(signature);

    assert_int_equal(EVP_DigestSign(md, signature, &n, (const unsigned char *)"x", 1), 0);
    assert_string_equal(keyd_last_error(), "Key " LABEL " may not be used for tls");
    ERR_clear_error();
}

static void test_private_half_stays(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(i, "certificate");
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
        _cleanup_(BN_freep) BIGNUM *number = NULL;
        unsigned char raw[64], *der = NULL;
        OSSL_PARAM *params = NULL;
        size_t n = sizeof(raw);

        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 0);
        assert_true(i2d_PrivateKey(key, &der) <= 0);
        assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 0);
        assert_int_equal(EVP_PKEY_get_raw_private_key(key, raw, &n), 0);
        assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 0);
        assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &number), 0);
        ERR_clear_error();
    }
}

static void test_public_half(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(i, "certificate"), *decoded = NULL;
        _cleanup_openssl_free_ unsigned char *der = NULL;
        const unsigned char *p;
        int size = i2d_PUBKEY(key, &der);

        assert_true(size > 0);
        p = der;
        decoded = d2i_PUBKEY_ex(NULL, &p, size, context, NULL);
        assert_non_null(decoded);
        assert_int_equal(EVP_PKEY_eq(key, decoded), 1);
        assert_int_equal(EVP_PKEY_eq(decoded, key), 1);
        assert_int_equal(EVP_PKEY_eq(key, keys[i].key), 1);
        assert_int_equal(EVP_PKEY_eq(keys[i].key, key), 1);
        assert_int_not_equal(EVP_PKEY_eq(key, keys[(i + 1) % ELEMENTSOF(keys)].key), 1);
        assert_int_equal(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(keys[i].key));
        ERR_clear_error();
    }
}

/* Signs one X.509 object with each key and verifies it with the public half alone, as anybody
 * would. */
static void test_request(void **state)
{
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512", "SHA256"};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(i, "certificate-request");
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = sign_context(key, digests[i]);
        _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new_ex(context, NULL);

        assert_int_equal(X509_REQ_set_version(request, X509_REQ_VERSION_1), 1);
        assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
        assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN",
                                                    MBSTRING_ASC, (const unsigned char *)"lab1", -1,
                                                    -1, 0),
                         1);
        assert_true(X509_REQ_sign_ctx(request, md) > 0);
        assert_string_equal(purpose_seen, "certificate-request");
        assert_int_equal(X509_REQ_verify(request, keys[i].key), 1);
        assert_int_equal(X509_REQ_check_private_key(request, key), 1);
    }
}

/* While keys are remembered, keyd is asked once for both pairs of each, and for one that is not
 * there each time. */
static void test_remembered(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *first = NULL, *second = NULL, *missing = NULL;

    keyd_remember_keys();
    pairs_asked = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            keyd_pair_new(context, "rsa", "no-such-key", "encryption", "scep", &missing), -ENOENT);
    assert_null(missing);
    assert_int_equal(pairs_asked, 2);
    assert_int_equal(keyd_key_new(context, keys[0].algorithm, LABEL, "scep", NULL, 0, &first), 0);
    assert_int_equal(
        keyd_pair_new(context, keys[0].algorithm, LABEL, "encryption", "scep", &second), 0);
    assert_int_equal(pairs_asked, 3);
    assert_int_equal(EVP_PKEY_eq(first, second), 1);
    assert_int_equal(EVP_PKEY_eq(first, keys[0].key), 1);
    keyd_forget_keys();
}

/* Nothing in it asks keyd any more: it can be copied, as the key itself cannot. */
static void test_half_for_others(void **state)
{
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512", "SHA256"};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(i, "certificate-request");
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(context, key);
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = sign_context(key, digests[i]);
        _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new_ex(context, NULL), *copy = NULL;

        assert_int_equal(EVP_PKEY_eq(half, key), 1);
        assert_true(X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
                    X509_REQ_set_pubkey(request, half) == 1 && X509_REQ_sign_ctx(request, md) > 0);
        assert_int_equal(X509_REQ_check_private_key(request, key), 1);
        copy = X509_REQ_dup(request);
        assert_non_null(copy);
        assert_int_equal(X509_REQ_verify(copy, X509_REQ_get0_pubkey(copy)), 1);
    }
}

static X509 *certificate_new(EVP_PKEY *key, const char *digest)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = sign_context(key, digest);
    X509 *certificate = X509_new_ex(context, NULL);

    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 5), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                                MBSTRING_ASC, (const unsigned char *)"lab1", -1, -1,
                                                0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign_ctx(certificate, md) > 0);
    return certificate;
}

static void test_certificate(void **state)
{
    static const int algorithms[] = {NID_sha256WithRSAEncryption, NID_ecdsa_with_SHA256,
                                     NID_ED25519, NID_dsa_with_SHA256};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(i, "certificate");
        _cleanup_(X509_freep) X509 *certificate = certificate_new(key, "SHA256"), *reread = NULL;
        _cleanup_openssl_free_ unsigned char *der = NULL;
        const unsigned char *p;
        int size;

        assert_int_equal(X509_get_signature_nid(certificate), algorithms[i]);
        assert_int_equal(X509_check_private_key(certificate, key), 1);
        assert_int_equal(X509_verify(certificate, key),
                         1); /* by the provider, with the public half */
        assert_int_equal(X509_verify(certificate, keys[i].key), 1);
        size = i2d_X509(certificate, &der);
        p = der;
        reread = d2i_X509(NULL, &p, size);
        assert_non_null(reread);
        assert_int_equal(X509_verify(reread, X509_get0_pubkey(reread)), 1);
        /* One changed bit, and nobody believes it. */
        der[size - 1] ^= 1;
        X509_free(reread);
        p = der;
        reread = d2i_X509(NULL, &p, size);
        assert_int_not_equal(X509_verify(reread, X509_get0_pubkey(reread)), 1);
        ERR_clear_error();
    }
}

/* The way of an envelope: written in pieces, named by a certificate. Contexts that are duplicated
 * half-way stay apart. */
static void test_streaming(void **state)
{
    _cleanup_free_ unsigned char *text = malloc(100000);

    memset(text, 'a', 100000);
    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = NULL, *other = EVP_MD_CTX_new(),
                                               *verify = EVP_MD_CTX_new();
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        unsigned char signature[2][512];
        size_t n[2] = {sizeof(signature[0]), sizeof(signature[1])};
        const char *digest = streq(keys[i].algorithm, "ed25519") ? NULL : "SHA512";

        assert_int_equal(
            keyd_key_new(context, keys[i].algorithm, LABEL, "envelope", "certificate", 11, &key),
            0);
        md = sign_context(key, "SHA512");
        for (size_t k = 0; k < 100000; k += 1000)
            assert_int_equal(EVP_DigestSignUpdate(md, text + k, 1000), 1);
        assert_int_equal(EVP_MD_CTX_copy_ex(other, md), 1);
        assert_int_equal(EVP_DigestSignUpdate(other, "b", 1), 1);
        assert_int_equal(EVP_DigestSignFinal(md, signature[0], &n[0]), 1);
        assert_int_equal(EVP_DigestSignFinal(other, signature[1], &n[1]), 1);
        assert_string_equal(purpose_seen, "envelope");
        assert_int_equal(certificate_seen, 11);

        assert_int_equal(
            EVP_DigestVerifyInit_ex(verify, NULL, digest, NULL, NULL, keys[i].key, NULL), 1);
        assert_int_equal(EVP_DigestVerify(verify, signature[0], n[0], text, 100000), 1);
        assert_int_equal(EVP_MD_CTX_reset(verify), 1);
        assert_int_equal(
            EVP_DigestVerifyInit_ex(verify, NULL, digest, NULL, NULL, keys[i].key, NULL), 1);
        assert_int_not_equal(EVP_DigestVerify(verify, signature[1], n[1], text, 100000), 1);
        ERR_clear_error();
    }
}

static void test_unknown_forms(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(0, "certificate");
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *bare =
        EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    unsigned before = signatures;
    EVP_PKEY_CTX *pctx;

    /* A bare digest, an old digest, another padding or form of it: refused here already. */
    assert_true(EVP_PKEY_sign_init(bare) <= 0);
    assert_int_not_equal(EVP_DigestSignInit_ex(md, NULL, "SHA1", context, NULL, key, NULL), 1);
    assert_int_equal(EVP_MD_CTX_reset(md), 1);
    assert_int_equal(EVP_DigestSignInit_ex(md, &pctx, "SHA256", context, NULL, key, NULL), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_NO_PADDING) <= 0);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) <= 0);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_MAX) <= 0);
    assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha512()) <= 0);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_OAEP_PADDING) <= 0);
    assert_int_equal(signatures, before);
    ERR_clear_error();
}

/* As a TLS library does it; the public half of another library has to agree. */
static void test_pss(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(0, "tls-client");
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new(),
                                           *other = EVP_MD_CTX_new();
    uint8_t signature[1024];
    size_t size = sizeof signature;
    EVP_PKEY_CTX *pctx;
    char mode[16];

    assert_int_equal(EVP_DigestSignInit_ex(md, &pctx, "SHA384", context, NULL, key, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_get_params(
                         pctx, (OSSL_PARAM[]){OSSL_PARAM_construct_utf8_string(
                                                  OSSL_SIGNATURE_PARAM_PAD_MODE, mode, sizeof mode),
                                              OSSL_PARAM_construct_end()}),
                     1);
    assert_string_equal(mode, OSSL_PKEY_RSA_PAD_MODE_PSS);
    assert_int_equal(EVP_DigestSign(md, signature, &size, (const uint8_t *)"text", 4), 1);

    assert_int_equal(EVP_DigestVerifyInit_ex(verify, &pctx, "SHA384", context, NULL, key, NULL), 1);
    assert_int_not_equal(EVP_DigestVerify(verify, signature, size, (const uint8_t *)"text", 4), 1);
    assert_int_equal(EVP_MD_CTX_reset(verify), 1);
    assert_int_equal(EVP_DigestVerifyInit_ex(verify, &pctx, "SHA384", context, NULL, key, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_DigestVerify(verify, signature, size, (const uint8_t *)"text", 4), 1);
    assert_int_equal(EVP_DigestVerifyInit_ex(other, &pctx, "SHA384", NULL, NULL, keys[0].key, NULL),
                     1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
    assert_int_equal(EVP_DigestVerify(other, signature, size, (const uint8_t *)"text", 4), 1);
    ERR_clear_error();
}

static void test_cms(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = key_get(i, "certificate");
        _cleanup_(X509_freep) X509 *certificate = certificate_new(key, "SHA256");
        _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf("hello", 5), *out = BIO_new(BIO_s_mem());
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;

        cms = CMS_sign_ex(certificate, key, NULL, in, CMS_BINARY, context, NULL);
        assert_non_null(cms);
        assert_int_equal(CMS_verify(cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY), 1);
        ERR_clear_error();
    }
}

/* What a SCEP client does: its request signed with attributes by one pair, the reply opened with
 * the other. */
static void test_cms_attributes(void **state)
{
    _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf("hello", 5), *out = BIO_new(BIO_s_mem());
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(X509_freep) X509 *certificate = NULL;
    CMS_SignerInfo *signer;

    assert_int_equal(keyd_pair_new(context, "rsa", LABEL, "encryption", "scep", &key), 0);
    certificate = certificate_new(key, "SHA256");
    cms = CMS_sign_ex(NULL, NULL, NULL, in, CMS_BINARY | CMS_PARTIAL, context, NULL);
    signer = CMS_add1_signer(cms, certificate, key, EVP_sha256(),
                             CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL);
    assert_non_null(signer);
    assert_int_equal(CMS_signed_add1_attr_by_txt(signer, "2.16.840.1.113733.1.9.2",
                                                 V_ASN1_PRINTABLESTRING, "19", 2),
                     1);
    assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
    assert_string_equal(purpose_seen, "scep");
    assert_string_equal(pair_seen, "encryption");
    assert_int_equal(CMS_verify(cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY), 1);
    ERR_clear_error();
}

static CMS_ContentInfo *envelope_new(X509 *certificate)
{
    _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf("hello", 5);
    STACK_OF(X509) *recipients = sk_X509_new_null();
    CMS_ContentInfo *cms;

    assert_int_equal(sk_X509_push(recipients, certificate), 1);
    cms = CMS_encrypt(recipients, in, EVP_aes_128_cbc(), CMS_BINARY);
    sk_X509_free(recipients);
    assert_non_null(cms);
    return cms;
}

/* Under a wrong key the padding of the content is good by chance now and then: what comes out is
 * another thing. */
static bool decrypts(EVP_PKEY *key, X509 *certificate)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = envelope_new(certificate);
    _cleanup_(BIO_free_allp) BIO *out = BIO_new(BIO_s_mem());
    char text[16] = {0};

    return CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY) == 1 &&
           BIO_read(out, text, sizeof text) == 5 && memcmp(text, "hello", 5) == 0;
}

static void test_cms_decrypt(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *signer = key_get(0, "certificate"), *key = NULL,
                                       *large = NULL, *refused = NULL;
    _cleanup_(X509_freep) X509 *original = certificate_new(signer, "SHA256"),
                               *certificate = X509_dup(original); /* as others read it */

    assert_int_equal(keyd_unwrapper_new(context, LABEL, "envelope", 16, &refused), 0);
    assert_int_equal(keyd_unwrapper_new(context, LABEL, "scep-decrypt", 32, &large), 0);
    assert_int_equal(keyd_unwrapper_new(context, LABEL, "scep-decrypt", 16, &key), 0);
    assert_false(decrypts(signer, certificate));
    assert_false(decrypts(refused, certificate));
    assert_false(decrypts(large, certificate));
    assert_true(decrypts(key, certificate));
    assert_string_equal(pair_seen, "encryption");
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_key),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_private_half_stays),
        cmocka_unit_test(test_public_half),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_half_for_others),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_unknown_forms),
        cmocka_unit_test(test_pss),
        cmocka_unit_test(test_cms),
        cmocka_unit_test(test_cms_attributes),
        cmocka_unit_test(test_cms_decrypt),
    };

    return cmocka_run_group_tests_name("keyd-provider", tests, setup, teardown);
}
