/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "json-util.h"
#include "render-certificate.h"
#include "render-commit.h"
#include "render-fields.h"
#include "render-key.h"
#include "render-log.h"
#include "render-pool.h"

static char *output;
static size_t output_size;

static FILE *begin(void)
{
    FILE *f = open_memstream(&output, &output_size);

    assert_non_null(f);
    return f;
}

static void expect(FILE *f, const char *expected)
{
    assert_int_equal(fclose(f), 0);
    assert_string_equal(output, expected);
    free(output);
}

static const CertificateView root = {
    .trustpoint = "system-trustpoint",
    .role = "ca",
    .key_usage = "",
    .status = "Available",
    .serial_number = "10:B5",
    .subject = "serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com",
    .issuer = "serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com",
    .sha1_fingerprint = "9400A30816805219FAAA5B9C86C214E6F34CEF7B",
    .sha256_fingerprint = "",
    .not_before = 1582288217,
    .not_after = 1613824217,
};

static const CertificateView leaf = {
    .trustpoint = "system-trustpoint",
    .role = "router",
    .key_usage = "General Purpose",
    .status = "Available",
    .serial_number = "10:B6",
    .subject = "serialNumber=7b20faa4,unstructuredAddress=10.1.1.1,unstructuredName=test-secl."
               "cisco.com,CN=Anetwork,OU=IT",
    .issuer = "serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com",
    .sha1_fingerprint = "21ACDD5EB6E6F4103E02C1BAB107AD86DDCDD1F3",
    .sha256_fingerprint = "",
    .not_before = 1582288231,
    .not_after = 1613824231,
};

static void test_hex(void **state)
{
    uint8_t data[70];
    FILE *f = begin();

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 3);
    render_hex(f, data, sizeof(data));
    expect(f, "00030609 0C0F1215 181B1E21 24272A2D 30333639 3C3F4245 484B4E51 54575A5D\n"
              "60636669 6C6F7275 787B7E81 84878A8D 90939699 9C9FA2A5 A8ABAEB1 B4B7BABD\n"
              "C0C3C6C9 CCCF\n");
    f = begin();
    render_hex(f, data, 32);
    expect(f, "00030609 0C0F1215 181B1E21 24272A2D 30333639 3C3F4245 484B4E51 54575A5D\n");
    f = begin();
    render_hex(f, data, 0);
    expect(f, "");
}

static void test_key(void **state)
{
    static const uint8_t data[] = {0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
                                   0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03,
                                   0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82,
                                   0x01, 0x01, 0x00, 0xa9, 0x3d, 0xe0, 0x00, 0x01};
    KeyView key = {"system-root-key",          "rsa", "general",   2048,
                   UINT64_C(1580931790000000), data,  sizeof(data)};
    FILE *f = begin();

    render_key(f, &key);
    expect(f, "Key label: system-root-key\n"
              "Type      : RSA General purpose\n"
              "Size      : 2048\n"
              "Created   : 19:43:10 UTC Wed Feb 05 2020\n"
              "Data      :\n"
              "30820122 300D0609 2A864886 F70D0101 01050003 82010F00 3082010A 02820101\n"
              "00A93DE0 0001\n");
    key = (KeyView){"e", "ecdsanistp384", "general", 384, 0, data, 3};
    f = begin();
    render_key(f, &key);
    expect(f, "Key label: e\nType      : ECDSA General Curve Nistp384\nSize      : 384\n"
              "Created   : 00:00:00 UTC Thu Jan 01 1970\nData      :\n308201\n");
    key.algorithm = "ed25519";
    f = begin();
    render_key(f, &key);
    expect(f, "Key label: e\nType      : ED25519\nSize      : 384\n"
              "Created   : 00:00:00 UTC Thu Jan 01 1970\nData      :\n308201\n");
}

