/* SPDX-License-Identifier: Apache-2.0 */
/* What keyd signs of a CMP client: requests for its own key or for the one that is to take its
 * place, and what a client says on the way to its certificate. */
#include "typed-sign-fixture.h"

#include <openssl/x509v3.h>

#include "cmp-input.h"

/* --- DER, made by hand ------------------------------------------------------------------------ */

typedef struct Text {
    uint8_t data[2048];
    size_t size;
} Text;

#define BYTES(s) ((Text){s, sizeof(s) - 1})

static Text element(uint8_t tag, Text content)
{
    Text t = {.size = 0};

    t.data[t.size++] = tag;
    if (content.size >= 256)
        t.data[t.size++] = 0x82, t.data[t.size++] = (uint8_t)(content.size >> 8);
    else if (content.size >= 128)
        t.data[t.size++] = 0x81;
    t.data[t.size++] = (uint8_t)content.size;
    assert_true(t.size + content.size <= sizeof(t.data));
    memcpy(t.data + t.size, content.data, content.size);
    t.size += content.size;
    return t;
}

static Text join(size_t n, const Text *parts)
{
    Text t = {.size = 0};

    for (size_t i = 0; i < n; i++) {
        assert_true(t.size + parts[i].size <= sizeof(t.data));
        memcpy(t.data + t.size, parts[i].data, parts[i].size);
        t.size += parts[i].size;
    }
    return t;
}
#define JOIN(...) join(sizeof((Text[]){__VA_ARGS__}) / sizeof(Text), (Text[]){__VA_ARGS__})
#define SEQUENCE(...) element(DER_SEQUENCE, JOIN(__VA_ARGS__))
#define TAGGED(n, ...) element(DER_CONTEXT_CONSTRUCTED(n), JOIN(__VA_ARGS__))

#define NOTHING ((Text){.size = 0})
#define ZERO BYTES("\x02\x01\x00")
#define TWO BYTES("\x02\x01\x02")
#define NAME BYTES("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02\x72\x31")
#define NONCE                                                                                      \
    BYTES("\x04\x10"                                                                               \
          "0123456789abcdef")
#define ECDSA_SHA256 BYTES("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define ECDSA_SHA384 BYTES("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")
#define KEY_USAGE BYTES("\x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x07\x80")
#define COMMENT BYTES("\x30\x10\x06\x09\x60\x86\x48\x01\x86\xf8\x42\x01\x0d\x04\x03\x16\x01\x78")
#define OLD_CERT_ID BYTES("\x06\x09\x2b\x06\x01\x05\x05\x07\x05\x01\x05")
#define REG_TOKEN BYTES("\x06\x09\x2b\x06\x01\x05\x05\x07\x05\x01\x01")
/* id-regCtrl-oldCertID with issuer and serial number */
#define CONTROLS SEQUENCE(SEQUENCE(OLD_CERT_ID, SEQUENCE(TAGGED(4, NAME), TWO)))

/* The content of the key's SubjectPublicKeyInfo, as [6] of a template. */
static Text public_key(const Key *key)
{
    DerSpan own;
    Text t = {.size = 0};

    assert_true(
        der_read_only((DerSpan){key->public_key, key->public_key_size}, DER_SEQUENCE, &own) >= 0);
    assert_true(own.size <= sizeof(t.data));
    memcpy(t.data, own.data, own.size);
    t.size = own.size;
    return element(DER_CONTEXT_CONSTRUCTED(6), t);
}

static Text template_of(const Key *key)
{
    return SEQUENCE(TAGGED(5, NAME), public_key(key), TAGGED(9, KEY_USAGE));
}

static Text request_of(const Key *key)
{
    return SEQUENCE(ZERO, template_of(key));
}

static Text header_with(Text protection)
{
    return SEQUENCE(TWO, TAGGED(4, NAME), TAGGED(4, NAME), protection, TAGGED(4, NONCE),
                    TAGGED(5, NONCE));
}

static Text header(void)
{
    return header_with(TAGGED(1, ECDSA_SHA256));
}

/* body: 0 ir, 2 cr, 7 kur */
static Text message_of(const Key *key, uint8_t body)
{
    return SEQUENCE(header(), TAGGED(body, SEQUENCE(SEQUENCE(request_of(key)))));
}

/* --- Who signs what --------------------------------------------------------------------------- */

