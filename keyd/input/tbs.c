/* SPDX-License-Identifier: Apache-2.0 */
#include "tbs.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

#define SERIAL_SIZE_MAX 20U

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

/* Exactly one SEQUENCE, sound in all its depth. */
static int open_sequence(DerSpan input, DerSpan *ret, const char **ret_reason)
{
    int r;

    if (input.size > TBS_SIZE_MAX)
        return refuse(ret_reason, "too large");
    r = x509_check_element(input, ret_reason);
    if (r < 0)
        return r;
    if (der_read_only(input, DER_SEQUENCE, ret) < 0)
        return refuse(ret_reason, "not exactly one SEQUENCE");
    return 0;
}

/* --- CertificationRequestInfo ----------------------------------------------------------------- */

/* 1.2.840.113549.1.9.n */
#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"

static int check_extension_request(DerSpan values, const char **ret_reason)
{
    X509Extensions extensions;
    DerSpan content;

    if (der_read_only(values, DER_SEQUENCE, &content) < 0)
        return refuse(ret_reason, "the extension request is malformed");
    return x509_check_extensions(content, &extensions, ret_reason);
}

static int check_one_string(DerSpan values, const char **ret_reason)
{
    DerSpan text;
    uint8_t tag;

    if (der_read_any(&values, &tag, NULL, &text) < 0 || der_end(&values) < 0 ||
        tag == DER_SEQUENCE || tag == DER_SET)
        return refuse(ret_reason, "an attribute has not exactly one text");
    return 0;
}

static const struct {
    const char *oid;
    int (*check)(DerSpan values, const char **ret_reason);
} known_attributes[] = {
    {PKCS9 "\x02", check_one_string},        /* unstructuredName: the host's name */
    {PKCS9 "\x07", check_one_string},        /* challengePassword */
    {PKCS9 "\x08", check_one_string},        /* unstructuredAddress: the host's address */
    {PKCS9 "\x0e", check_extension_request}, /* extensionRequest */
};

static int check_attributes(DerSpan attributes, const char **ret_reason)
{
    bool seen[ELEMENTSOF(known_attributes)] = {false};

    while (attributes.size > 0) {
        DerSpan attribute, oid, values;
        size_t i = 0;
        int r;

        if (der_read(&attributes, DER_SEQUENCE, &attribute) < 0 ||
            der_read(&attribute, DER_OID, &oid) < 0 || der_read(&attribute, DER_SET, &values) < 0 ||
            der_end(&attribute) < 0)
            return refuse(ret_reason, "an attribute is malformed");
        while (i < ELEMENTSOF(known_attributes) && !der_is(oid, known_attributes[i].oid))
            i++;
        if (i == ELEMENTSOF(known_attributes))
            return refuse(ret_reason, "there is an attribute that is not known here");
        if (seen[i])
            return refuse(ret_reason, "an attribute is there twice");
        seen[i] = true;
        r = known_attributes[i].check(values, ret_reason);
        if (r < 0)
            return r;
    }
    return 0;
}

int tbs_request_parse(DerSpan input, TbsRequest *ret, const char **ret_reason)
{
    TbsRequest request;
    DerSpan content, attributes;
    uint64_t version;
    int r;

    r = open_sequence(input, &content, ret_reason);
    if (r < 0)
        return r;
    if (der_read_uint64(&content, &version) < 0 || version != 0)
        return refuse(ret_reason, "the version is not 1");
    r = x509_read_name(&content, &request.subject, ret_reason);
    if (r < 0)
        return r;
    r = x509_read_public_key(&content, &request.public_key, ret_reason);
    if (r < 0)
        return r;
    if (der_read_only(content, DER_CONTEXT_CONSTRUCTED(0), &attributes) < 0)
        return refuse(ret_reason, "not exactly the attributes follow the public key");
    r = check_attributes(attributes, ret_reason);
    if (r < 0)
        return r;
    *ret = request;
    return 0;
}

/* --- TBSCertificate --------------------------------------------------------------------------- */

static int read_version_and_serial(DerSpan *content, const char **ret_reason)
{
    DerSpan version, serial;
    uint64_t number;

    if (der_read(content, DER_CONTEXT_CONSTRUCTED(0), &version) < 0 ||
        der_read_uint64(&version, &number) < 0 || der_end(&version) < 0 || number != 2)
        return refuse(ret_reason, "the version is not 3");
    /* F9: positive, minimal, at most 20 bytes. */
    if (der_read(content, DER_INTEGER, &serial) < 0 || serial.size == 0 ||
        serial.size > SERIAL_SIZE_MAX || serial.data[0] >= 0x80 ||
        (serial.data[0] == 0 && (serial.size == 1 || serial.data[1] < 0x80)))
        return refuse(ret_reason, "the serial number is not a positive number of at most 20 bytes");
    return 0;
}

static int read_signature_algorithm(DerSpan *content, DerSpan *ret, const char **ret_reason)
{
    uint8_t tag;

    if (der_read_any(content, &tag, ret, NULL) < 0 || tag != DER_SEQUENCE)
        return refuse(ret_reason, "the signature algorithm is missing");
    return 0;
}

static int read_extensions(DerSpan content, X509Extensions *ret, const char **ret_reason)
{
    DerSpan wrapped, extensions;

    /* Which also refuses the unique identifiers, [1] and [2]. */
    if (der_read_only(content, DER_CONTEXT_CONSTRUCTED(3), &wrapped) < 0 ||
        der_read_only(wrapped, DER_SEQUENCE, &extensions) < 0)
        return refuse(ret_reason, "not exactly the extensions follow the public key");
    return x509_check_extensions(extensions, ret, ret_reason);
}

int tbs_certificate_parse(DerSpan input, TbsCertificate *ret, const char **ret_reason)
{
    TbsCertificate c;
    DerSpan content;
    int r;

    r = open_sequence(input, &content, ret_reason);
    if (r >= 0)
        r = read_version_and_serial(&content, ret_reason);
    if (r >= 0)
        r = read_signature_algorithm(&content, &c.signature_algorithm, ret_reason);
    if (r >= 0)
        r = x509_read_name(&content, &c.issuer, ret_reason);
    if (r >= 0)
        r = x509_read_validity(&content, ret_reason);
    if (r >= 0)
        r = x509_read_name(&content, &c.subject, ret_reason);
    if (r >= 0)
        r = x509_read_public_key(&content, &c.public_key, ret_reason);
    if (r >= 0)
        r = read_extensions(content, &c.extensions, ret_reason);
    if (r < 0)
        return r;
    if (c.issuer.size == 0)
        return refuse(ret_reason, "the issuer is empty");
    *ret = c;
    return 0;
}
