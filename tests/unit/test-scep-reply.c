/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of SCEP that a CA has really signed, with one field of each wrong in every way that there
 * is: values, lengths, types, repetitions; and messages whose structure alone has brought others
 * down. */
#include "test-certificates.h"

#include <malloc.h>

#include "scep-message.h"
#include "scep-oids.h"

#define NOW INT64_C(1700000000)
#define DAY INT64_C(86400)
#define LARGE 65536U

static TestCertificate ca, stranger, router;
static const uint8_t nonce[SCEP_NONCE_SIZE] = "0123456789abcdef";
static const char transaction[] = "0102030405060708";

static int setup(void **state)
{
    pki_make(&ca, NULL,
             &(TestCertificateSpec){"ca", "ecdsanistp256", "critical,keyCertSign", true, NOW - DAY,
                                    NOW + DAY});
    pki_make(&router, &ca,
             &(TestCertificateSpec){"router", "rsa", NULL, false, NOW - DAY, NOW + DAY});
    pki_make(&stranger, NULL,
             &(TestCertificateSpec){"ca", "ecdsanistp256", "critical,keyCertSign", true, NOW - DAY,
                                    NOW + DAY});
    return 0;
}

static int teardown(void **state)
{
    pki_free(&ca);
    pki_free(&stranger);
    pki_free(&router);
    return 0;
}

/* --- Replies that are signed ------------------------------------------------------------------ */

typedef enum Field {
    FIELD_TYPE,
    FIELD_STATUS,
    FIELD_FAILURE,
    FIELD_SENDER_NONCE,
    FIELD_RECIPIENT_NONCE,
    FIELD_TRANSACTION,
    FIELD_TEXT,
    _FIELD_MAX,
} Field;

typedef struct Value {
    int type; /* 0: the field is not there */
    const void *data;
    size_t size;
} Value;

typedef struct Recipe {
    Value values[_FIELD_MAX];
    size_t twice; /* this field is there once more; _FIELD_MAX for none */
    size_t two;   /* this one has two values */
    const TestCertificate *signer;
} Recipe;

static const char *const oids[_FIELD_MAX] = {
    [FIELD_TYPE] = "2.16.840.1.113733.1.9.2",
    [FIELD_STATUS] = "2.16.840.1.113733.1.9.3",
    [FIELD_FAILURE] = "2.16.840.1.113733.1.9.4",
    [FIELD_SENDER_NONCE] = "2.16.840.1.113733.1.9.5",
    [FIELD_RECIPIENT_NONCE] = "2.16.840.1.113733.1.9.6",
    [FIELD_TRANSACTION] = "2.16.840.1.113733.1.9.7",
    [FIELD_TEXT] = "1.3.6.1.5.5.7.24.1",
};

static Recipe good(const char *status)
{
    return (Recipe){.values = {[FIELD_TYPE] = {V_ASN1_PRINTABLESTRING, "3", 1},
                               [FIELD_STATUS] = {V_ASN1_PRINTABLESTRING, status, strlen(status)},
                               [FIELD_FAILURE] = {V_ASN1_PRINTABLESTRING, "2", 1},
                               [FIELD_SENDER_NONCE] = {V_ASN1_OCTET_STRING, "fedcba9876543210", 16},
                               [FIELD_RECIPIENT_NONCE] = {V_ASN1_OCTET_STRING, nonce, 16},
                               [FIELD_TRANSACTION] = {V_ASN1_PRINTABLESTRING, transaction, 16},
                               [FIELD_TEXT] = {V_ASN1_UTF8STRING, "no", 2}},
                    .twice = _FIELD_MAX,
                    .two = _FIELD_MAX,
                    .signer = &ca};
}

