/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include "pem.h"

#define DER_DEPTH_MAX 32U

static const uint8_t oid_signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
static const uint8_t oid_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};

typedef struct BundleReader {
    const AuthorityRules *rules;
    AuthorityList *list;
    const char *reason;
} BundleReader;

static int refuse(BundleReader *reader, int error, const char *reason)
{
    reader->reason = reason;
    return -error;
}

static int check_count(BundleReader *reader)
{
    if (reader->list->seen >= BUNDLE_CERTIFICATES_MAX)
        return refuse(reader, EMSGSIZE, "it holds more than 32768 certificates");
    return 0;
}

static int add_certificate(BundleReader *reader, DerSpan der)
{
    int r = check_count(reader);

    return r < 0 ? r : authority_list_add(reader->list, der.data, der.size, reader->rules);
}

static int count_malformed(BundleReader *reader)
{
    int r = check_count(reader);

    return r < 0 ? r : authority_list_add_malformed(reader->list);
}

/* --- Containers ------------------------------------------------------------------------------- */

static int fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* Takes the ContentInfo apart down to the fields of its SignedData. */
static int open_signed_data(DerSpan der, DerSpan *ret_fields, const char **ret_reason)
{
    DerSpan content_info, type, explicit_content;

    if (der_check(der, DER_DEPTH_MAX) < 0 || der_read_only(der, DER_SEQUENCE, &content_info) < 0)
        return fail(ret_reason,
                    "it is no single well-formed DER structure (indefinite lengths are not taken)");
    if (der_read(&content_info, DER_OID, &type) < 0)
        return fail(ret_reason, "it is no PKCS#7 container");
    if (!der_equal(type, oid_signed_data, sizeof oid_signed_data))
        return fail(ret_reason, "the content type of the PKCS#7 container is not signed-data");
    if (der_read(&content_info, DER_CONTEXT_CONSTRUCTED(0), &explicit_content) < 0 ||
        der_end(&content_info) < 0 || der_read_only(explicit_content, DER_SEQUENCE, ret_fields) < 0)
        return fail(ret_reason, "the PKCS#7 container has no signed-data in it");
    return 0;
}

/* RFC 5652 has content in an OCTET STRING whatever its type; PKCS#7 1.5 had a signed-data in it as
 * it is. */
static int open_content(DerSpan *fields, BundleContainer *c, const char **ret_reason)
{
    DerSpan content_info, type, explicit_content;
    bool signed_data;
    int r;

    if (der_read(fields, DER_SEQUENCE, &content_info) < 0 ||
        der_read(&content_info, DER_OID, &type) < 0)
        return fail(ret_reason, "the PKCS#7 container has no content type");
    signed_data = der_equal(type, oid_signed_data, sizeof oid_signed_data);
    if (!signed_data && !der_equal(type, oid_data, sizeof oid_data))
        return fail(
            ret_reason,
            "the inner content type of the PKCS#7 container is neither data nor signed-data");
    r = der_read_optional(&content_info, DER_CONTEXT_CONSTRUCTED(0), &explicit_content);
    if (r < 0 || der_end(&content_info) < 0)
        return fail(ret_reason, "the content of the PKCS#7 container does not parse");
    c->has_content = r > 0;
    if (!c->has_content ||
        (signed_data && explicit_content.size > 0 && explicit_content.data[0] == DER_SEQUENCE)) {
        c->content = c->has_content ? explicit_content : (DerSpan){0};
        return 0;
    }
    if (der_read_only(explicit_content, DER_OCTET_STRING, &c->content) < 0)
        return fail(ret_reason, "the content of the PKCS#7 container is no octet string");
    return 0;
}

