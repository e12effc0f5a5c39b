/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent-message.h"
#include "cleanup.h"
#include "openssl-util.h"
#include "ssh-wire.h"

static void test_requests(void **state)
{
    static const uint8_t sign[] = {
        AGENT_SIGN_REQUEST, 0, 0, 0, 2, 'k', 'e', 0, 0, 0, 3, 'd', 'a', 't', 0, 0, 0, 4};
    AgentRequest request;

    for (size_t n = 0; n < sizeof sign; n++)
        assert_int_equal(agent_request_parse((DerSpan){sign, n}, &request), -EBADMSG);
    assert_int_equal(agent_request_parse((DerSpan){sign, sizeof sign}, &request), 0);
    assert_true(der_equal(request.key, "ke", 2));
    assert_true(der_equal(request.data, "dat", 3));
    assert_int_equal(request.flags, 4);
    assert_int_equal(agent_request_parse((DerSpan){(const uint8_t[]){11}, 1}, &request), 0);
    assert_int_equal(request.type, AGENT_REQUEST_IDENTITIES);
    assert_int_equal(agent_request_parse((DerSpan){(const uint8_t[]){11, 0}, 2}, &request),
                     -EBADMSG);
    assert_int_equal(agent_request_parse((DerSpan){(const uint8_t[]){17, 0}, 2}, &request), 0);
    assert_int_equal(request.type, 17); /* to be refused */
}

static void test_digests(void **state)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384"),
                                       *k1 = EVP_EC_gen("secp256k1"),
                                       *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                                       *x = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

    assert_null(agent_digest(rsa, 0)); /* SHA-1 */
    assert_string_equal(agent_digest(rsa, 2), "sha256");
    assert_string_equal(agent_digest(rsa, 6), "sha512");
    assert_string_equal(agent_digest(p384, 0), "sha384");
    assert_string_equal(agent_digest(ed, 0), "");
    assert_null(agent_digest(x, 0));
    assert_true(k1 != NULL);
}

/* Its length, the type, and inside of one string the name and the signature. */
static void assert_response(const EVP_PKEY *key, const char *digest, DerSpan signature,
                            const char *name, DerSpan expected)
{
    _cleanup_free_ uint8_t *answer = NULL;
    DerSpan all, inner, part;
    size_t size;

    assert_int_equal(agent_sign_response(key, digest, signature, &answer, &size), 0);
    all = (DerSpan){answer, size};
    assert_int_equal(ssh_take_string(&all, &inner), 0);
    assert_int_equal(all.size, 0);
    assert_int_equal(inner.data[0], AGENT_SIGN_RESPONSE);
    inner = (DerSpan){inner.data + 1, inner.size - 1};
    assert_int_equal(ssh_take_string(&inner, &part), 0);
    assert_int_equal(inner.size, 0);
    inner = part;
    assert_int_equal(ssh_take_string(&inner, &part), 0);
    assert_true(der_is(part, name));
    assert_int_equal(ssh_take_string(&inner, &part), 0);
    assert_int_equal(inner.size, 0);
    assert_true(der_equal(part, expected.data, expected.size));
}

static void test_responses(void **state)
{
    /* 128, which needs a zero before it, and 1. */
    static const uint8_t der[] = {0x30, 7, 2, 2, 0, 0x80, 2, 1, 1},
                         numbers[] = {0, 0, 0, 2, 0, 0x80, 0, 0, 0, 1, 1};
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_RSA_gen(1024), *p256 = EVP_EC_gen("P-256"),
                                       *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    uint8_t *answer = NULL;
    size_t size;

    for (size_t n = 0; n < sizeof der; n++)
        assert_int_equal(agent_sign_response(p256, "sha256", (DerSpan){der, n}, &answer, &size),
                         -EBADMSG);
    assert_int_equal(agent_sign_response(ed, "", (DerSpan){der, 0}, &answer, &size), -EBADMSG);
    assert_response(p256, "sha256", (DerSpan){der, sizeof der}, "ecdsa-sha2-nistp256",
                    (DerSpan){numbers, sizeof numbers});
    assert_response(rsa, "sha512", (DerSpan){der, 5}, "rsa-sha2-512", (DerSpan){der, 5});
    assert_response(ed, "", (DerSpan){der, 9}, "ssh-ed25519", (DerSpan){der, 9});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_responses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