static int sign_cmp(Fixture *f, Key *key, Text input, const char **ret_reason)
{
    return sign_full(f, key, PURPOSE_CMP, digest_for(key), input.data, input.size, NULL,
                     ret_reason);
}

static void assert_refused(Fixture *f, Text input, int error, const char *words)
{
    const char *reason = NULL;

    assert_int_equal(sign_cmp(f, f->leaf, input, &reason), error);
    assert_string_equal(reason, words);
}

static const char not_own[] = "the public key is not that of the key";

static void test_other_keys(void **state)
{
    static const uint8_t bodies[] = {0, 2, 7};
    Fixture *f = *state;

    assert_refused(f, request_of(f->other), -EPERM, not_own);
    for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
        assert_refused(f, message_of(f->other, bodies[i]), -EPERM, not_own);
        assert_int_equal(sign_cmp(f, f->leaf, message_of(f->leaf, bodies[i]), NULL), 0);
    }
    /* No trustpoint has it as its keypair. */
    assert_int_equal(sign_cmp(f, f->root, request_of(f->root), NULL), -EPERM);
    assert_int_equal(sign_cmp(f, f->leaf, request_of(f->leaf), NULL), 0);
}

/* The key in use protects what asks for a certificate for the next; that it is there, the next
 * proves itself. */
static void test_successor(void **state)
{
    Fixture *f = *state;
    _cleanup_(key_unrefp) Key *next = NULL;
    EVP_PKEY *pkey = NULL;
    Key *fresh = NULL;

    assert_int_equal(key_generate(f->leaf->algorithm, 0, NULL, NULL, &pkey), 0);
    assert_int_equal(key_new(f->leaf->algorithm, "leaf", KEY_USAGE_GENERAL, 0, pkey, &fresh), 0);
    assert_refused(f, message_of(fresh, 7), -EPERM, not_own);
    assert_int_equal(key_move(fresh, KEY_NEXT, &next), 0);
    assert_true(store_publish(f->store, next) >= 0);
    assert_refused(f, request_of(fresh), -EPERM, not_own);
    assert_refused(f, message_of(f->other, 7), -EPERM, not_own);
    assert_int_equal(sign_cmp(f, f->leaf, message_of(fresh, 7), NULL), 0);
    store_forget_slot(f->store, f->leaf->algorithm, "leaf", KEY_NEXT);
    assert_refused(f, message_of(fresh, 7), -EPERM, not_own);
    key_unref(fresh);
}

static void test_protection(void **state)
{
    static const char algorithm[] = "the protection algorithm is not that of the key and digest";
    static const char missing[] = "protectionAlg, transactionID or senderNonce is missing";
    Fixture *f = *state;
    Text body = TAGGED(25, SEQUENCE(SEQUENCE(ZERO)));

    assert_refused(f, SEQUENCE(header_with(NOTHING), body), -EBADMSG, missing);
    assert_refused(f, SEQUENCE(header_with(TAGGED(1, ECDSA_SHA384)), body), -EBADMSG, algorithm);
    assert_int_equal(sign_cmp(f, f->leaf, SEQUENCE(header(), body), NULL), 0);
}

/* --- What it has to look like ----------------------------------------------------------------- */

static void test_requests_refused(void **state)
{
    static const char not_client[] = "the template has a part that is not for a client";
    static const char malformed[] = "the template is malformed";
    Fixture *f = *state;
    Text key = public_key(f->leaf), template = template_of(f->leaf);

    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(TAGGED(5, NAME))), -EBADMSG,
                   "the template has no public key");
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(key, TAGGED(5, NAME))), -EBADMSG, malformed);
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(key, key)), -EBADMSG, malformed);
    /* version, serialNumber, issuerUID */
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(BYTES("\x80\x01\x02"), key)), -EBADMSG, not_client);
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(BYTES("\x81\x01\x02"), key)), -EBADMSG, not_client);
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(key, TAGGED(7, NAME))), -EBADMSG, not_client);
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(TAGGED(5, NAME, NAME), key)), -EBADMSG,
                   "a name of the template is malformed");
    assert_refused(f, SEQUENCE(ZERO, SEQUENCE(key, TAGGED(9, COMMENT))), -EBADMSG,
                   "there is an extension that is not known here");
    assert_refused(f, SEQUENCE(ZERO, template, SEQUENCE(SEQUENCE(REG_TOKEN, SEQUENCE(ZERO)))),
                   -EBADMSG, "there is a control other than the certificate to be renewed");
    assert_refused(f, SEQUENCE(ZERO, template, CONTROLS, ZERO), -EBADMSG,
                   "the CertRequest is malformed");
    assert_int_equal(sign_cmp(f, f->leaf, SEQUENCE(ZERO, template, CONTROLS), NULL), 0);
    assert_int_equal(sign_cmp(f, f->leaf, SEQUENCE(ZERO, SEQUENCE(key)), NULL), 0);
}

