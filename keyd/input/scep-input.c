/* SPDX-License-Identifier: Apache-2.0 */
#include "scep-input.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "x509-syntax.h"

#define NONCE_SIZE 16U
#define TRANSACTION_ID_MAX 128U

#define PRINTABLE_STRING 0x13

/* The last bytes of 1.2.840.113549.1.9.n, and of 2.16.840.1.113733.1.9.n. */
#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"
#define VERISIGN "\x60\x86\x48\x01\x86\xf8\x45\x01\x09"
#define ID_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"

typedef struct Expected {
    size_t digest_size;
} Expected;

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

static bool is_data(DerSpan value, const Expected *e)
{
    DerSpan oid;

    return der_read_only(value, DER_OID, &oid) >= 0 && der_equal(oid, ID_DATA, STRLEN(ID_DATA));
}

static bool is_digest(DerSpan value, const Expected *e)
{
    DerSpan digest;

    return der_read_only(value, DER_OCTET_STRING, &digest) >= 0 && digest.size == e->digest_size;
}

static bool is_time(DerSpan value, const Expected *e)
{
    return x509_is_time(value);
}

static bool is_sequence(DerSpan value, const Expected *e)
{
    return der_read_only(value, DER_SEQUENCE, NULL) >= 0;
}

/* What a client may say. The others, above all 3, the answer of a CA, are not for a router's key.
 */
static bool is_request_type(DerSpan value, const Expected *e)
{
    static const char *const types[] = {
        "17", /* RenewalReq */
        "19", /* PKCSReq */
        "20", /* CertPoll */
        "21", /* GetCert */
        "22", /* GetCRL */
    };
    DerSpan text;

    if (der_read_only(value, PRINTABLE_STRING, &text) < 0)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        if (der_is(text, types[i]))
            return true;
    return false;
}

static bool is_transaction_id(DerSpan value, const Expected *e)
{
    DerSpan text;

    if (der_read_only(value, PRINTABLE_STRING, &text) < 0 || text.size == 0 ||
        text.size > TRANSACTION_ID_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    return true;
}

static bool is_nonce(DerSpan value, const Expected *e)
{
    DerSpan nonce;

    return der_read_only(value, DER_OCTET_STRING, &nonce) >= 0 && nonce.size == NONCE_SIZE;
}

static const struct {
    const char *oid;
    bool (*is_valid)(DerSpan value, const Expected *e);
    bool required;
} known_attributes[] = {
    {PKCS9 "\x03", is_data, true},            /* contentType */
    {PKCS9 "\x04", is_digest, true},          /* messageDigest */
    {PKCS9 "\x05", is_time, false},           /* signingTime */
    {PKCS9 "\x34", is_sequence, false},       /* CMSAlgorithmProtection, RFC 6211 */
    {VERISIGN "\x02", is_request_type, true}, /* messageType */
    {VERISIGN "\x05", is_nonce, true},        /* senderNonce */
    {VERISIGN "\x06", is_nonce, false},       /* recipientNonce */
    {VERISIGN "\x07", is_transaction_id, true},
};

_Static_assert(ELEMENTSOF(known_attributes) <= 32, "each has a bit in seen");

static int check_attribute(DerSpan attribute, const Expected *e, uint32_t *seen,
                           const char **ret_reason)
{
    DerSpan oid, values;

    if (der_read(&attribute, DER_OID, &oid) < 0 || der_read(&attribute, DER_SET, &values) < 0 ||
        der_end(&attribute) < 0)
        return refuse(ret_reason, "an attribute is malformed");
    for (size_t i = 0; i < ELEMENTSOF(known_attributes); i++) {
        if (!der_is(oid, known_attributes[i].oid))
            continue;
        if (*seen & 1U << i)
            return refuse(ret_reason, "an attribute is there twice");
        *seen |= 1U << i;
        return known_attributes[i].is_valid(values, e)
                   ? 0
                   : refuse(ret_reason, "an attribute has not exactly one value of its kind");
    }
    return refuse(ret_reason, "there is an attribute that no request of SCEP has");
}

/* X.690 section 11.6: in the order of their octets. */
static bool is_before(DerSpan a, DerSpan b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, common);

    return order < 0 || (order == 0 && a.size < b.size);
}

int scep_attributes_check(DerSpan input, size_t digest_size, const char **ret_reason)
{
    const Expected expected = {digest_size};
    DerSpan attributes, element, content, last = {NULL, 0};
    uint32_t seen = 0;
    int r;

    if (input.size > SCEP_ATTRIBUTES_SIZE_MAX)
        return refuse(ret_reason, "too large");
    r = x509_check_element(input, ret_reason);
    if (r < 0)
        return r;
    if (der_read_only(input, DER_SET, &attributes) < 0)
        return refuse(ret_reason, "not exactly one SET of attributes");
    while (attributes.size > 0) {
        uint8_t tag;

        if (der_read_any(&attributes, &tag, &element, &content) < 0 || tag != DER_SEQUENCE)
            return refuse(ret_reason, "an attribute is malformed");
        if (last.data && !is_before(last, element))
            return refuse(ret_reason, "the attributes are not in the order of DER");
        last = element;
        r = check_attribute(content, &expected, &seen, ret_reason);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < ELEMENTSOF(known_attributes); i++)
        if (known_attributes[i].required && !(seen & 1U << i))
            return refuse(ret_reason, "an attribute that each request of SCEP has is missing");
    return 0;
}
