/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of requests: what a server wants in one, and what comes of it with what the router
 * has. */
#include "test-common.h"

#include <openssl/x509v3.h>

#include "est-template.h"
#include "x509-render.h"

#define DER_MAX 700U

typedef struct Der {
    uint8_t data[DER_MAX];
    size_t size;
} Der;

static Der tlv(uint8_t tag, const void *content, size_t size)
{
    Der d = {.data = {tag}};

    if (size < 0x80) {
        d.data[1] = (uint8_t)size;
        d.size = 2;
    } else {
        d.data[1] = 0x82;
        d.data[2] = (uint8_t)(size >> 8);
        d.data[3] = (uint8_t)size;
        d.size = 4;
    }
    assert_true(d.size + size <= DER_MAX);
    memcpy(d.data + d.size, content, size);
    d.size += size;
    return d;
}

#define BYTES(tag, text) tlv(tag, text, sizeof(text) - 1)

static Der list(uint8_t tag, const Der *parts, size_t n)
{
    uint8_t content[DER_MAX];
    size_t size = 0;

    for (size_t i = 0; i < n; i++) {
        assert_true(size + parts[i].size <= sizeof(content));
        memcpy(content + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    return tlv(tag, content, size);
}

#define LIST(tag, ...)                                                                             \
    list(tag, (const Der[]){__VA_ARGS__}, sizeof((const Der[]){__VA_ARGS__}) / sizeof(Der))

#define CN BYTES(DER_OID, "\x55\x04\x03")
#define OU BYTES(DER_OID, "\x55\x04\x0b")
#define OPEN(type) LIST(DER_SET, LIST(DER_SEQUENCE, type))
#define GIVEN(type, text) LIST(DER_SET, LIST(DER_SEQUENCE, type, BYTES(DER_UTF8_STRING, text)))
#define SUBJECT(...) LIST(DER_SEQUENCE, __VA_ARGS__)
#define V1 BYTES(DER_INTEGER, "\0")
#define NOTHING BYTES(DER_CONTEXT_CONSTRUCTED(1), "")
#define OID_EXTENSIONS BYTES(DER_OID, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e")
#define OID_PARTIAL BYTES(DER_OID, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3e")
#define ATTRIBUTE(oid, ...) LIST(DER_SEQUENCE, oid, LIST(DER_SET, LIST(DER_SEQUENCE, __VA_ARGS__)))
#define ATTRIBUTES(...) LIST(DER_CONTEXT_CONSTRUCTED(1), __VA_ARGS__)
#define WITH(...) LIST(DER_SEQUENCE, V1, ATTRIBUTES(ATTRIBUTE(OID_PARTIAL, __VA_ARGS__)))
#define EXTENSION(last, ...) LIST(DER_SEQUENCE, BYTES(DER_OID, "\x55\x1d" last), __VA_ARGS__)
#define VALUE(text) BYTES(DER_OCTET_STRING, text)
#define BLANK(last) LIST(DER_SEQUENCE, BYTES(DER_OID, "\x55\x1d" last))
#define USAGE "\x0f"
#define NAMES "\x11"
#define CONSTRAINTS "\x13"
#define PURPOSES "\x25"
#define SIGNS VALUE("\x03\x02\x07\x80")
#define KEY(...) LIST(DER_SEQUENCE, V1, LIST(DER_CONTEXT_CONSTRUCTED(0), __VA_ARGS__), NOTHING)
#define RSA                                                                                        \
    LIST(DER_SEQUENCE, BYTES(DER_OID, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), BYTES(DER_NULL, ""))
#define EC(...) LIST(DER_SEQUENCE, BYTES(DER_OID, "\x2a\x86\x48\xce\x3d\x02\x01"), __VA_ARGS__)
#define P256 BYTES(DER_OID, "\x2a\x86\x48\xce\x3d\x03\x01\x07")

static EstOwn own = {.algorithm = "ecdsanistp256", .bits = 256};
static char reason[EST_TEMPLATE_REASON_SIZE];

static X509_NAME *name_of(const char *const *entries)
{
    X509_NAME *name = X509_NAME_new();

    for (; *entries; entries += 2)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, entries[0], MBSTRING_ASC,
                                                    (const unsigned char *)entries[1], -1, -1, 0),
                         1);
    return name;
}

#define NAME(...) name_of((const char *const[]){__VA_ARGS__, NULL})

/* Released with the subject; the extensions only if they are asked for. */
static int fill(Der der, char **ret_subject, STACK_OF(X509_EXTENSION) * *ret)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL,
                                         *core = NAME("CN", "core", "O", "Example");
    EstTemplate *template = NULL;
    EstOwn mine = own;
    int r = est_template_new((DerSpan){der.data, der.size}, &template);

    assert_int_equal(r, 0);
    if (!mine.subject)
        mine.subject = core;
    reason[0] = '\0';
    r = est_template_fill(template, &mine, &subject, &extensions, reason);
    assert_true(r == 0 || (r == -EOPNOTSUPP && reason[0]));
    if (r == 0 && ret_subject)
        assert_int_equal(x509_name_render(subject, ret_subject), 0);
    if (r == 0 && ret)
        *ret = extensions;
    else
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    est_template_free(template);
    return r;
}