static void test_headers_refused(void **state)
{
    static const char nonces[] = "the transactionID or a nonce is malformed";
    static const char malformed[] = "the header is malformed";
    Fixture *f = *state;
    Text body = TAGGED(24, SEQUENCE(ZERO)), to = TAGGED(4, NAME), id = TAGGED(4, NONCE),
         nonce = TAGGED(5, NONCE), algorithm = TAGGED(1, ECDSA_SHA256),
         small = TAGGED(4, BYTES("\x04\x01x"));

    assert_refused(f, SEQUENCE(SEQUENCE(ZERO, to, to, algorithm, id, nonce), body), -EBADMSG,
                   "the header is not of CMP version 2 or 3");
    assert_refused(f, SEQUENCE(SEQUENCE(TWO, to, algorithm, id, nonce), body), -EBADMSG,
                   "sender or recipient is no directory name");
    assert_refused(f, SEQUENCE(SEQUENCE(TWO, to, to, algorithm, nonce), body), -EBADMSG,
                   "protectionAlg, transactionID or senderNonce is missing");
    assert_refused(f, SEQUENCE(SEQUENCE(TWO, to, to, algorithm, id), body), -EBADMSG,
                   "protectionAlg, transactionID or senderNonce is missing");
    assert_refused(f, SEQUENCE(SEQUENCE(TWO, to, to, algorithm, small, nonce), body), -EBADMSG,
                   nonces);
    assert_refused(f, SEQUENCE(SEQUENCE(TWO, to, to, id, algorithm, nonce), body), -EBADMSG,
                   malformed);
    assert_refused(f, SEQUENCE(SEQUENCE(TWO, to, to, algorithm, id, nonce, TAGGED(9, ZERO)), body),
                   -EBADMSG, malformed);
    assert_int_equal(
        sign_cmp(f, f->leaf, SEQUENCE(SEQUENCE(TWO, to, to, algorithm, id, nonce), body), NULL), 0);
}

/* Answers, revocations, announcements, messages in messages: none of them is a client's that
 * enrols. */
static void test_bodies(void **state)
{
    static const uint8_t said[] = {23, 24, 25};
    static const char not_client[] = "it is no message of a client that enrols";
    Fixture *f = *state;
    Text request = SEQUENCE(request_of(f->leaf));

    for (uint8_t n = 0; n <= 27; n++)
        if (n != 0 && n != 2 && n != 7 && (n < 23 || n > 25))
            assert_refused(f, SEQUENCE(header(), TAGGED(n, SEQUENCE(request))), -EBADMSG,
                           not_client);
    assert_refused(f, SEQUENCE(header()), -EBADMSG, "the message has no body");
    assert_refused(f, SEQUENCE(header(), TAGGED(0, SEQUENCE(request, request))), -EBADMSG,
                   "the message has not exactly one request");
    assert_refused(f, SEQUENCE(header(), TAGGED(0, SEQUENCE(request)), TAGGED(1, NAME)), -EBADMSG,
                   "the message has no body");
    for (size_t i = 0; i < ELEMENTSOF(said); i++)
        assert_int_equal(
            sign_cmp(f, f->leaf, SEQUENCE(header(), TAGGED(said[i], SEQUENCE(ZERO))), NULL), 0);
}

static void test_damaged(void **state)
{
    Fixture *f = *state;
    const Text inputs[] = {request_of(f->leaf), message_of(f->leaf, 7)};

    for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
        Text t = inputs[i];

        for (t.size = 0; t.size < inputs[i].size; t.size++)
            assert_int_equal(sign_cmp(f, f->leaf, t, NULL), -EBADMSG);
        t.data[t.size++] = 0;
        assert_int_equal(sign_cmp(f, f->leaf, t, NULL), -EBADMSG);
        assert_int_equal(sign_cmp(f, f->leaf, inputs[i], NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_keys),      cmocka_unit_test(test_successor),
        cmocka_unit_test(test_protection),      cmocka_unit_test(test_requests_refused),
        cmocka_unit_test(test_headers_refused), cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_damaged),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, setup, teardown);
}