int bundle_open_container(DerSpan der, BundleContainer *ret, const char **ret_reason)
{
    BundleContainer c = {0};
    DerSpan fields, crls;
    uint64_t version;
    int r;

    r = open_signed_data(der, &fields, ret_reason);
    if (r < 0)
        return r;
    if (der_read_uint64(&fields, &version) < 0 || version == 0 || version > 5 ||
        der_read(&fields, DER_SET, &c.digests) < 0)
        return fail(ret_reason, "the signed-data of the PKCS#7 container does not parse");
    r = open_content(&fields, &c, ret_reason);
    if (r < 0)
        return r;
    /* CRLs are not what is imported here; they are often sent along. */
    if (der_read_optional(&fields, DER_CONTEXT_CONSTRUCTED(0), &c.certificates) < 0 ||
        der_read_optional(&fields, DER_CONTEXT_CONSTRUCTED(1), &crls) < 0 ||
        der_read(&fields, DER_SET, &c.signers) < 0 || der_end(&fields) < 0)
        return fail(ret_reason, "the signed-data of the PKCS#7 container does not parse");
    *ret = c;
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* CertificateSet: only the plain choice is a certificate in the sense of the pool. */
static int read_certificates(BundleReader *reader, DerSpan set)
{
    while (set.size > 0) {
        DerSpan element, content;
        uint8_t tag;
        int r;

        r = der_read_any(&set, &tag, &element, &content);
        if (r < 0)
            return refuse(reader, EBADMSG,
                          "the certificates of the PKCS#7 container are no well-formed DER");
        r = tag == DER_SEQUENCE ? add_certificate(reader, element) : count_malformed(reader);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_any(BundleReader *reader, DerSpan data, unsigned nesting);

static int read_container(BundleReader *reader, DerSpan der, unsigned nesting)
{
    BundleContainer c;
    int r;

    r = bundle_open_container(der, &c, &reader->reason);
    if (r < 0)
        return r;
    if (!c.has_content && der_end(&c.signers) < 0)
        return refuse(reader, EBADMSG,
                      "the PKCS#7 container is signed and has no content; the certificates in it "
                      "are its signers'");
    if (!c.has_content)
        return read_certificates(reader, c.certificates);
    if (nesting >= BUNDLE_NESTING_MAX)
        return refuse(reader, EBADMSG, "PKCS#7 containers are nested too deeply in it");
    return read_any(reader, c.content, nesting + 1);
}

static int read_pem_block(BundleReader *reader, const PemBlock *block, unsigned nesting)
{
    bool pkcs7 = pem_has_label(block, "PKCS7") || pem_has_label(block, "CMS");
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    if (!pkcs7 && !pem_has_label(block, "CERTIFICATE") && !pem_has_label(block, "X509 CERTIFICATE"))
        return count_malformed(reader);
    r = pem_decode(block->text, &der, &size);
    if (r == -EBADMSG)
        return pkcs7 ? refuse(reader, EBADMSG, "the base64 of its PKCS#7 block is wrong")
                     : count_malformed(reader);
    if (r < 0)
        return r;
    return pkcs7 ? read_container(reader, (DerSpan){der, size}, nesting)
                 : add_certificate(reader, (DerSpan){der, size});
}

DerSpan bundle_skip_mark(DerSpan text)
{
    static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};

    if (text.size > sizeof byte_order_mark &&
        memcmp(text.data, byte_order_mark, sizeof byte_order_mark) == 0)
        return (DerSpan){text.data + sizeof byte_order_mark, text.size - sizeof byte_order_mark};
    return text;
}

static int read_pem(BundleReader *reader, DerSpan text, unsigned nesting)
{
    PemBlock block;
    bool any = false;
    int r;

    text = bundle_skip_mark(text);
    while ((r = pem_next(&text, &block)) > 0) {
        any = true;
        r = read_pem_block(reader, &block, nesting);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return refuse(reader, EBADMSG,
                      "a PEM block in it does not begin or end: it may be cut off");
    if (!any)
        return refuse(reader, EBADMSG,
                      nesting > 0 ? "the content of the PKCS#7 container is neither PEM nor PKCS#7"
                                  : "it is neither PEM nor PKCS#7");
    return 0;
}

static int read_any(BundleReader *reader, DerSpan data, unsigned nesting)
{
    if (data.size == 0)
        return refuse(reader, EBADMSG,
                      nesting > 0 ? "the content of the PKCS#7 container is empty" : "it is empty");
    return data.data[0] == DER_SEQUENCE ? read_container(reader, data, nesting)
                                        : read_pem(reader, data, nesting);
}

int bundle_parse(const void *data, size_t size, const AuthorityRules *rules, AuthorityList **ret,
                 const char **ret_reason)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    BundleReader reader = {.rules = rules, .list = list, .reason = "there is not enough memory"};
    int r;

    if (!list)
        r = -ENOMEM;
    else if (size > BUNDLE_SIZE_MAX)
        r = refuse(&reader, EMSGSIZE, "it is larger than 48 MiB");
    else
        r = read_any(&reader, (DerSpan){data, size}, 0);
    if (r < 0) {
        *ret_reason = reader.reason;
        return r;
    }
    *ret = TAKE_PTR(list);
    return 0;
}
