/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "bundle.h"
#include "make-certificate.h"

#define OID_SIGNED_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_ENVELOPED_DATA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define OID_SHA256 "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define BYTES(s) s, sizeof(s) - 1

static AuthorityRules download_rules(void)
{
    return (AuthorityRules){.now = time(NULL)};
}

/* Expects a refusal that mentions words. */
static void assert_refused(const void *data, size_t size, int error, const char *words)
{
    const AuthorityRules rules = download_rules();
    AuthorityList *list = NULL;
    const char *reason = NULL;
    int r = bundle_parse(data, size, &rules, &list, &reason);

    assert_null(list);
    if (r != -error || !reason || !strstr(reason, words))
        fail_msg("%d, %s instead of %s", r, reason ?: "no reason", words);
}

static AuthorityList *parse(const Buffer *b)
{
    const AuthorityRules rules = download_rules();
    const char *reason = NULL;
    AuthorityList *list;

    if (bundle_parse(b->data, b->size, &rules, &list, &reason) != 0)
        fail_msg("refused: %s", reason);
    return list;
}

static void add_certificate(Buffer *b, const CertificateRecipe *recipe, bool pem)
{
    size_t size;
    void *der = make_certificate_der(recipe, &size);

    if (pem)
        buffer_add_pem(b, "CERTIFICATE", der, size);
    else
        buffer_add(b, der, size);
    free(der);
}

/* The parts of a PKCS#7 container; what is NULL is the usual for a certificates-only one. */
typedef struct ContainerRecipe {
    const char *type;    /* OID of the container */
    const char *digests; /* content of digestAlgorithms */
    const char *content_type, *content;
    const char *crls, *signers;
    const Buffer *certificates;
    size_t digests_size, content_size, crls_size, signers_size;
    bool no_digests, no_certificates, trailing;
} ContainerRecipe;

static Buffer make_container(const ContainerRecipe *c)
{
    Buffer fields = {0}, content_info = {0}, signed_data = {0}, explicit_content = {0}, all = {0},
           result = {0};

    buffer_add_text(&fields, "\x02\x01\x01");
    if (!c->no_digests)
        buffer_add_der(&fields, 0x31, c->digests, c->digests_size);
    buffer_add_text(&content_info, c->content_type ?: OID_DATA);
    buffer_add(&content_info, c->content, c->content_size);
    buffer_add_der(&fields, 0x30, content_info.data, content_info.size);
    if (!c->no_certificates)
        buffer_add_der(&fields, 0xa0, c->certificates ? c->certificates->data : NULL,
                       c->certificates ? c->certificates->size : 0);
    if (c->crls)
        buffer_add_der(&fields, 0xa1, c->crls, c->crls_size);
    buffer_add_der(&fields, 0x31, c->signers, c->signers_size);
    if (c->trailing)
        buffer_add(&fields, BYTES("\x05\x00"));
    buffer_add_der(&signed_data, 0x30, fields.data, fields.size);
    buffer_add_text(&all, c->type ?: OID_SIGNED_DATA);
    buffer_add_der(&explicit_content, 0xa0, signed_data.data, signed_data.size);
    buffer_add(&all, explicit_content.data, explicit_content.size);
    buffer_add_der(&result, 0x30, all.data, all.size);
    buffer_done(&fields);
    buffer_done(&content_info);
    buffer_done(&signed_data);
    buffer_done(&explicit_content);
    buffer_done(&all);
    return result;
}

/* --- What is no bundle ------------------------------------------------------------------------ */

static void test_no_bundle(void **state)
{
    static const char html[] =
        "<!DOCTYPE html>\n<html><body>404: -----BEGIN here-----</body></html>\n";
    char *large = calloc(1, BUNDLE_SIZE_MAX + 1);

    assert_refused("", 0, EBADMSG, "empty");
    assert_refused(BYTES("\0"), EBADMSG, "neither");
    assert_refused(BYTES(html), EBADMSG, "neither");
    assert_refused(BYTES("\xff\xfe-\0-\0"), EBADMSG, "neither");
    assert_refused(BYTES("0"), EBADMSG, "DER");
    assert_refused(BYTES("0 is text here, not DER"), EBADMSG, "DER");
    assert_refused(large, BUNDLE_SIZE_MAX + 1, EMSGSIZE, "48 MiB");
    assert_refused(large, BUNDLE_SIZE_MAX, EBADMSG, "neither");
    free(large);
}

