/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include "der.h"
#include "pem.h"

#define DER_DEPTH_MAX 32U

static const uint8_t oid_signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
static const uint8_t oid_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};

typedef struct BundleReader {
    const AuthorityRules *rules;
    AuthorityList *list;
    size_t seen;
    const char *reason;
} BundleReader;

static int refuse(BundleReader *reader, int error, const char *reason)
{
    reader->reason = reason;
    return -error;
}

static int add_certificate(BundleReader *reader, const void *der, size_t size)
{
    if (++reader->seen > BUNDLE_CERTIFICATES_MAX)
        return refuse(reader, EMSGSIZE, "it holds more than 4096 certificates");
    return authority_list_add(reader->list, der, size, reader->rules);
}

static int count_malformed(BundleReader *reader)
{
    if (++reader->seen > BUNDLE_CERTIFICATES_MAX)
        return refuse(reader, EMSGSIZE, "it holds more than 4096 certificates");
    reader->list->rejected[AUTHORITY_MALFORMED]++;
    return 0;
}

/* CertificateSet: only the plain choice is a certificate in the sense of the pool. */
static int read_certificates(BundleReader *reader, DerSpan set)
{
    while (set.size > 0) {
        DerSpan element, content;
        uint8_t tag;
        int r;

        r = der_read_any(&set, &tag, &element, &content);
        if (r < 0)
            return refuse(reader, EBADMSG, "the certificates of the PKCS#7 container are no well-formed DER");
        r = tag == DER_SEQUENCE ? add_certificate(reader, element.data, element.size) : count_malformed(reader);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Takes the ContentInfo apart down to the fields of its SignedData. */
static int open_signed_data(BundleReader *reader, DerSpan der, DerSpan *ret_fields)
{
    DerSpan content_info, type, explicit_content;

    if (der_check(der, DER_DEPTH_MAX) < 0 || der_read_only(der, DER_SEQUENCE, &content_info) < 0)
        return refuse(reader, EBADMSG, "it is no single well-formed DER structure (indefinite lengths are not taken)");
    if (der_read(&content_info, DER_OID, &type) < 0)
        return refuse(reader, EBADMSG, "it is no PKCS#7 container");
    if (!der_equal(type, oid_signed_data, sizeof oid_signed_data))
        return refuse(reader, EBADMSG, "the content type of the PKCS#7 container is not signed-data");
    if (der_read(&content_info, DER_CONTEXT_CONSTRUCTED(0), &explicit_content) < 0 || der_end(&content_info) < 0 ||
        der_read_only(explicit_content, DER_SEQUENCE, ret_fields) < 0)
        return refuse(reader, EBADMSG, "the PKCS#7 container has no signed-data in it");
    return 0;
}

/* No content: a signed bundle carries another one in it, and the certificates outside are its signers'. */
static int check_no_content(BundleReader *reader, DerSpan *fields)
{
    DerSpan content_info, type;

    if (der_read(fields, DER_SEQUENCE, &content_info) < 0 || der_read(&content_info, DER_OID, &type) < 0)
        return refuse(reader, EBADMSG, "the PKCS#7 container has no content type");
    if (!der_equal(type, oid_data, sizeof oid_data))
        return refuse(reader, EBADMSG, "the inner content type of the PKCS#7 container is not data");
    if (der_end(&content_info) < 0)
        return refuse(reader, EBADMSG, "the PKCS#7 container has content of its own; only certificates-only containers can be imported");
    return 0;
}

static int read_pkcs7(BundleReader *reader, DerSpan der)
{
    DerSpan fields, digests, certificates = {0}, crls, signers;
    uint64_t version;
    int r;

    r = open_signed_data(reader, der, &fields);
    if (r < 0)
        return r;
    if (der_read_uint64(&fields, &version) < 0 || version == 0 || version > 5 || der_read(&fields, DER_SET, &digests) < 0)
        return refuse(reader, EBADMSG, "the signed-data of the PKCS#7 container does not parse");
    r = check_no_content(reader, &fields);
    if (r < 0)
        return r;
    /* CRLs are not what is imported here; they are often sent along. */
    if (der_read_optional(&fields, DER_CONTEXT_CONSTRUCTED(0), &certificates) < 0 ||
        der_read_optional(&fields, DER_CONTEXT_CONSTRUCTED(1), &crls) < 0 || der_read(&fields, DER_SET, &signers) < 0 ||
        der_end(&fields) < 0)
        return refuse(reader, EBADMSG, "the signed-data of the PKCS#7 container does not parse");
    if (der_end(&signers) < 0)
        return refuse(reader, EBADMSG, "the PKCS#7 container is signed; only certificates-only containers can be imported");
    return read_certificates(reader, certificates);
}

static int read_pem_block(BundleReader *reader, const PemBlock *block)
{
    bool pkcs7 = pem_has_label(block, "PKCS7") || pem_has_label(block, "CMS");
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    if (!pkcs7 && !pem_has_label(block, "CERTIFICATE") && !pem_has_label(block, "X509 CERTIFICATE"))
        return count_malformed(reader);
    r = pem_decode(block->text, &der, &size);
    if (r == -EBADMSG)
        return pkcs7 ? refuse(reader, EBADMSG, "the base64 of its PKCS#7 block is wrong") : count_malformed(reader);
    if (r < 0)
        return r;
    return pkcs7 ? read_pkcs7(reader, (DerSpan){der, size}) : add_certificate(reader, der, size);
}

static int read_pem(BundleReader *reader, DerSpan text)
{
    static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};
    PemBlock block;
    bool any = false;
    int r;

    if (text.size > sizeof byte_order_mark && memcmp(text.data, byte_order_mark, sizeof byte_order_mark) == 0)
        text = (DerSpan){text.data + sizeof byte_order_mark, text.size - sizeof byte_order_mark};
    while ((r = pem_next(&text, &block)) > 0) {
        any = true;
        r = read_pem_block(reader, &block);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return refuse(reader, EBADMSG, "a PEM block in it does not begin or end: it may be cut off");
    if (!any)
        return refuse(reader, EBADMSG, "it is neither PEM nor PKCS#7");
    return 0;
}

int bundle_parse(const void *data, size_t size, const AuthorityRules *rules, AuthorityList **ret, const char **ret_reason)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    BundleReader reader = {.rules = rules, .list = list, .reason = "there is not enough memory"};
    const uint8_t *bytes = data;
    int r;

    if (!list)
        r = -ENOMEM;
    else if (size == 0)
        r = refuse(&reader, EBADMSG, "it is empty");
    else if (size > BUNDLE_SIZE_MAX)
        r = refuse(&reader, EMSGSIZE, "it is larger than 4 MiB");
    else if (bytes[0] == DER_SEQUENCE)
        r = read_pkcs7(&reader, (DerSpan){bytes, size});
    else
        r = read_pem(&reader, (DerSpan){bytes, size});
    if (r < 0) {
        *ret_reason = reader.reason;
        return r;
    }
    *ret = TAKE_PTR(list);
    return 0;
}