static void assert_subject(Der der, const char *expected)
{
    _cleanup_free_ char *text = NULL;

    assert_int_equal(fill(der, &text, NULL), 0);
    assert_string_equal(text, expected);
}

static void assert_refused(Der der, const char *words)
{
    assert_int_equal(fill(der, NULL, NULL), -EOPNOTSUPP);
    if (!strstr(reason, words))
        fail_msg("%s", reason);
}

static void test_subject(void **state)
{
    _cleanup_(X509_NAME_freep) X509_NAME *department = NAME("CN", "core", "OU", "mine", "OU", "X");

    assert_subject(LIST(DER_SEQUENCE, V1, NOTHING), "O=Example,CN=core");
    assert_subject(LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(CN), GIVEN(OU, "lab")), NOTHING),
                   "O=Example,OU=lab,CN=core");
    assert_subject(LIST(DER_SEQUENCE, V1, SUBJECT(GIVEN(OU, "lab"), GIVEN(CN, "CORE")), NOTHING),
                   "O=Example,CN=CORE,OU=lab");
    assert_refused(LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(OU)), NOTHING),
                   "wants organizationalUnitName in the subject");
    assert_refused(LIST(DER_SEQUENCE, V1, SUBJECT(GIVEN(CN, "edge")), NOTHING),
                   "wants CN=edge in the subject");
    /* Each of the own ones stands for one, and what is the same goes first. */
    own.subject = department;
    assert_subject(LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(OU), GIVEN(OU, "mine")), NOTHING),
                   "CN=core,OU=mine,OU=X");
    assert_refused(LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(OU), GIVEN(OU, "lab")), NOTHING),
                   "wants OU=lab");
    assert_refused(LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(CN), OPEN(CN)), NOTHING),
                   "wants commonName");
    own.subject = NULL;
}

static void test_key(void **state)
{
    uint8_t modulus[258] = {0, 0x80}, key[DER_MAX] = {0};
    Der inside;

    assert_int_equal(fill(KEY(EC(P256)), NULL, NULL), 0);
    assert_int_equal(
        fill(KEY(LIST(DER_SEQUENCE, BYTES(DER_OID, "\x2a\x86\x48\xce\x3d\x02\x01"))), NULL, NULL),
        0);
    assert_refused(KEY(EC(BYTES(DER_OID, "\x2b\x81\x04\x00\x22"))),
                   "'keypair ecdsanistp384 LABEL'");
    assert_refused(KEY(EC(BYTES(DER_OID, "\x2b\x81\x04\x00\x0a"))), "does not make");
    assert_refused(KEY(LIST(DER_SEQUENCE, BYTES(DER_OID, "\x2b\x65\x70"))),
                   "'keypair ed25519 LABEL'");
    assert_refused(KEY(LIST(DER_SEQUENCE, BYTES(DER_OID, "\x2a\x03\x04"))), "does not make");
    assert_refused(KEY(RSA), "'keypair rsa LABEL'");
    own.algorithm = "rsa";
    own.bits = 2048;
    assert_int_equal(fill(KEY(RSA), NULL, NULL), 0);
    assert_refused(KEY(EC(P256)), "'keypair ecdsanistp256 LABEL'");
    /* Of 2048 and of 2056 bits. */
    inside = LIST(DER_SEQUENCE, tlv(DER_INTEGER, modulus, 257), BYTES(DER_INTEGER, "\x03"));
    memcpy(key + 1, inside.data, inside.size);
    assert_int_equal(fill(KEY(RSA, tlv(DER_BIT_STRING, key, inside.size + 1)), NULL, NULL), 0);
    modulus[0] = 1;
    inside = LIST(DER_SEQUENCE, tlv(DER_INTEGER, modulus, 257), BYTES(DER_INTEGER, "\x03"));
    memcpy(key + 1, inside.data, inside.size);
    assert_refused(KEY(RSA, tlv(DER_BIT_STRING, key, inside.size + 1)),
                   "an RSA key of 2056 bits, and that of the trustpoint has 2048");
    own.algorithm = "ecdsanistp256";
    own.bits = 256;
}