static void test_certificates(void **state)
{
    FILE *f = begin();

    render_trustpoint_head(f, "system-trustpoint");
    render_certificate(f, &root);
    render_certificate(f, &leaf);
    render_trustpoint_foot(f, "system-trustpoint");
    expect(f, "Trustpoint : system-trustpoint\n"
              "=====\n"
              "CA certificate\n"
              "Serial Number   : 10:B5\n"
              "Subject:\n"
              "    serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com\n"
              "Issued By      :\n"
              "    serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com\n"
              "Validity Start : 12:30:17 UTC Fri Feb 21 2020\n"
              "Validity End   : 12:30:17 UTC Sat Feb 20 2021\n"
              "SHA1 Fingerprint:\n"
              "    9400A30816805219FAAA5B9C86C214E6F34CEF7B\n"
              "Router certificate\n"
              "Key usage      : General Purpose\n"
              "Status         : Available\n"
              "Serial Number  : 10:B6\n"
              "Subject:\n"
              "    "
              "serialNumber=7b20faa4,unstructuredAddress=10.1.1.1,unstructuredName=test-secl.cisco."
              "com,CN=Anetwork,OU=IT\n"
              "Issued By      :\n"
              "    serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com\n"
              "Validity Start : 12:30:31 UTC Fri Feb 21 2020\n"
              "Validity End   : 12:30:31 UTC Sat Feb 20 2021\n"
              "SHA1 Fingerprint:\n"
              "    21ACDD5EB6E6F4103E02C1BAB107AD86DDCDD1F3\n"
              "Associated Trustpoint: system-trustpoint\n");
}

static void test_new_certificate(void **state)
{
    FILE *f = begin();

    render_new_certificate(f, &root);
    expect(f, "Serial Number : 10:B5\n"
              "Subject:\n"
              "serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com\n"
              "Issued By :\n"
              "serialNumber=7b20faa4,unstructuredName=test-secl.cisco.com\n"
              "Validity Start : 12:30:17 UTC Fri Feb 21 2020\n"
              "Validity End : 12:30:17 UTC Sat Feb 20 2021\n"
              "SHA1 Fingerprint:\n"
              "9400A30816805219FAAA5B9C86C214E6F34CEF7B\n");
}

static void test_trustpool(void **state)
{
    static const char json[] =
        "{\"source\": \"built-in\", \"serial-number\": \"5F:F8:7B\", \"subject\": \"CN=Cisco Root "
        "CA 2048,O=Cisco Systems\","
        "\"issuer\": \"CN=Cisco Root CA 2048,O=Cisco Systems\", \"not-before\": 1084565832, "
        "\"not-after\": 1873484742,"
        "\"sha1-fingerprint\": \"DE990CED99E0431F60EDC3937E7CD5BF0ED9E5FA\"}";
    _cleanup_json_ json_object *o = NULL;
    FILE *f = begin();

    assert_int_equal(json_parse(json, STRLEN(json), &o), 0);
    render_pool_certificate(f, o, false);
    expect(f, "Trustpool: Built-In\n"
              "CA certificate\n"
              "Serial Number : 5F:F8:7B\n"
              "Subject:\n"
              "    CN=Cisco Root CA 2048,O=Cisco Systems\n"
              "Issued By :\n"
              "    CN=Cisco Root CA 2048,O=Cisco Systems\n"
              "Validity Start : 20:17:12 UTC Fri May 14 2004\n"
              "Validity End : 20:25:42 UTC Mon May 14 2029\n"
              "SHA1 Fingerprint:\n"
              "    DE990CED99E0431F60EDC3937E7CD5BF0ED9E5FA\n");
    json_object_object_add(o, "source", json_object_new_string("downloaded"));
    f = begin();
    render_pool_certificate(f, o, false);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(strncmp(output, "Trustpool: Downloaded\n", 22), 0);
    free(output);
    json_object_object_add(o, "state", json_object_new_string("superseded"));
    json_object_object_add(o, "sha256-fingerprint", json_object_new_string("1234"));
    json_object_object_add(o, "security-bits", json_object_new_int64(112));
    f = begin();
    render_pool_certificate(f, o, true);
    assert_int_equal(fclose(f), 0);
    assert_non_null(
        strstr(output, "\nStatus : Inactive, a downloaded certificate has the same subject\n"));
    assert_non_null(strstr(output, "\nSHA256 Fingerprint:\n    1234\nKey Strength : 112 bits\n"));
    free(output);
}