static void add_field(CMS_SignerInfo *info, const Recipe *recipe, size_t i)
{
    const Value *v = &recipe->values[i];
    ASN1_OBJECT *oid = OBJ_txt2obj(oids[i], 1);
    X509_ATTRIBUTE *attribute =
        X509_ATTRIBUTE_create_by_OBJ(NULL, oid, v->type, v->data, (int)v->size);

    assert_non_null(attribute);
    if (recipe->two == i)
        assert_int_equal(X509_ATTRIBUTE_set1_data(attribute, v->type, v->data, (int)v->size), 1);
    assert_int_equal(CMS_signed_add1_attr(info, attribute), 1);
    X509_ATTRIBUTE_free(attribute);
    ASN1_OBJECT_free(oid);
}

static size_t make_reply(const Recipe *recipe, unsigned char **ret)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
    _cleanup_(BIO_free_allp) BIO *content = BIO_new_mem_buf("enveloped", 9);
    CMS_SignerInfo *info = CMS_add1_signer(cms, recipe->signer->certificate, recipe->signer->key,
                                           EVP_sha256(), CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL);
    int size;

    assert_non_null(info);
    for (size_t i = 0; i < _FIELD_MAX; i++) {
        if (recipe->values[i].type)
            add_field(info, recipe, i);
        if (recipe->twice == i)
            add_field(info, recipe, i);
    }
    assert_int_equal(CMS_final(cms, content, NULL, CMS_BINARY), 1);
    *ret = NULL;
    size = i2d_CMS_ContentInfo(cms, ret);
    assert_true(size > 0);
    return (size_t)size;
}

static int parse_bytes(const void *data, size_t size, ScepReply *ret, const char **ret_reason)
{
    X509 *signers[] = {ca.certificate};
    const ScepExpectation expected = {
        .transaction = transaction, .nonce = nonce, .signers = signers, .n_signers = 1};
    int r;

    *ret_reason = NULL;
    r = scep_reply_parse(data, size, &expected, ret, ret_reason);
    if (r < 0)
        assert_non_null(*ret_reason);
    return r;
}

static int parse(const Recipe *recipe, ScepReply *ret, const char **ret_reason)
{
    unsigned char *reply;
    size_t size = make_reply(recipe, &reply);
    int r = parse_bytes(reply, size, ret, ret_reason);

    OPENSSL_free(reply);
    return r;
}

static void assert_refused(const Recipe *recipe, int error, const char *words)
{
    const char *reason;
    ScepReply reply;
    int r = parse(recipe, &reply, &reason);

    if (r != error || !strstr(reason, words))
        fail_msg("%d '%s' is not %d '%s'", r, r < 0 ? reason : "", error, words);
}

/* --- F4: all values --------------------------------------------------------------------------- */

static const struct {
    Field field;
    const char *status, *passing, *words;
} enums[] = {
    {FIELD_TYPE, "3", "3", "messageType is not CertRep"},
    {FIELD_STATUS, "3", "023", "pkiStatus is none"},
    {FIELD_FAILURE, "2", "01234", "failInfo is none"},
};

static void check_value(size_t which, const char *text, size_t size)
{
    Recipe recipe = good(enums[which].status);
    bool passes = size == 1 && text[0] && strchr(enums[which].passing, text[0]);
    const char *reason;
    ScepReply reply;

    recipe.values[enums[which].field] = (Value){V_ASN1_PRINTABLESTRING, text, size};
    if (!passes) {
        assert_refused(&recipe, -EKEYREJECTED, enums[which].words);
        return;
    }
    assert_int_equal(parse(&recipe, &reply, &reason), 0);
    if (enums[which].field == FIELD_STATUS)
        assert_int_equal(reply.status, text[0] - '0');
    assert_int_equal(reply.fail_info != NULL, reply.status == SCEP_FAILURE);
}

/* As one byte, and as the number in decimal. */
static void test_every_value(void **state)
{
    char text[8];

    for (size_t which = 0; which < ELEMENTSOF(enums); which++)
        for (unsigned i = 0; i < 256; i++) {
            text[0] = (char)i;
            check_value(which, text, 1);
            check_value(which, text, (size_t)snprintf(text, sizeof(text), "%u", i));
        }
}

