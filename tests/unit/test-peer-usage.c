/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "openssl-util.h"
#include "peer-usage.h"

/* usages: as OpenSSL's configuration has them; NULL: without the extension. */
static X509 *certificate_with(const char *usages)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    assert_true(key && x && X509_set_version(x, X509_VERSION_3) == 1 &&
                X509_set_pubkey(x, key) == 1 && X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
                X509_gmtime_adj(X509_getm_notAfter(x), 60));
    if (usages) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, usages);

        assert_non_null(extension);
        assert_int_equal(X509_add_ext(x, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static void check(const char *usages, bool server, bool client)
{
    _cleanup_(X509_freep) X509 *x = certificate_with(usages);

    assert_int_equal(peer_usage_matches(PEER_USAGE_SERVER_AUTH, x), server);
    assert_int_equal(peer_usage_matches(PEER_USAGE_CLIENT_AUTH, x), client);
    assert_true(peer_usage_matches(PEER_USAGE_ANY, x));
}

/* The usage has to be named. */
static void test_matches(void **state)
{
    check(NULL, false, false);
    check("anyExtendedKeyUsage", false, false);
    check("codeSigning", false, false);
    check("clientAuth", false, true);
    check("serverAuth", true, false);
    check("OCSPSigning,serverAuth,clientAuth", true, true);
}

static void test_names(void **state)
{
    static const char *const wrong[] = {"", "server", "server-auth ", "any"};
    PeerUsage usage = PEER_USAGE_ANY;

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
        assert_int_equal(peer_usage_from_name(wrong[i], &usage), -EINVAL);
    assert_int_equal(usage, PEER_USAGE_ANY);
    assert_null(peer_usage_name(PEER_USAGE_ANY));
    for (PeerUsage i = PEER_USAGE_ANY + 1; i < _PEER_USAGE_MAX; i++) {
        assert_int_equal(peer_usage_from_name(peer_usage_name(i), &usage), 0);
        assert_int_equal(usage, i);
        assert_non_null(peer_usage_reason(i));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