/* Fingerprints are in capitals, wherever somebody compares them. */
static void test_crl(void **state)
{
    static const char json[] =
        "{\"issuer\": \"CN=ca\", \"this-update\": 1084565832, \"next-update\": 1873484742,"
        "\"url\": \"http://ca/a.crl\", \"number\": \"2A\", \"delta\": false, \"entries\": 3,"
        "\"size\": 384, \"fetched\": 1084565833, \"sha256-fingerprint\": \"00ff9a\"}";
    _cleanup_json_ json_object *o = NULL;
    FILE *f = begin();

    assert_int_equal(json_parse(json, STRLEN(json), &o), 0);
    render_crl(f, o, true);
    expect(f, "CRL Entry\n"
              "=====\n"
              "Issuer : CN=ca\n"
              "Last Update : [UTC] Fri May 14 20:17:12 2004\n"
              "Next Update : [UTC] Mon May 14 20:25:42 2029\n"
              "CRL Distribution Point :\n"
              "    http://ca/a.crl\n"
              "CRL Number : 2A\n"
              "Kind : complete\n"
              "Entries : 3\n"
              "Size : 384 bytes\n"
              "Fetched : [UTC] Fri May 14 20:17:13 2004\n"
              "SHA256 Fingerprint:\n"
              "    00FF9A\n");
}

static void test_trustpool_policy(void **state)
{
    const PoolPolicyView view = {.url = "http://host/b.p7b",
                                 .signer = "",
                                 .description = "The pool",
                                 .source = "terminal",
                                 .shrink_limit = 50,
                                 .built_in = 3,
                                 .downloaded = 2,
                                 .active = 4,
                                 .imported = 0,
                                 .earliest_expiry = 1873484742,
                                 .next_update = 86400};
    FILE *f = begin();

    render_pool_policy(f, &view);
    expect(f, "Trustpool Policy\n"
              "Trustpool CA certificates will expire [UTC] Mon May 14 20:25:42 2029\n"
              "CA Bundle Location: http://host/b.p7b\n"
              "CA Bundle Signer: not configured\n"
              "CA Bundle Host Key: not configured\n"
              "CA Bundle Shrink Limit: 50%\n"
              "RSA Keys of 1024 Bits or Less: accepted\n"
              "Revocation: CRL required\n"
              "Exported to the System: no\n"
              "Description: The pool\n"
              "Certificates: 3 built-in, 2 downloaded, 4 active\n"
              "Downloaded From: terminal\n"
              "Downloaded At [UTC] Thu Jan  1 00:00:00 1970\n"
              "Next Update At [UTC] Fri Jan  2 00:00:00 1970\n");
}

static void test_trustpool_change(void **state)
{
    static const char *const texts[] = {
        "{\"change\": \"added\", \"subject\": \"CN=a\", \"not-after\": 0}",
        "{\"change\": \"removed\", \"subject\": \"CN=b\", \"not-after\": 0}",
        ("{\"change\": \"renewed\", \"subject\": \"CN=c\", \"not-after\": 86400, "
         "\"security-bits\": 80, \"same-key\": false, "
         "\"was-not-after\": 0, \"was-security-bits\": 112}")};
    FILE *f = begin();

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_json_ json_object *o = NULL;

        assert_int_equal(json_parse(texts[i], strlen(texts[i]), &o), 0);
        render_pool_change(f, o);
    }
    expect(f, "+ CN=a, expires 00:00:00 UTC Thu Jan 01 1970\n"
              "- CN=b, expires 00:00:00 UTC Thu Jan 01 1970\n"
              "~ CN=c, expires 00:00:00 UTC Fri Jan 02 1970 instead of 00:00:00 UTC Thu Jan 01 "
              "1970, another key, weaker: 80 bits instead of 112\n");
}