static void test_values_that_look_alike(void **state)
{
    static const char *const texts[] = {"", "03", "3 ", " 3", "+3", "-1", "3.0", "0x3", "02"};

    for (size_t which = 0; which < ELEMENTSOF(enums); which++) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
            check_value(which, texts[i], strlen(texts[i]));
        check_value(which, "3\0", 2);
        check_value(which, "\0003", 2);
    }
}

/* --- F5: lengths, kinds, repetitions ---------------------------------------------------------- */

static const struct {
    const char *words; /* of what is said about a wrong value */
    int error;
    bool any_bytes; /* a NUL is a byte as others */
} fields[_FIELD_MAX] = {
    [FIELD_TYPE] = {"messageType", -EKEYREJECTED, false},
    [FIELD_STATUS] = {"pkiStatus", -EKEYREJECTED, false},
    [FIELD_FAILURE] = {"failInfo", -EKEYREJECTED, false},
    [FIELD_SENDER_NONCE] = {"senderNonce", -EKEYREJECTED, true},
    [FIELD_RECIPIENT_NONCE] = {"recipientNonce", -EKEYREJECTED, false},
    [FIELD_TRANSACTION] = {"transactionID", -EKEYREJECTED, false},
    [FIELD_TEXT] = {NULL, 0, true},
};

static void check_length(size_t i, const void *data, size_t size)
{
    Recipe recipe = good("2");
    const char *reason;
    ScepReply reply;

    recipe.values[i].data = data;
    recipe.values[i].size = size;
    if (fields[i].words) {
        assert_refused(&recipe, fields[i].error, fields[i].words);
        return;
    }
    /* The text is for a person's eyes. */
    assert_int_equal(parse(&recipe, &reply, &reason), 0);
    assert_int_equal(strlen(reply.fail_text), size < SCEP_TEXT_SIZE ? size : SCEP_TEXT_SIZE - 1);
}

static void test_lengths(void **state)
{
    _cleanup_free_ char *large = malloc(LARGE);

    assert_non_null(large);
    for (size_t i = 0; i < _FIELD_MAX; i++) {
        const Value v = good("2").values[i];

        check_length(i, "", 0);
        memset(large, '2', LARGE);
        check_length(i, large, LARGE);
        /* The right one, and more. */
        memcpy(large, v.data, v.size);
        check_length(i, large, LARGE);
        if (fields[i].any_bytes)
            continue;
        check_length(i, large, v.size - 1);
        check_length(i, large, v.size + 1);
    }
}

static void test_nul(void **state)
{
    for (size_t i = 0; i < _FIELD_MAX; i++) {
        const Value v = good("2").values[i];
        char text[32] = "";

        memcpy(text, v.data, v.size);
        if (fields[i].any_bytes)
            continue;
        check_length(i, text, v.size + 1); /* behind it */
        text[v.size / 2] = '\0';
        check_length(i, text, v.size); /* in it */
        memset(text, 0, sizeof(text));
        check_length(i, text, v.size);
    }
}

/* Terminals, journals and JSON get nothing that they would act on. */
static void test_fail_text(void **state)
{
    static const char text[] = "a\0b\n\033[2J\x7f\xc3\xa4\"";
    Recipe recipe = good("2");
    const char *reason;
    ScepReply reply;

    recipe.values[FIELD_TEXT] = (Value){V_ASN1_UTF8STRING, text, sizeof(text) - 1};
    assert_int_equal(parse(&recipe, &reply, &reason), 0);
    assert_string_equal(reply.fail_text, "a?b??[2J???\"");
}

