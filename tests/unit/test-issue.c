/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that the daemon makes, made by the same code with keys in memory, and judged by
 * OpenSSL's library and program. */
#include "test-common.h"

#include <openssl/pem.h>
#include <spawn.h>
#include <sys/wait.h>

#include "issue.h"
#include "time-render.h"
#include "x509-render.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1571576846) /* 13:07:26 UTC Sun Oct 20 2019 */

static EVP_PKEY *keys[3][2]; /* rsa, ec, ed25519; root and router */
static OSSL_LIB_CTX *context;

static int setup(void **state)
{
    context = OSSL_LIB_CTX_new();
    for (size_t i = 0; i < 2; i++) {
        keys[0][i] = EVP_PKEY_Q_keygen(context, NULL, "RSA", (size_t)2048);
        keys[1][i] = EVP_PKEY_Q_keygen(context, NULL, "EC", "P-384");
        keys[2][i] = EVP_PKEY_Q_keygen(context, NULL, "ED25519");
    }
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        EVP_PKEY_free(keys[i][0]);
        EVP_PKEY_free(keys[i][1]);
    }
    OSSL_LIB_CTX_free(context);
    return 0;
}

static X509_NAME *name_new(const char *configured, const char *address, const char *serial_number)
{
    const IssueSubject subject = {configured, "ios.cisco.com", address, serial_number};
    const char *reason = NULL;
    X509_NAME *name;

    assert_int_equal(issue_subject_build(&subject, &name, &reason), 0);
    return name;
}

static int issue(size_t kind, X509 *issuer, const X509_NAME *name, int64_t from, int64_t to,
                 X509 **ret)
{
    _cleanup_free_ void *der = NULL;
    size_t size;
    const Issue issue = {
        .context = context,
        .subject = name,
        .subject_key = keys[kind][issuer != NULL],
        .issuer = issuer,
        .issuer_key = keys[kind][0],
        .digest = "sha384",
        .serial = issuer ? "4BCDEF0123456789AC" : "4BCDEF0123456789AB",
        .not_before = from,
        .not_after = to,
        .key_usage = issuer ? KU_DIGITAL_SIGNATURE | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT
                            : KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN,
    };
    int r;

    if (issuer) {
        r = issue_prove(&issue);
        if (r < 0)
            return r;
    }
    r = issue_certificate(&issue, &der, &size);
    return r < 0 ? r : certificate_parse(der, size, ret);
}

static void chain_new(size_t kind, int64_t from, X509 **ret_root, X509 **ret_router)
{
    _cleanup_(X509_NAME_freep) X509_NAME *root =
        name_new("CN=lab1-ca,C=US,OU=ASR", NULL, "c44a11fc");
    _cleanup_(X509_NAME_freep) X509_NAME *router =
        name_new("CN=lab1-ads,C=US,OU=ASR", "10.1.1.1", "c44a11fc");

    assert_int_equal(issue(kind, NULL, root, from, from + 367 * DAY, ret_root), 0);
    assert_int_equal(issue(kind, *ret_root, router, from, from + 300 * DAY, ret_router), 0);
}

static void test_names_and_times(void **state)
{
    _cleanup_(X509_freep) X509 *root = NULL, *router = NULL;
    CertificateSummary s;
    char text[TIME_TEXT_SIZE];

    chain_new(0, NOW, &root, &router);
    assert_int_equal(certificate_summarize(root, &s), 0);
    assert_string_equal(
        s.subject, "serialNumber=c44a11fc,unstructuredName=ios.cisco.com,OU=ASR,C=US,CN=lab1-ca");
    assert_string_equal(s.issuer, s.subject);
    assert_string_equal(s.serial_number, "4B:CD:EF:01:23:45:67:89:AB");
    assert_string_equal(time_render(s.not_before, text), "13:07:26 UTC Sun Oct 20 2019");
    assert_string_equal(time_render(s.not_after, text), "13:07:26 UTC Wed Oct 21 2020");
    certificate_summary_done(&s);
    assert_int_equal(certificate_summarize(router, &s), 0);
    assert_string_equal(s.subject, "serialNumber=c44a11fc,unstructuredAddress=10.1.1.1,"
                                   "unstructuredName=ios.cisco.com,OU=ASR,C=US,CN=lab1-ads");
    assert_string_equal(
        s.issuer, "serialNumber=c44a11fc,unstructuredName=ios.cisco.com,OU=ASR,C=US,CN=lab1-ca");
    assert_string_equal(time_render(s.not_after, text), "13:07:26 UTC Sat Aug 15 2020");
    certificate_summary_done(&s);
}

static void test_profile(void **state)
{
    static const int signatures[] = {NID_sha384WithRSAEncryption, NID_ecdsa_with_SHA384,
                                     NID_ED25519};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(X509_freep) X509 *root = NULL, *router = NULL;
        static const int nids[] = {NID_basic_constraints, NID_key_usage, NID_subject_key_identifier,
                                   NID_authority_key_identifier};

        chain_new(i, NOW, &root, &router);
        assert_int_equal(X509_get_version(root), X509_VERSION_3);
        assert_int_equal(X509_get_signature_nid(router), signatures[i]);
        assert_int_equal(X509_check_ca(root), 1);
        assert_int_equal(X509_get_pathlen(root), 0);
        assert_int_equal(X509_check_ca(router), 0);
        assert_int_equal(X509_get_key_usage(root),
                         KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        assert_int_equal(X509_get_key_usage(router),
                         KU_DIGITAL_SIGNATURE | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT);
        for (size_t k = 0; k < ELEMENTSOF(nids); k++) {
            int at = X509_get_ext_by_NID(router, nids[k], -1);

            assert_true(at >= 0);
            assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(router, at)), k < 2);
        }
        assert_int_equal(X509_get_ext_count(root), 4);
        assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(router),
                                               X509_get0_subject_key_id(root)),
                         0);
        assert_int_equal(
            ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(root), X509_get0_subject_key_id(root)),
            0);
        assert_int_equal(X509_verify(router, keys[i][0]), 1);
        assert_int_not_equal(X509_verify(router, keys[i][1]), 1);
        ERR_clear_error();
    }
}

