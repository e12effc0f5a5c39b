/* SPDX-License-Identifier: Apache-2.0 */
#include "x509-syntax.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

static int refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return -EBADMSG;
}

int x509_check_element(DerSpan element, const char **ret_reason)
{
    if (der_check(element, X509_DEPTH_MAX) < 0)
        return refuse(ret_reason, "not well-formed DER");
    return 0;
}

static bool is_string_tag(uint8_t tag)
{
    /* UTF8String, PrintableString, T61String, IA5String, UniversalString, BMPString */
    return tag == 0x0c || tag == 0x13 || tag == 0x14 || tag == 0x16 || tag == 0x1c || tag == 0x1e;
}

static int check_attribute_value(DerSpan rdn)
{
    do {
        DerSpan pair, type, value;
        uint8_t tag;

        if (der_read(&rdn, DER_SEQUENCE, &pair) < 0 || der_read(&pair, DER_OID, &type) < 0 ||
            der_read_any(&pair, &tag, NULL, &value) < 0 || der_end(&pair) < 0)
            return -EBADMSG;
        if (type.size == 0 || value.size == 0 || !is_string_tag(tag))
            return -EBADMSG;
    } while (rdn.size > 0);
    return 0;
}

int x509_read_name(DerSpan *input, DerSpan *ret_content, const char **ret_reason)
{
    DerSpan name, rdns, rdn;

    if (der_read(input, DER_SEQUENCE, &name) < 0)
        return refuse(ret_reason, "a name is missing");
    rdns = name;
    for (unsigned n = 0; rdns.size > 0; n++) {
        if (n >= X509_RDNS_MAX)
            return refuse(ret_reason, "a name has too many parts");
        if (der_read(&rdns, DER_SET, &rdn) < 0 || check_attribute_value(rdn) < 0)
            return refuse(ret_reason, "a name is malformed");
    }
    *ret_content = name;
    return 0;
}

int x509_read_public_key(DerSpan *input, DerSpan *ret_element, const char **ret_reason)
{
    DerSpan element, info, algorithm, oid, bits;
    uint8_t tag;

    if (der_read_any(input, &tag, &element, &info) < 0 || tag != DER_SEQUENCE)
        return refuse(ret_reason, "the public key is missing");
    if (der_read(&info, DER_SEQUENCE, &algorithm) < 0 ||
        der_read(&info, DER_BIT_STRING, &bits) < 0 || der_end(&info) < 0 ||
        der_read(&algorithm, DER_OID, &oid) < 0 || oid.size == 0 || bits.size < 2 ||
        bits.data[0] != 0)
        return refuse(ret_reason, "the public key is malformed");
    *ret_element = element;
    return 0;
}

/* --- Times ------------------------------------------------------------------------------------ */

#define TIME_DIGITS 14U /* YYYYMMDDHHMMSS */