/* As step-ca says why it refuses. */
static void test_printable_fail_text(void **state)
{
    static const char text[] = "failed validating challenge password";
    Recipe recipe = good("2");
    const char *reason;
    ScepReply reply;

    recipe.values[FIELD_TEXT] = (Value){V_ASN1_IA5STRING, text, sizeof(text) - 1};
    assert_refused(&recipe, -EBADMSG, "not exactly one value of its kind");
    recipe.values[FIELD_TEXT].type = V_ASN1_PRINTABLESTRING;
    recipe.two = FIELD_TEXT;
    assert_refused(&recipe, -EBADMSG, "not exactly one value of its kind");
    recipe.two = _FIELD_MAX;
    assert_int_equal(parse(&recipe, &reply, &reason), 0);
    assert_string_equal(reply.fail_info, "badRequest");
    assert_string_equal(reply.fail_text, text);
}

static void test_kinds(void **state)
{
    static const int kinds[] = {V_ASN1_OCTET_STRING, V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING,
                                V_ASN1_IA5STRING,    V_ASN1_T61STRING,       V_ASN1_VISIBLESTRING,
                                V_ASN1_BIT_STRING,   V_ASN1_GENERALSTRING,   V_ASN1_UTCTIME};

    for (size_t i = 0; i < _FIELD_MAX; i++)
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
            Recipe recipe = good("2");

            if (recipe.values[i].type == kinds[k] ||
                (i == FIELD_TEXT && kinds[k] == V_ASN1_PRINTABLESTRING))
                continue;
            recipe.values[i].type = kinds[k];
            if (kinds[k] == V_ASN1_UTCTIME) /* which OpenSSL looks into */
                recipe.values[i] = (Value){V_ASN1_UTCTIME, "700101000000Z", 13};
            assert_refused(&recipe, -EBADMSG, "not exactly one value of its kind");
        }
}

static void test_repeated_and_missing(void **state)
{
    for (size_t i = 0; i < _FIELD_MAX; i++) {
        Recipe recipe = good("2");

        recipe.twice = i;
        assert_refused(&recipe, -EBADMSG, "there twice");
        recipe = good("2");
        recipe.two = i;
        assert_refused(&recipe, -EBADMSG, "not exactly one value");
        recipe = good("2");
        recipe.values[i].type = 0;
        if (fields[i].words)
            assert_refused(&recipe, fields[i].error, fields[i].words);
    }
}

/* --- F6: somebody else's ---------------------------------------------------------------------- */

static void test_not_the_answer(void **state)
{
    static const char other_nonce[] = "0123456789abcdeg", other[] = "0102030405060709";
    Recipe recipe = good("3");
    const char *reason;
    ScepReply reply;

    assert_int_equal(parse(&recipe, &reply, &reason), 0);
    recipe.values[FIELD_RECIPIENT_NONCE].data = other_nonce; /* that of yesterday */
    assert_refused(&recipe, -EKEYREJECTED, "an old answer");
    recipe = good("3");
    recipe.values[FIELD_TRANSACTION].data = other;
    assert_refused(&recipe, -EKEYREJECTED, "transactionID is not the request's");
    recipe = good("3");
    /* With the CA's name, and another number. */
    recipe.signer = &stranger;
    assert_refused(&recipe, -EKEYREJECTED, "not authenticated as CA or RA");
}

/* With the CA's name and number, but not its key. */
static void test_same_name(void **state)
{
    TestCertificate same = {.certificate = X509_dup(ca.certificate), .key = stranger.key};
    Recipe recipe = good("3");

    assert_int_equal(X509_set_pubkey(same.certificate, same.key), 1);
    recipe.signer = &same;
    assert_refused(&recipe, -EKEYREJECTED, "signature on it is wrong");
    X509_free(same.certificate);
}

/* --- F1: structures that nobody has signed ---------------------------------------------------- */

enum { PART_DIGESTS = 1, PART_CONTENT, PART_CERTIFICATES, PART_SIGNERS };