static void test_trustpool_rejection(void **state)
{
    static const char json[] =
        "{\"number\": 7, \"reason\": \"expired\", \"subject\": \"CN=a\\nb\"}",
                      bad[] = "{\"number\": 8, \"reason\": \"malformed\"}";
    _cleanup_json_ json_object *o = NULL, *malformed = NULL;
    FILE *f = begin();

    assert_int_equal(json_parse(json, STRLEN(json), &o), 0);
    assert_int_equal(json_parse(bad, STRLEN(bad), &malformed), 0);
    render_pool_rejection(f, o);
    render_pool_rejection(f, malformed);
    expect(f, "Certificate 7 rejected, it has expired: CN=a\\x0ab\n"
              "Certificate 8 rejected, it does not parse\n");
}

static void test_commits(void **state)
{
    CommitView commit = {.id = 1000000093,
                         .time = UINT64_C(1465310539000000),
                         .user = "fred",
                         .line = "vty0:node0_RSP0_CPU0",
                         .client = "CLI"};
    FILE *f = begin();

    render_commit_head(f);
    render_commit(f, 1, &commit);
    commit = (CommitView){.id = 1000000088,
                          .time = UINT64_C(1465309752000000),
                          .user = "patrick",
                          .line = "vty1:node0_RSP0_CP",
                          .client = "Rollback",
                          .label = "before"};
    render_commit(f, 16, &commit);
    commit.user = "a-user-with-a-long-name";
    commit.line = "";
    render_commit(f, 17, &commit);
    expect(f,
           "SNo. Label/ID    User      Line                Client      Time Stamp\n"
           "~~~~ ~~~~~~~~    ~~~~      ~~~~                ~~~~~~      ~~~~~~~~~~\n"
           "1    1000000093  fred      vty0:node0_RSP0_CP  CLI         Tue Jun  7 14:42:19 2016\n"
           "16   before      patrick   vty1:node0_RSP0_CP  Rollback    Tue Jun  7 14:29:12 2016\n"
           "17   before      a-user-with-a-long-name                     Rollback    Tue Jun  7 "
           "14:29:12 2016\n");
}

static void test_events(void **state)
{
    CommitView commit = {.id = 1000000093,
                         .time = UINT64_C(1465310539000000),
                         .user = "fred",
                         .line = "pts/0",
                         .client = "CLI",
                         .label = "Named",
                         .comment = "because"};
    FILE *f = begin();

    render_event_head(f);
    render_event(f, 1, &commit);
    render_event_detail(f, 1, &commit);
    commit = (CommitView){.id = 1000000088, .user = "fred", .line = "", .client = "Rollback"};
    render_event(f, 12, &commit);
    render_event_detail(f, 12, &commit);
    expect(f, "Sno.  Event      Info                                 Time Stamp\n"
              "~~~~  ~~~~~      ~~~~                                 ~~~~~~~~~~\n"
              "1     commit     id 1000000093                        Tue Jun  7 14:42:19 2016\n"
              "1) Event: commit     Time: Tue Jun  7 14:42:19 2016\n"
              "      Commit ID: 1000000093    Label: Named\n"
              "      User: fred               Line: pts/0\n"
              "      Client: CLI              Comment: because\n"
              "12    rollback   id 1000000088                        Thu Jan  1 00:00:00 1970\n"
              "12) Event: rollback   Time: Thu Jan  1 00:00:00 1970\n"
              "      Commit ID: 1000000088    Label: \n"
              "      User: fred               Line: \n"
              "      Client: Rollback         Comment: \n");
}