/* F26: no built-in end. UTCTime to 2049, GeneralizedTime after. */
static void test_dates(void **state)
{
    static const struct {
        int64_t from;
        int before, after; /* types of the root's times */
    } cases[] = {
        {2493072000, V_ASN1_UTCTIME, V_ASN1_GENERALIZEDTIME},         /* 2049-01-01 */
        {2524607999, V_ASN1_UTCTIME, V_ASN1_GENERALIZEDTIME},         /* 2049-12-31 23:59:59 */
        {2524608000, V_ASN1_GENERALIZEDTIME, V_ASN1_GENERALIZEDTIME}, /* 2050-01-01 00:00:00 */
        {4070908800, V_ASN1_GENERALIZEDTIME, V_ASN1_GENERALIZEDTIME}, /* 2099-01-01 */
        {0, V_ASN1_UTCTIME, V_ASN1_UTCTIME},                          /* a clock that has lost it */
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(X509_freep) X509 *root = NULL, *router = NULL;
        CertificateSummary s;

        chain_new(1, cases[i].from, &root, &router);
        assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(root)), cases[i].before);
        assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(root)), cases[i].after);
        assert_int_equal(certificate_summarize(root, &s), 0);
        assert_int_equal(s.not_before, cases[i].from);
        assert_int_equal(s.not_after, cases[i].from + 367 * DAY);
        certificate_summary_done(&s);
    }
}

static void test_refused(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = name_new("CN=a", NULL, NULL), *other = NULL;
    const IssueSubject too_long = {
        "CN=a", NULL, NULL,
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    _cleanup_(X509_freep) X509 *root = NULL, *router = NULL, *foreign = NULL;
    const char *reason = NULL;

    assert_int_equal(issue(1, NULL, name, 253402300799, 253402300800, &root), -ERANGE);
    assert_int_equal(issue(1, NULL, name, -1, 5, &root), -ERANGE);
    assert_int_equal(issue_subject_build(&too_long, &other, &reason), -EINVAL);
    assert_non_null(reason);
    /* A root that has another key than the one that signs: noticed before anybody gets the
     * certificate. */
    assert_int_equal(issue(0, NULL, name, NOW, NOW + DAY, &foreign), 0);
    assert_int_equal(issue(1, foreign, name, NOW, NOW + DAY, &router), -EKEYREJECTED);
    assert_null(router);
}

static void write_pem(const char *path, X509 *certificate)
{
    _cleanup_fclose_ FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, certificate), 1);
}

/* The exit status of the openssl program; its output is nobody's business. */
static int openssl(char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    int status = -1;
    pid_t pid;

    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    for (int fd = 0; fd < 3; fd++)
        assert_int_equal(posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0), 0);
    if (posix_spawnp(&pid, "openssl", &actions, NULL, arguments, environ) == 0 &&
        waitpid(pid, &status, 0) == pid)
        status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    (void)posix_spawn_file_actions_destroy(&actions);
    return status;
}

#define ARGUMENT(s) ((char *)(uintptr_t)(s))

static int openssl_verify(const char *root, const char *router)
{
    static const char *const options[] = {"openssl",       "verify",         "-x509_strict",
                                          "-check_ss_sig", "-no_check_time", "-no-CApath",
                                          "-no-CAstore",   "-CAfile"};
    char *arguments[ELEMENTSOF(options) + 3];

    for (size_t i = 0; i < ELEMENTSOF(options); i++)
        arguments[i] = ARGUMENT(options[i]);
    arguments[ELEMENTSOF(options)] = ARGUMENT(root);
    arguments[ELEMENTSOF(options) + 1] = ARGUMENT(router);
    arguments[ELEMENTSOF(options) + 2] = NULL;
    return openssl(arguments);
}

static void test_openssl_program(void **state)
{
    _cleanup_free_ char *root_file = NULL, *router_file = NULL, *stranger_file = NULL;
    char path[32];
    int fd;

    if (openssl((char *const[]){ARGUMENT("openssl"), ARGUMENT("version"), NULL}) != 0)
        skip();
    fd = scratch_open(path);
    assert_true(asprintf(&root_file, "%s/root.pem", path) > 0 &&
                asprintf(&router_file, "%s/router.pem", path) > 0 &&
                asprintf(&stranger_file, "%s/stranger.pem", path) > 0);
    for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
        _cleanup_(X509_freep) X509 *root = NULL, *router = NULL, *stranger = NULL,
                                   *of_stranger = NULL;

        chain_new(i, NOW, &root, &router);
        chain_new((i + 1) % ELEMENTSOF(keys), NOW, &stranger, &of_stranger);
        write_pem(root_file, root);
        write_pem(router_file, router);
        write_pem(stranger_file, stranger);
        assert_int_not_equal(openssl_verify(stranger_file, router_file), 0);
        assert_int_equal(openssl_verify(root_file, router_file), 0);
        assert_int_equal(openssl_verify(root_file, root_file), 0);
    }
    scratch_remove(fd, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_times), cmocka_unit_test(test_profile),
        cmocka_unit_test(test_dates),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_openssl_program),
    };

    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests_name("issue", tests, setup, teardown);
}