/* A download that was cut off never replaces anything, wherever the cut is. */
static void test_truncated(void **state)
{
    Buffer pem = {0}, certificates = {0}, container;

    add_certificate(&pem, &(CertificateRecipe){.name = "one"}, true);
    for (size_t size = STRLEN("-----BEGIN CERTIFICATE-----"); size < pem.size - 1; size++)
        assert_refused(pem.data, size, EBADMSG, "cut off");
    add_certificate(&certificates, &(CertificateRecipe){.name = "one"}, false);
    container = make_container(&(ContainerRecipe){.certificates = &certificates});
    for (size_t size = 1; size < container.size; size++)
        assert_refused(container.data, size, EBADMSG, "DER");
    buffer_done(&pem);
    buffer_done(&certificates);
    buffer_done(&container);
}

static void test_too_many(void **state)
{
    Buffer pem = {0}, one = {0}, certificates = {0}, container;

    add_certificate(&one, &(CertificateRecipe){.name = "one"}, false);
    for (int i = 0; i < 33000; i++) {
        buffer_add_pem(&pem, "CERTIFICATE", one.data, one.size);
        buffer_add(&certificates, one.data, one.size);
    }
    container = make_container(&(ContainerRecipe){.certificates = &certificates});
    assert_true(pem.size < BUNDLE_SIZE_MAX);
    assert_refused(pem.data, pem.size, EMSGSIZE, "32768");
    assert_refused(container.data, container.size, EMSGSIZE, "32768");
    buffer_done(&pem);
    buffer_done(&one);
    buffer_done(&certificates);
    buffer_done(&container);
}

/* PEERS F20: recursion ends before the stack does. */
static void test_deep(void **state)
{
    Buffer b = {0};

    for (int i = 0; i < 2000; i++) {
        Buffer outer = {0};

        buffer_add_der(&outer, 0x30, b.data, b.size);
        buffer_done(&b);
        b = outer;
    }
    assert_refused(b.data, b.size, EBADMSG, "DER");
    buffer_done(&b);
}

/* PEERS F1, F2: a container that is anything but certificates-only is refused before OpenSSL sees a
 * byte of it. */