static void test_crl_points(void **state)
{
    CertificateView view = leaf;
    const char *whole;
    FILE *f = begin();

    render_certificate(f, &view);
    assert_int_equal(fclose(f), 0);
    assert_null(strstr(output, "CRL"));
    free(output);
    view.crl_points[0] = "http://crl.example/a.crl";
    view.crl_points[1] = "O=Example,CN=a";
    f = begin();
    render_certificate(f, &view);
    assert_int_equal(fclose(f), 0);
    whole = "\nCRL Distribution Point\n    http://crl.example/a.crl\n    O=Example,CN=a\nSHA1 Fing";
    assert_non_null(strstr(output, whole));
    free(output);
}

/* No value can look like a line of its own, or reach the terminal. */
static void test_values_stay_on_their_line(void **state)
{
    CertificateView view = root;
    FILE *f = begin();

    view.subject = "CN=x\nStatus         : Available\033[1A";
    render_new_certificate(f, &view);
    assert_int_equal(fclose(f), 0);
    assert_non_null(strstr(output, "\nCN=x\\x0aStatus         : Available\\x1b[1A\n"));
    assert_null(strstr(output, "\nStatus"));
    free(output);
}

static void test_json(void **state)
{
    static const uint8_t data[] = {1, 2, 3};
    const KeyView key = {"k",  "rsa",       "general", 2048, UINT64_C(1580931790123456),
                         data, sizeof(data)};
    const CommitView commit = {
        .id = 1, .time = 2000000, .user = "u", .line = "", .client = "CLI", .comment = "why"};
    _cleanup_json_ json_object *k = render_key_json(&key), *c = render_certificate_json(&leaf),
                               *m = render_commit_json(&commit);
    const char *s;
    uint64_t n;

    assert_int_equal(json_get_string(k, "public-key", &s), 0);
    assert_string_equal(s, "AQID");
    assert_int_equal(json_get_uint64(k, "created", &n), 0);
    assert_int_equal(n, 1580931790);
    assert_int_equal(json_get_string(c, "role", &s), 0);
    assert_string_equal(s, "router");
    assert_int_equal(json_get_uint64(c, "not-after", &n), 0);
    assert_int_equal(n, 1613824231);
    assert_int_equal(json_get_string(m, "comment", &s), 0);
    assert_int_equal(json_get_string(m, "label", &s), -ENOENT);
}

static void expect_log(const char *message, const char *expected)
{
    json_object *o = json_tokener_parse(message);
    FILE *f = begin();

    render_log(f, o);
    json_object_put(o);
    expect(f, expected);
}

/* With a mnemonic of its own, with that of its severity, and with what would be another line. */
static void test_log(void **state)
{
    expect_log(
        "{\"time\":1569453930.045123,\"process\":\"keyd\",\"pid\":\"363\",\"severity\":6,"
        "\"mnemonic\":\"SECURITY-CEPKI-6-KEY_INFO\",\"text\":\"One\",\"details\":{}}",
        "RP/0/RP0/CPU0:Sep 25 23:25:30.045 UTC: keyd[363]: %SECURITY-CEPKI-6-KEY_INFO : One\n");
    expect_log(
        "{\"time\":1569453930.9,\"process\":\"systemd\",\"pid\":\"1\",\"severity\":3,\"text\":"
        "\"a\\nRP/0/RP0/CPU0:\"}",
        "RP/0/RP0/CPU0:Sep 25 23:25:30.900 UTC: systemd[1]: %OS-SYSLOG-3-LOG_ERR : "
        "a\\x0aRP/0/RP0/CPU0:\n");
    expect_log("{}",
               "RP/0/RP0/CPU0:Jan  1 00:00:00.000 UTC: unknown[0]: %OS-SYSLOG-0-LOG_EMERG : \n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_new_certificate),
        cmocka_unit_test(test_trustpool),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_crl),
        cmocka_unit_test(test_trustpool_policy),
        cmocka_unit_test(test_trustpool_rejection),
        cmocka_unit_test(test_trustpool_change),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_crl_points),
        cmocka_unit_test(test_values_stay_on_their_line),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_log),
    };

    /* The layouts show local time. */
    (void)setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