/* Where a part of SignedData is. Each of the three around it has a length of two bytes. */
static size_t find_part(const unsigned char *reply, size_t size, unsigned part, size_t *ret_size)
{
    static const uint8_t headers[] = {0, 15, 19};
    DerSpan data = {reply + 23, size - 23}, element = {NULL, 0};
    uint8_t tag;

    for (size_t i = 0; i < ELEMENTSOF(headers); i++)
        assert_int_equal(reply[headers[i] + 1], 0x82);
    for (unsigned i = 0; i <= part; i++)
        assert_int_equal(der_read_any(&data, &tag, &element, NULL), 0);
    *ret_size = element.size;
    return (size_t)(element.data - reply);
}

/* Puts something else in the place of a part; *size follows. The caller frees. */
static unsigned char *replace_part(const unsigned char *reply, size_t *size, unsigned part,
                                   const void *with, size_t with_size)
{
    size_t old, at = find_part(reply, *size, part, &old), new_size = *size - old + with_size;
    unsigned char *copy = malloc(new_size);

    assert_non_null(copy);
    memcpy(copy, reply, at);
    memcpy(copy + at, with, with_size);
    memcpy(copy + at + with_size, reply + at + old, *size - at - old);
    for (size_t header = 0; header <= 19; header = header == 0 ? 15 : header + 4) {
        size_t length = new_size - header - 4;

        copy[header + 2] = (unsigned char)(length >> 8);
        copy[header + 3] = (unsigned char)length;
    }
    *size = new_size;
    return copy;
}

static int parse_replaced(unsigned part, const void *with, size_t with_size,
                          const char **ret_reason)
{
    _cleanup_free_ unsigned char *bent = NULL;
    const Recipe recipe = good("3");
    unsigned char *reply;
    size_t size = make_reply(&recipe, &reply);
    ScepReply parsed;

    bent = replace_part(reply, &size, part, with, with_size);
    OPENSSL_free(reply);
    return parse_bytes(bent, size, &parsed, ret_reason);
}

static void assert_part_refused(unsigned part, const void *with, size_t with_size,
                                const char *words)
{
    const char *reason;

    if (parse_replaced(part, with, with_size, &reason) != -EBADMSG || !strstr(reason, words))
        fail_msg("%s", reason);
}

/* CVE-2026-45447: PKCS7_verify() of an empty SET of digests. */
static void test_empty_sets(void **state)
{
    static const char set[] = "\x31\x00", twice[] = "\x31\x04\x30\x00\x30\x00";
    const char *reason;

    assert_part_refused(PART_DIGESTS, set, 2, "names no digest algorithm");
    assert_part_refused(PART_DIGESTS, "\x31\x02\x30\x00", 4, "no CMS SignedData");
    assert_part_refused(PART_DIGESTS, "\x31\x02\x05\x00", 4, "no CMS SignedData");
    assert_part_refused(PART_DIGESTS, "\x30\x00", 2, "no CMS SignedData");
    assert_part_refused(PART_CONTENT, "\x30\x00", 2, "no CMS SignedData");
    assert_part_refused(PART_SIGNERS, set, 2, "not exactly one signer");
    assert_part_refused(PART_SIGNERS, "\x31\x02\x30\x00", 4, "not exactly one signer");
    assert_part_refused(PART_SIGNERS, twice, 6, "not exactly one signer");
    /* Certificates in it are nobody's evidence. */
    assert_int_equal(parse_replaced(PART_CERTIFICATES, "\xa0\x00", 2, &reason), 0);
}

static void test_signer_twice(void **state)
{
    _cleanup_free_ unsigned char *bent = NULL, *two = NULL;
    const Recipe recipe = good("3");
    unsigned char *reply;
    size_t size = make_reply(&recipe, &reply), n, at = find_part(reply, size, PART_SIGNERS, &n);
    const char *reason;
    ScepReply parsed;

    /* 31 82 xx xx, and the signer */
    assert_int_equal(reply[at + 1], 0x82);
    two = malloc(2 * n);
    assert_non_null(two);
    memcpy(two, reply + at, n);
    memcpy(two + n, reply + at + 4, n - 4);
    two[2] = (unsigned char)((2 * (n - 4)) >> 8);
    two[3] = (unsigned char)(2 * (n - 4));
    bent = replace_part(reply, &size, PART_SIGNERS, two, 2 * n - 4);
    OPENSSL_free(reply);
    assert_int_equal(parse_bytes(bent, size, &parsed, &reason), -EBADMSG);
    assert_non_null(strstr(reason, "not exactly one signer"));
}