static bool digits_in_range(const char *digits, unsigned min, unsigned max)
{
    unsigned n = (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');

    return n >= min && n <= max;
}

/* Times before 2050 are UTCTime, later ones GeneralizedTime. */
static int read_time(DerSpan *input, char ret[TIME_DIGITS])
{
    DerSpan text;
    uint8_t tag;

    if (der_read_any(input, &tag, NULL, &text) < 0)
        return -EBADMSG;
    if (tag == DER_UTC_TIME && text.size == TIME_DIGITS - 1) {
        memcpy(ret, text.data[0] >= '5' ? "19" : "20", 2);
        memcpy(ret + 2, text.data, TIME_DIGITS - 2);
    } else if (tag == DER_GENERALIZED_TIME && text.size == TIME_DIGITS + 1 &&
               memcmp(text.data, "2050", 4) >= 0)
        memcpy(ret, text.data, TIME_DIGITS);
    else
        return -EBADMSG;
    if (text.data[text.size - 1] != 'Z')
        return -EBADMSG;
    for (size_t i = 0; i < TIME_DIGITS; i++)
        if (ret[i] < '0' || ret[i] > '9')
            return -EBADMSG;
    if (!digits_in_range(ret + 4, 1, 12) || !digits_in_range(ret + 6, 1, 31) ||
        !digits_in_range(ret + 8, 0, 23) || !digits_in_range(ret + 10, 0, 59) ||
        !digits_in_range(ret + 12, 0, 59))
        return -EBADMSG;
    return 0;
}

bool x509_is_time(DerSpan input)
{
    char digits[TIME_DIGITS];

    return read_time(&input, digits) >= 0 && input.size == 0;
}

int x509_read_validity(DerSpan *input, const char **ret_reason)
{
    char not_before[TIME_DIGITS], not_after[TIME_DIGITS];
    DerSpan validity;

    if (der_read(input, DER_SEQUENCE, &validity) < 0 || read_time(&validity, not_before) < 0 ||
        read_time(&validity, not_after) < 0 || der_end(&validity) < 0)
        return refuse(ret_reason, "the validity is malformed");
    if (memcmp(not_before, not_after, TIME_DIGITS) > 0)
        return refuse(ret_reason, "the validity ends before it begins");
    return 0;
}

/* --- Extensions ------------------------------------------------------------------------------- */

/* The last bytes of 2.5.29.n, and of 1.3.6.1.5.5.7.1.1. */
#define OID_SUBJECT_KEY_IDENTIFIER "\x55\x1d\x0e"
#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_SUBJECT_ALT_NAME "\x55\x1d\x11"
#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define OID_CRL_DISTRIBUTION_POINTS "\x55\x1d\x1f"
#define OID_CERTIFICATE_POLICIES "\x55\x1d\x20"
#define OID_AUTHORITY_KEY_IDENTIFIER "\x55\x1d\x23"
#define OID_EXTENDED_KEY_USAGE "\x55\x1d\x25"
#define OID_AUTHORITY_INFO_ACCESS "\x2b\x06\x01\x05\x05\x07\x01\x01"

#define KEY_USAGE_CERT_SIGN 0x04
#define KEY_USAGE_CRL_SIGN 0x02

static int read_basic_constraints(DerSpan value, X509Extensions *e)
{
    DerSpan content, flag;
    uint64_t path_length;
    int r;

    if (der_read_only(value, DER_SEQUENCE, &content) < 0)
        return -EBADMSG;
    r = der_read_optional(&content, DER_BOOLEAN, &flag);
    if (r < 0 || (r > 0 && !der_equal(flag, "\xff", 1)))
        return -EBADMSG;
    e->is_ca = r > 0;
    if (content.size > 0 && (!e->is_ca || der_read_uint64(&content, &path_length) < 0))
        return -EBADMSG;
    return der_end(&content);
}

static int read_key_usage(DerSpan value, X509Extensions *e)
{
    DerSpan bits;

    if (der_read_only(value, DER_BIT_STRING, &bits) < 0 || bits.size < 2 || bits.size > 3 ||
        bits.data[0] > 7)
        return -EBADMSG;
    e->signs_others = bits.data[1] & (KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN);
    return 0;
}

static int read_sequence(DerSpan value, X509Extensions *e)
{
    return der_read_only(value, DER_SEQUENCE, NULL);
}

static int read_octets(DerSpan value, X509Extensions *e)
{
    return der_read_only(value, DER_OCTET_STRING, NULL);
}

static const struct {
    const char *oid;
    int (*read)(DerSpan value, X509Extensions *e);
} known_extensions[] = {
    {OID_SUBJECT_KEY_IDENTIFIER, read_octets},     {OID_KEY_USAGE, read_key_usage},
    {OID_SUBJECT_ALT_NAME, read_sequence},         {OID_BASIC_CONSTRAINTS, read_basic_constraints},
    {OID_CRL_DISTRIBUTION_POINTS, read_sequence},  {OID_CERTIFICATE_POLICIES, read_sequence},
    {OID_AUTHORITY_KEY_IDENTIFIER, read_sequence}, {OID_EXTENDED_KEY_USAGE, read_sequence},
    {OID_AUTHORITY_INFO_ACCESS, read_sequence},
};

_Static_assert(ELEMENTSOF(known_extensions) <= 32, "each has a bit in seen");

static int check_extension(DerSpan extension, X509Extensions *e, uint32_t *seen,
                           const char **ret_reason)
{
    DerSpan oid, critical, value;
    int r;

    if (der_read(&extension, DER_OID, &oid) < 0)
        return refuse(ret_reason, "an extension is malformed");
    r = der_read_optional(&extension, DER_BOOLEAN, &critical);
    /* FALSE is the default, which DER leaves out. */
    if (r < 0 || (r > 0 && !der_equal(critical, "\xff", 1)) ||
        der_read(&extension, DER_OCTET_STRING, &value) < 0 || der_end(&extension) < 0 ||
        der_check(value, X509_DEPTH_MAX) < 0)
        return refuse(ret_reason, "an extension is malformed");
    for (size_t i = 0; i < ELEMENTSOF(known_extensions); i++) {
        if (!der_is(oid, known_extensions[i].oid))
            continue;
        if (*seen & 1U << i)
            return refuse(ret_reason, "an extension is there twice");
        *seen |= 1U << i;
        return known_extensions[i].read(value, e) < 0
                   ? refuse(ret_reason, "the value of an extension is malformed")
                   : 0;
    }
    return refuse(ret_reason, "there is an extension that is not known here");
}

int x509_check_extensions(DerSpan content, X509Extensions *ret, const char **ret_reason)
{
    X509Extensions e = {false, false};
    uint32_t seen = 0;

    if (content.size == 0)
        return refuse(ret_reason, "the list of extensions is empty");
    while (content.size > 0) {
        DerSpan extension;
        int r;

        if (der_read(&content, DER_SEQUENCE, &extension) < 0)
            return refuse(ret_reason, "an extension is malformed");
        r = check_extension(extension, &e, &seen, ret_reason);
        if (r < 0)
            return r;
    }
    *ret = e;
    return 0;
}