/* The value of the only extension, in hexadecimal digits. */
static void assert_extension(Der der, int nid, int critical, const char *expected)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    const ASN1_OCTET_STRING *value;
    X509_EXTENSION *extension;
    char *text;

    if (fill(der, NULL, &extensions) < 0)
        fail_msg("%s", reason);
    assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
    extension = sk_X509_EXTENSION_value(extensions, 0);
    assert_int_equal(OBJ_obj2nid(X509_EXTENSION_get_object(extension)), nid);
    assert_int_equal(X509_EXTENSION_get_critical(extension), critical);
    value = X509_EXTENSION_get_data(extension);
    text = OPENSSL_buf2hexstr(ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
    assert_string_equal(text, expected);
    OPENSSL_free(text);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void test_names(void **state)
{
    const Der given = WITH(EXTENSION(NAMES, VALUE("\x30\x03\x82\x01\x61")));
    const Der filled = WITH(EXTENSION(NAMES, VALUE("\x30\x05\x82\x01\x61\x87\x00")));

    assert_extension(given, NID_subject_alt_name, 0, "30:03:82:01:61");
    assert_refused(filled, "an address among the alternative names");
    assert_refused(WITH(BLANK(NAMES)), "configure 'subject-alternative-name'");
    own.alternative_names = "DNS:a";
    assert_extension(given, NID_subject_alt_name, 0, "30:03:82:01:61");
    assert_extension(WITH(BLANK(NAMES)), NID_subject_alt_name, 0, "30:03:82:01:61");
    assert_refused(filled, "an address among the alternative names");
    own.alternative_names = "DNS:a,IP:192.0.2.1";
    assert_extension(filled, NID_subject_alt_name, 0, "30:09:82:01:61:87:04:C0:00:02:01");
    assert_refused(given, "other alternative names than the trustpoint");
    own.alternative_names = "DNS:b";
    assert_refused(given, "other alternative names than the trustpoint");
    assert_refused(WITH(EXTENSION(NAMES, VALUE("\x30\x04\xa4\x02\x30\x00"))),
                   "cannot be configured");
    own.alternative_names = NULL;
}

static void test_extensions(void **state)
{
    const Der usage = WITH(EXTENSION(USAGE, BYTES(DER_BOOLEAN, "\xff"), SIGNS));

    assert_extension(usage, NID_key_usage, 1, "03:02:07:80");
    assert_extension(WITH(BLANK(USAGE)), NID_key_usage, 0, "03:02:07:80");
    own.key_usage = KU_DIGITAL_SIGNATURE;
    assert_extension(usage, NID_key_usage, 1, "03:02:07:80");
    own.key_usage = KU_KEY_AGREEMENT;
    assert_refused(usage, "another keyUsage than the trustpoint's");
    assert_extension(WITH(BLANK(USAGE)), NID_key_usage, 0, "03:02:03:08");
    own.key_usage = 0;
    assert_refused(WITH(BLANK(PURPOSES)), "leaves its value to the router");
    assert_refused(WITH(EXTENSION(CONSTRAINTS, VALUE("\x30\x03\x01\x01\xff"))), "the router a CA");
    assert_extension(WITH(EXTENSION(CONSTRAINTS, VALUE("\x30\x00"))), NID_basic_constraints, 0,
                     "30:00");
    assert_extension(WITH(EXTENSION("\x7f", VALUE("hello"))), NID_undef, 0, "68:65:6C:6C:6F");
    assert_extension(
        LIST(DER_SEQUENCE, V1, ATTRIBUTES(ATTRIBUTE(OID_EXTENSIONS, EXTENSION(USAGE, SIGNS)))),
        NID_key_usage, 0, "03:02:07:80");
}

static void assert_none(Der der)
{
    EstTemplate *template = NULL;

    assert_int_equal(est_template_new((DerSpan){der.data, der.size}, &template), -EBADMSG);
    assert_null(template);
}

static void test_malformed(void **state)
{
    const Der one = ATTRIBUTE(OID_PARTIAL, BLANK(USAGE));
    const Der good = LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(CN), GIVEN(OU, "lab")), ATTRIBUTES(one));

    assert_int_equal(fill(LIST(DER_SEQUENCE, V1, SUBJECT(OPEN(CN)), ATTRIBUTES(one)), NULL, NULL),
                     0);
    for (size_t size = 0; size < good.size; size++) {
        EstTemplate *template = NULL;

        assert_int_equal(est_template_new((DerSpan){good.data, size}, &template), -EBADMSG);
    }
    assert_none(LIST(DER_SEQUENCE, BYTES(DER_INTEGER, "\1"), NOTHING));
    assert_none(LIST(DER_SEQUENCE, V1, NOTHING, NOTHING));
    assert_none(LIST(DER_SEQUENCE, V1, SUBJECT(BYTES(DER_SET, "")), NOTHING));
    assert_none(LIST(DER_SEQUENCE, V1,
                     SUBJECT(LIST(DER_SET, LIST(DER_SEQUENCE, CN, BYTES(DER_INTEGER, "\1")))),
                     NOTHING));
    assert_none(LIST(DER_SEQUENCE, V1, ATTRIBUTES(one, one)));
    assert_none(
        LIST(DER_SEQUENCE, V1,
             ATTRIBUTES(one, ATTRIBUTE(OID_EXTENSIONS, EXTENSION(NAMES, VALUE("\x30\x00"))))));
    assert_none(LIST(DER_SEQUENCE, V1, ATTRIBUTES(ATTRIBUTE(OID_EXTENSIONS, BLANK(USAGE)))));
    assert_none(WITH(BLANK(USAGE), EXTENSION(USAGE, SIGNS)));
    assert_none(WITH(EXTENSION(USAGE, VALUE("\x04\x00"))));
    assert_none(KEY(RSA, BYTES(DER_BIT_STRING, "\0hello")));
    assert_none(KEY(BYTES(DER_NULL, "")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject),   cmocka_unit_test(test_key),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