static void test_other_containers(void **state)
{
    static const char inner_signed[] = "\xa0\x02\x05\x00", empty_content[] = "\xa0\x02\x04\x00",
                      empty_sequence[] = "\xa0\x02\x30\x00";
    static const struct {
        ContainerRecipe recipe;
        const char *words;
    } cases[] = {
        {{.type = OID_ENVELOPED_DATA}, "not signed-data"},
        {{.type = OID_DATA}, "not signed-data"},
        {{.type = "\x02\x01\x01"}, "no PKCS#7"},
        {{.content_type = OID_ENVELOPED_DATA}, "inner content type"},
        {{.content_type = "\x05"}, "DER"},
        {{.content = inner_signed, .content_size = 4}, "no octet string"},
        {{.content = empty_content, .content_size = 4}, "is empty"},
        {{.content_type = OID_SIGNED_DATA, .content = inner_signed, .content_size = 4},
         "no octet string"},
        {{.content_type = OID_SIGNED_DATA, .content = empty_sequence, .content_size = 4},
         "no PKCS#7"},
        {{.signers = "\x30\x00", .signers_size = 2}, "has no content"},
        {{.no_digests = true}, "does not parse"},
        {{.trailing = true}, "does not parse"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Buffer container = make_container(&cases[i].recipe);

        assert_refused(container.data, container.size, EBADMSG, cases[i].words);
        buffer_done(&container);
    }
}

static void test_trailing_and_indefinite(void **state)
{
    Buffer container = make_container(&(ContainerRecipe){0});

    buffer_add(&container, BYTES("\x05\x00"));
    assert_refused(container.data, container.size, EBADMSG, "DER");
    buffer_done(&container);
    assert_refused(BYTES("\x30\x80" OID_SIGNED_DATA "\xa0\x80\x30\x80\x00\x00\x00\x00\x00\x00"),
                   EBADMSG, "indefinite");
}

/* What a real signer makes. */
static void test_signed_by_openssl(void **state)
{
    _cleanup_(X509_freep) X509 *signer = make_certificate(&(CertificateRecipe){.name = "signer"});
    _cleanup_(BIO_free_allp) BIO *content = BIO_new_mem_buf("content", 7);
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_sign(signer, make_key(), NULL, content, CMS_BINARY);
    _cleanup_openssl_free_ unsigned char *der = NULL;
    int size = i2d_CMS_ContentInfo(cms, &der);

    assert_true(size > 0);
    assert_refused(der, (size_t)size, EBADMSG, "content of the PKCS#7 container is neither");
}

/* --- What is in a bundle ---------------------------------------------------------------------- */

static void test_rejections(void **state)
{
    const AuthorityRules built_in = {.allow_v1 = true, .allow_expired = true};
    _cleanup_(authority_list_freep) AuthorityList *list = NULL, *as_built_in = NULL;
    _cleanup_free_ char *text = NULL;
    const char *reason;
    Buffer b = {0};

    add_certificate(&b, &(CertificateRecipe){.name = "leaf", .not_ca = true}, true);
    add_certificate(&b, &(CertificateRecipe){.name = "silent", .no_basic_constraints = true}, true);
    add_certificate(&b,
                    &(CertificateRecipe){
                        .name = "guess", .no_basic_constraints = true, .key_usage = "keyCertSign"},
                    true);
    add_certificate(
        &b, &(CertificateRecipe){.name = "no signing", .key_usage = "critical,digitalSignature"},
        true);
    add_certificate(&b, &(CertificateRecipe){.name = "v1", .version1 = true}, true);
    add_certificate(&b, &(CertificateRecipe){.name = "v1 issued", .issuer = "v1", .version1 = true},
                    true);
    add_certificate(&b, &(CertificateRecipe){.name = "old", .days_from = -20, .days_until = -10},
                    true);
    buffer_add_text(&b, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    buffer_add_text(&b, "-----BEGIN CERTIFICATE-----\n&&&\n-----END CERTIFICATE-----\n");
    buffer_add_text(&b, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    list = parse(&b);
    assert_int_equal(list->n, 0);
    assert_int_equal(list->rejected[AUTHORITY_NOT_CA], 6);
    assert_int_equal(list->rejected[AUTHORITY_EXPIRED], 1);
    assert_int_equal(list->rejected[AUTHORITY_MALFORMED], 3);
    text = authority_list_describe_rejected(list);
    assert_string_equal(text, "3 malformed, 6 without CA rights, 1 expired");

    /* What the system brings along may be old: a self-signed version 1 root, and an expired one. */
    assert_int_equal(bundle_parse(b.data, b.size, &built_in, &as_built_in, &reason), 0);
    assert_int_equal(as_built_in->n, 2);
    assert_string_equal(as_built_in->items[0]->summary.subject, "CN=v1");
    assert_string_equal(as_built_in->items[1]->summary.subject, "CN=old");
    buffer_done(&b);
}

static void test_pem(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL;
    Buffer b = {0}, crlf = {0};

    add_certificate(
        &b, &(CertificateRecipe){.name = "one", .key_usage = "critical,keyCertSign,cRLSign"}, true);
    buffer_add_text(&b, "\n# a comment\n  CN=two\n");
    add_certificate(&b, &(CertificateRecipe){.name = "two"}, true);
    buffer_add_text(&crlf, "\xef\xbb\xbf");
    for (size_t i = 0; i < b.size; i++) {
        if (b.data[i] == '\n')
            buffer_add_text(&crlf, "\r");
        buffer_add(&crlf, b.data + i, 1);
    }
    buffer_add(&crlf, b.data, b.size - 1); /* both again, without the last newline */
    list = parse(&crlf);
    assert_int_equal(list->n, 2);
    assert_int_equal(list->rejected[AUTHORITY_DUPLICATE], 2);
    assert_string_equal(list->items[0]->summary.subject, "CN=one");
    assert_string_equal(list->items[1]->summary.subject, "CN=two");
    assert_false(authority_same_subject(list->items[0], list->items[1]));
    buffer_done(&b);
    buffer_done(&crlf);
}

/* PEERS F1, F19: an empty SET of digest algorithms is what certificates-only containers have; all
 * other SETs empty holds nothing. */
static void test_container(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL, *with_crls = NULL, *empty = NULL,
                                                  *none = NULL;
    Buffer certificates = {0}, container;

    add_certificate(&certificates, &(CertificateRecipe){.name = "one"}, false);
    add_certificate(&certificates, &(CertificateRecipe){.name = "two", .not_ca = true}, false);
    add_certificate(&certificates, &(CertificateRecipe){.name = "three"}, false);
    buffer_add(&certificates, BYTES("\xa1\x00"));         /* an attribute certificate */
    buffer_add(&certificates, BYTES("\x30\x02\x05\x00")); /* no certificate */
    container = make_container(&(ContainerRecipe){.certificates = &certificates});
    list = parse(&container);
    assert_int_equal(list->n, 2);
    assert_int_equal(list->rejected[AUTHORITY_NOT_CA], 1);
    assert_int_equal(list->rejected[AUTHORITY_MALFORMED], 2);
    buffer_done(&container);

    container = make_container(&(ContainerRecipe){.certificates = &certificates,
                                                  .digests = OID_SHA256,
                                                  .digests_size = STRLEN(OID_SHA256),
                                                  .crls = "\x30\x00",
                                                  .crls_size = 2});
    with_crls = parse(&container);
    assert_int_equal(with_crls->n, 2);
    buffer_done(&container);

    container = make_container(&(ContainerRecipe){.crls = "", .crls_size = 0});
    empty = parse(&container);
    assert_int_equal(empty->n + authority_list_rejected(empty), 0);
    buffer_done(&container);

    container = make_container(&(ContainerRecipe){.no_certificates = true});
    none = parse(&container);
    assert_int_equal(none->n + authority_list_rejected(none), 0);
    buffer_done(&container);
    buffer_done(&certificates);
}

static void test_container_by_openssl(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL, *from_pem = NULL;
    _cleanup_(x509_stack_freep) STACK_OF(X509) *certificates = sk_X509_new_null();
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
    _cleanup_openssl_free_ unsigned char *der = NULL;
    Buffer pem = {0};
    int size;

    sk_X509_push(certificates, make_certificate(&(CertificateRecipe){.name = "one"}));
    sk_X509_push(certificates, make_certificate(&(CertificateRecipe){.name = "two"}));
    cms = CMS_sign(NULL, NULL, certificates, NULL, CMS_DETACHED | CMS_PARTIAL);
    assert_non_null(cms);
    size = i2d_CMS_ContentInfo(cms, &der);
    assert_true(size > 0);
    list = parse(&(Buffer){.data = der, .size = (size_t)size});
    assert_int_equal(list->n, 2);
    buffer_add_pem(&pem, "PKCS7", der, (size_t)size);
    add_certificate(&pem, &(CertificateRecipe){.name = "three"}, true);
    buffer_add_pem(&pem, "CMS", der, (size_t)size);
    from_pem = parse(&pem);
    assert_int_equal(from_pem->n, 3);
    assert_int_equal(from_pem->rejected[AUTHORITY_DUPLICATE], 2);
    buffer_done(&pem);
    buffer_add_text(&pem, "-----BEGIN PKCS7-----\n&&&&\n-----END PKCS7-----\n");
    assert_refused(pem.data, pem.size, EBADMSG, "base64");
    buffer_done(&pem);
}

/* --- Signed bundles --------------------------------------------------------------------------- */

static Buffer sign(X509 *signer, STACK_OF(X509) * more, const Buffer *content, unsigned flags)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(content->data, (int)content->size);
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_sign(signer, make_key(), more, bio, CMS_BINARY | flags);
    _cleanup_openssl_free_ unsigned char *der = NULL;
    Buffer result = {0};
    int size = i2d_CMS_ContentInfo(cms, &der);

    assert_true(size > 0);
    buffer_add(&result, der, (size_t)size);
    return result;
}

static Buffer make_inner(void)
{
    Buffer certificates = {0}, container;

    add_certificate(&certificates, &(CertificateRecipe){.name = "one"}, false);
    add_certificate(&certificates, &(CertificateRecipe){.name = "two"}, false);
    container = make_container(&(ContainerRecipe){.certificates = &certificates});
    buffer_done(&certificates);
    return container;
}

static void assert_one_and_two(const Buffer *bundle)
{
    _cleanup_(authority_list_freep) AuthorityList *list = parse(bundle);

    assert_int_equal(list->n, 2);
    assert_int_equal(authority_list_rejected(list), 0);
    assert_string_equal(list->items[0]->summary.subject, "CN=one");
    assert_string_equal(list->items[1]->summary.subject, "CN=two");
}

/* PEERS 0.3: of a signed bundle the roots inside are imported, and never the signers, although
 * these are CAs here. */
static void test_nested(void **state)
{
    _cleanup_(X509_freep) X509 *signer = make_certificate(&(CertificateRecipe){.name = "signer"});
    Buffer inner = make_inner(), outer = sign(signer, NULL, &inner, 0), pem = {0},
           twice = sign(signer, NULL, &outer, 0), deep, v15;
    Buffer explicit_content = {0}, octets = {0};

    assert_one_and_two(&outer);
    assert_one_and_two(&twice);
    buffer_add_pem(&pem, "PKCS7", outer.data, outer.size);
    assert_one_and_two(&pem);
    deep = sign(signer, NULL, &twice, 0);
    assert_one_and_two(&deep);
    buffer_done(&twice);
    twice = sign(signer, NULL, &deep, 0);
    assert_refused(twice.data, twice.size, EBADMSG, "nested too deeply");

    /* As PKCS#7 1.5 had it: the inner signed-data without an OCTET STRING around it; and with one.
     */
    buffer_add_der(&explicit_content, 0xa0, inner.data, inner.size);
    v15 = make_container(&(ContainerRecipe){.content_type = OID_SIGNED_DATA,
                                            .content = (char *)explicit_content.data,
                                            .content_size = explicit_content.size});
    assert_one_and_two(&v15);
    buffer_done(&v15);
    buffer_done(&explicit_content);
    buffer_add_der(&octets, 0x04, inner.data, inner.size);
    buffer_add_der(&explicit_content, 0xa0, octets.data, octets.size);
    v15 = make_container(&(ContainerRecipe){.content_type = OID_SIGNED_DATA,
                                            .content = (char *)explicit_content.data,
                                            .content_size = explicit_content.size});
    assert_one_and_two(&v15);
    for (size_t size = 1; size < outer.size; size += 7)
        assert_refused(outer.data, size, EBADMSG, "DER");
    Buffer *all[] = {&inner, &outer, &pem, &twice, &deep, &v15, &explicit_content, &octets};
    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        buffer_done(all[i]);
}

static const char *fingerprint_of(X509 *certificate, CertificateSummary *s)
{
    assert_int_equal(certificate_summarize(certificate, s), 0);
    return s->sha256_fingerprint;
}

static void assert_signature(const Buffer *b, const char *fingerprint,
                             const AuthorityList *authorities, int error, const char *words)
{
    const char *reason = "";
    int r = bundle_check_signature(b->data, b->size, fingerprint, authorities, &reason);

    if (r != -error || (error && !strstr(reason, words)))
        fail_msg("%d, %s instead of %s", r, reason, words);
}

static void test_signature(void **state)
{
    _cleanup_(X509_freep) X509 *signer =
        make_certificate(&(CertificateRecipe){.name = "signer", .issuer = "root", .not_ca = true});
    _cleanup_(X509_freep) X509 *root =
        make_certificate(&(CertificateRecipe){.name = "root", .days_from = -20, .days_until = -10});
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    _cleanup_free_ void *root_der = NULL;
    CertificateSummary signer_summary, root_summary;
    const char *signer_print = fingerprint_of(signer, &signer_summary),
               *root_print = fingerprint_of(root, &root_summary);
    Buffer inner = make_inner(), outer = sign(signer, NULL, &inner, 0),
           detached = sign(signer, NULL, &inner, CMS_DETACHED), pem = {0};
    size_t root_size;

    assert_signature(&inner, signer_print, list, EBADMSG, "not signed");
    assert_signature(&detached, signer_print, list, EBADMSG, "not signed");
    assert_signature(&outer, root_print, list, EKEYREJECTED, "neither in it nor in the trustpool");
    assert_int_equal(certificate_encode(root, &root_der, &root_size), 0);
    assert_int_equal(
        authority_list_add(list, root_der, root_size, &(AuthorityRules){.allow_expired = true}), 0);
    assert_signature(&outer, root_print, list, 0,
                     ""); /* its dates do not count: it has been named */
    assert_signature(&outer, signer_print, NULL, 0, "");
    buffer_add_pem(&pem, "PKCS7", outer.data, outer.size);
    assert_signature(&pem, signer_print, NULL, 0, "");
    /* What stands beside the container would be imported without being signed. */
    buffer_add_pem(&pem, "CERTIFICATE", root_der, root_size);
    assert_signature(&pem, signer_print, NULL, EBADMSG, "not one signed");
    /* Any byte of the content. */
    for (size_t i = 0; i + 4 < outer.size; i++)
        if (memcmp(outer.data + i, "\x03one", 4) == 0 ||
            memcmp(outer.data + i, "\x0c\x03two", 5) == 0)
            outer.data[i + 3] ^= 1;
    assert_signature(&outer, signer_print, NULL, EKEYREJECTED, "not one of the configured signer");
    certificate_summary_done(&signer_summary);
    certificate_summary_done(&root_summary);
    Buffer *all[] = {&inner, &outer, &detached, &pem};
    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        buffer_done(all[i]);
}

/* Nobody's signature: another's certificate is in the container, but its key did not sign. */
static void test_other_signer(void **state)
{
    _cleanup_(X509_freep) X509 *signer = make_certificate(&(CertificateRecipe){.name = "signer"});
    _cleanup_(X509_freep) X509 *vendor =
        make_certificate(&(CertificateRecipe){.name = "vendor", .rsa_bits = 2048});
    _cleanup_(x509_stack_freep) STACK_OF(X509) *more = sk_X509_new_null();
    CertificateSummary s;
    const char *print = fingerprint_of(vendor, &s);
    Buffer inner = make_inner(), outer;

    assert_true(X509_up_ref(vendor) && sk_X509_push(more, vendor));
    outer = sign(signer, more, &inner, 0);
    assert_signature(&outer, print, NULL, EKEYREJECTED, "not one of the configured signer");
    certificate_summary_done(&s);
    buffer_done(&inner);
    buffer_done(&outer);
}

/* PEERS F1, F2: digests and signature algorithms of yesterday, and too many signers, do not reach
 * OpenSSL. */
static void test_signature_forms(void **state)
{
    static const struct {
        const char *digests, *signers;
        const char *words;
    } cases[] = {
        {"\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a", "\x30", "digest other than"}, /* SHA-1 */
        {OID_SHA256, "\x31", "in a way"},
        {OID_SHA256, "\x30", "in a way"},
        {OID_SHA256, "\x30\x30\x30\x30\x30", "too many signers"},
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Buffer signers = {0}, container;

        for (const char *p = cases[i].signers; *p; p++)
            buffer_add_der(&signers, (uint8_t)*p, "\x02\x01\x01", 3);
        container = make_container(&(ContainerRecipe){.digests = cases[i].digests,
                                                      .digests_size = strlen(cases[i].digests),
                                                      .content = "\xa0\x03\x04\x01x",
                                                      .content_size = 5,
                                                      .signers = (char *)signers.data,
                                                      .signers_size = signers.size});
        assert_signature(&container, "", NULL, EKEYREJECTED, cases[i].words);
        buffer_done(&container);
        buffer_done(&signers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_bundle),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_other_containers),
        cmocka_unit_test(test_trailing_and_indefinite),
        cmocka_unit_test(test_signed_by_openssl),
        cmocka_unit_test(test_rejections),
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_container_by_openssl),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_other_signer),
        cmocka_unit_test(test_signature_forms),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