/* PEERS F22: of a hundred thousand variants of a reply nothing stays behind, and none is good in
 * which a signed octet is another one. */
static void test_variants(void **state)
{
    const Recipe recipe = good("0");
    _cleanup_free_ unsigned char *bent = NULL;
    unsigned char *reply;
    size_t size = make_reply(&recipe, &reply), before = 0;
    uint32_t random = 1;

    bent = malloc(size);
    for (unsigned i = 0; i < 100000; i++) {
        const char *reason;
        ScepReply r;

        memcpy(bent, reply, size);
        random = random * 1664525U + 1013904223U;
        /* What is around the certificate is structure: refused before anything is computed. */
        bent[(random >> 8) % 20] ^= (unsigned char)(1U + i % 255);
        (void)parse_bytes(bent, i % 3 == 0 ? (random >> 4) % size : size, &r, &reason);
        if (i == 1000)
            before = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks <= before + (64U << 10));
    OPENSSL_free(reply);
}

/* --- F2: every algorithm that OpenSSL has a name for ------------------------------------------ */

typedef struct Der {
    uint8_t data[1024];
    size_t size;
} Der;

static void der_add(Der *d, uint8_t tag, const void *content, size_t size)
{
    assert_true(size < 0x10000 && d->size + size + 4 <= sizeof(d->data));
    d->data[d->size++] = tag;
    if (size > 0xff)
        d->data[d->size++] = 0x82;
    else if (size > 0x7f)
        d->data[d->size++] = 0x81;
    if (size > 0xff)
        d->data[d->size++] = (uint8_t)(size >> 8);
    d->data[d->size++] = (uint8_t)size;
    if (size > 0)
        memcpy(d->data + d->size, content, size);
    d->size += size;
}

static void der_wrap(Der *d, uint8_t tag)
{
    Der inner = *d;

    d->size = 0;
    der_add(d, tag, inner.data, inner.size);
}

typedef struct Envelope {
    DerSpan type, key_algorithm, cipher; /* object identifiers */
    size_t iv_size, n_recipients;
} Envelope;

static const Envelope usual = {
    .type = {(const uint8_t *)OID_ENVELOPED_DATA, sizeof(OID_ENVELOPED_DATA) - 1},
    .key_algorithm = {(const uint8_t *)OID_RSA, sizeof(OID_RSA) - 1},
    .cipher = {(const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9},
    .iv_size = 16,
    .n_recipients = 1,
};

static void add_recipient(Der *d, DerSpan algorithm)
{
    _cleanup_openssl_free_ unsigned char *name = NULL, *serial = NULL;
    Der who = {.size = 0}, how = {.size = 0}, info = {.size = 0};

    who.size = (size_t)i2d_X509_NAME(X509_get_issuer_name(router.certificate), &name);
    memcpy(who.data, name, who.size);
    assert_int_equal(i2d_ASN1_INTEGER(X509_get0_serialNumber(router.certificate), &serial), 3);
    memcpy(who.data + who.size, serial, 3);
    who.size += 3;
    der_add(&how, DER_OID, algorithm.data, algorithm.size);
    der_add(&info, DER_INTEGER, "\0", 1);
    der_add(&info, DER_SEQUENCE, who.data, who.size);
    der_add(&info, DER_SEQUENCE, how.data, how.size);
    der_add(&info, DER_OCTET_STRING, "key", 3);
    der_add(d, DER_SEQUENCE, info.data, info.size);
}

static int open_envelope(const Envelope *e, const char **ret_reason)
{
    Der recipients = {.size = 0}, cipher = {.size = 0}, content = {.size = 0}, d = {.size = 0};
    static const uint8_t iv[600];
    ScepEnvelope parsed;

    for (size_t i = 0; i < e->n_recipients; i++)
        add_recipient(&recipients, e->key_algorithm);
    der_add(&cipher, DER_OID, e->cipher.data, e->cipher.size);
    der_add(&cipher, DER_OCTET_STRING, iv, e->iv_size);
    der_add(&content, DER_OID, OID_DATA, sizeof(OID_DATA) - 1);
    der_add(&content, DER_SEQUENCE, cipher.data, cipher.size);
    der_add(&content, DER_CONTEXT(0), "0123456789abcdef", 16);
    der_add(&d, DER_INTEGER, "\0", 1);
    der_add(&d, DER_SET, recipients.data, recipients.size);
    der_add(&d, DER_SEQUENCE, content.data, content.size);
    der_wrap(&d, DER_SEQUENCE);
    der_wrap(&d, DER_CONTEXT_CONSTRUCTED(0));
    content.size = 0;
    der_add(&content, DER_OID, e->type.data, e->type.size);
    memcpy(content.data + content.size, d.data, d.size);
    content.size += d.size;
    der_wrap(&content, DER_SEQUENCE);
    *ret_reason = "";
    return scep_envelope_parse((DerSpan){content.data, content.size}, router.certificate, false,
                               &parsed, ret_reason);
}

/* Opens the envelope with each of them in its place; returns how many have passed. */
static unsigned try_all(Envelope *e, DerSpan *place, const char *words)
{
    unsigned passed = 0;

    for (int nid = 1; nid < OBJ_new_nid(0); nid++) {
        const ASN1_OBJECT *object = OBJ_nid2obj(nid);
        const char *reason;

        if (!object || OBJ_length(object) == 0)
            continue;
        *place = (DerSpan){OBJ_get0_data(object), OBJ_length(object)};
        if (open_envelope(e, &reason) == 0)
            passed++;
        else if (!strstr(reason, words))
            fail_msg("%s: %s", OBJ_nid2sn(nid), reason);
    }
    ERR_clear_error();
    return passed;
}

static void test_algorithms(void **state)
{
    const char *reason;
    Envelope e = usual;

    assert_int_equal(open_envelope(&e, &reason), 0);
    assert_int_equal(try_all(&e, &e.type, "no CMS EnvelopedData"), 1);
    e = usual;
    assert_int_equal(try_all(&e, &e.key_algorithm, "algorithm that is not known here"), 1);
    e = usual;
    assert_int_equal(try_all(&e, &e.cipher, "it is encrypted with "), 3); /* AES-CBC */
}

/* Ciphers with a length of their own for it have overrun stacks. */
static void test_vectors(void **state)
{
    const char *reason;
    Envelope e = usual;

    for (e.iv_size = 0; e.iv_size <= 600; e.iv_size++) {
        int r = open_envelope(&e, &reason);

        if (e.iv_size == 16)
            assert_int_equal(r, 0);
        else if (r != -EBADMSG || !strstr(reason, "initialisation vector"))
            fail_msg("%zu: %d %s", e.iv_size, r, reason);
    }
}

static void test_recipients(void **state)
{
    const char *reason;
    Envelope e = usual;

    for (e.n_recipients = 0; e.n_recipients < 4; e.n_recipients++)
        if (e.n_recipients != 1) {
            assert_int_equal(open_envelope(&e, &reason), -EBADMSG);
            assert_non_null(strstr(reason, "exactly one recipient"));
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value),    cmocka_unit_test(test_values_that_look_alike),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_fail_text),      cmocka_unit_test(test_printable_fail_text),
        cmocka_unit_test(test_kinds),          cmocka_unit_test(test_repeated_and_missing),
        cmocka_unit_test(test_not_the_answer), cmocka_unit_test(test_same_name),
        cmocka_unit_test(test_empty_sets),     cmocka_unit_test(test_signer_twice),
        cmocka_unit_test(test_variants),       cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_recipients),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
