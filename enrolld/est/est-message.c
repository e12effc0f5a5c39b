/* SPDX-License-Identifier: Apache-2.0 */
#include "est-message.h"

#include <strings.h>

#include "ber.h"
#include "der.h"
#include "pem.h"
#include "scep-message.h"

#define ATTRIBUTES_MAX 64U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- Bodies ----------------------------------------------------------------------------------- */

/* "application/pkcs7-mime; smime-type=certs-only" is of the type application/pkcs7-mime. */
static bool is_of_type(const char *given, const char *expected)
{
    size_t size = strlen(expected);

    return given && strncasecmp(given, expected, size) == 0 &&
           (given[size] == '\0' || given[size] == ';' || given[size] == ' ');
}

/* The value may be in quotation marks (RFC 2045 section 5.1). */
static bool is_certificates_only(const char *value)
{
    value += *value == '"';
    return strncasecmp(value, "certs-only", STRLEN("certs-only")) == 0;
}

/* RFC 8951 section 3.1: always base64, whatever a header says. */
static int decode(const void *text, size_t size, void **ret, size_t *ret_size,
                  const char **ret_reason)
{
    int r = pem_decode((DerSpan){text, size}, ret, ret_size);

    return r == -EBADMSG ? refuse(r, ret_reason, "it is not base64") : r;
}

int est_certificates_parse(const char *type, const void *text, size_t size, ReceivedList *ret,
                           const char **ret_reason)
{
    _cleanup_free_ void *data = NULL, *der = NULL;
    const char *kind;
    DerSpan input, inside;
    int r;

    *ret = (ReceivedList){.n = 0};
    if (!is_of_type(type, "application/pkcs7-mime"))
        return refuse(-EBADMSG, ret_reason, "its content type is not application/pkcs7-mime");
    kind = strcasestr(type, "smime-type=");
    if (kind && !is_certificates_only(kind + STRLEN("smime-type=")))
        return refuse(-EBADMSG, ret_reason, "its smime-type is not certs-only");
    if (size > EST_REPLY_MAX)
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 384 KiB");
    r = decode(text, size, &data, &input.size, ret_reason);
    if (r < 0)
        return r;
    input.data = data;
    /* CMS may come in BER. */
    if (ber_to_der(data, input.size, &der, &input.size) >= 0)
        input.data = der;
    /* A certificate alone would pass below. */
    if (der_read_only(input, DER_SEQUENCE, &inside) < 0 || der_read(&inside, DER_OID, NULL) < 0)
        return refuse(-EBADMSG, ret_reason, "it is no CMS SignedData");
    return scep_certificates_parse(input.data, input.size, ret, ret_reason);
}

/* --- csrattrs --------------------------------------------------------------------------------- */

#define PKCS1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"
#define ANSI_SIGNATURE "\x2a\x86\x48\xce\x3d\x04\x03"
#define NIST_HASH "\x60\x86\x48\x01\x65\x03\x04\x02"

static const struct {
    const char *oid;
    unsigned keys, digests;
} known[] = {
    {PKCS1 "\x0b", EST_KEY_RSA, EST_SHA256},
    {PKCS1 "\x0c", EST_KEY_RSA, EST_SHA384},
    {PKCS1 "\x0d", EST_KEY_RSA, EST_SHA512},
    {ANSI_SIGNATURE "\x02", EST_KEY_P256 | EST_KEY_P384 | EST_KEY_P521, EST_SHA256},
    {ANSI_SIGNATURE "\x03", EST_KEY_P256 | EST_KEY_P384 | EST_KEY_P521, EST_SHA384},
    {ANSI_SIGNATURE "\x04", EST_KEY_P256 | EST_KEY_P384 | EST_KEY_P521, EST_SHA512},
    {NIST_HASH "\x01", 0, EST_SHA256},
    {NIST_HASH "\x02", 0, EST_SHA384},
    {NIST_HASH "\x03", 0, EST_SHA512},
    {"\x2b\x65\x70", EST_KEY_ED25519, 0},
    {PKCS1 "\x01", EST_KEY_RSA, 0},
};

static const struct {
    const char *oid;
    unsigned key;
} curves[] = {
    {"\x2a\x86\x48\xce\x3d\x03\x01\x07", EST_KEY_P256},
    {"\x2b\x81\x04\x00\x22", EST_KEY_P384},
    {"\x2b\x81\x04\x00\x23", EST_KEY_P521},
};

/* What the keys are for, and how they sign: kept apart, because a signature algorithm allows a kind
 * of key, and a key type demands one. */
typedef struct Wishes {
    EstAttributes *attributes;
    unsigned demanded; /* EstKeys */
    unsigned signing;  /* EstKeys */
    bool other_curve;
} Wishes;

static void take_oid(DerSpan oid, Wishes *w)
{
    if (der_is(oid, PKCS9 "\x07"))
        w->attributes->wants_binding = true;
    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        if (der_is(oid, known[i].oid)) {
            w->attributes->digests |= known[i].digests;
            if (known[i].digests)
                w->signing |= known[i].keys;
            else
                w->demanded |= known[i].keys;
        }
}

static int take_curves(DerSpan values, Wishes *w)
{
    while (values.size > 0) {
        bool found = false;
        DerSpan oid;

        if (der_read(&values, DER_OID, &oid) < 0)
            return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(curves); i++)
            if (der_is(oid, curves[i].oid)) {
                w->demanded |= curves[i].key;
                found = true;
            }
        w->other_curve = w->other_curve || !found;
    }
    return 0;
}

static int take_rsa_size(DerSpan values, Wishes *w)
{
    w->demanded |= EST_KEY_RSA;
    if (values.size == 0)
        return 0;
    return der_read_uint64(&values, &w->attributes->rsa_bits) < 0 ? -EBADMSG : der_end(&values);
}

/* Names and the like are the router's to choose. */
static int take_extension(DerSpan element, Wishes *w)
{
    const unsigned char *p = element.data;
    X509_EXTENSION *extension = d2i_X509_EXTENSION(NULL, &p, (long)element.size);
    STACK_OF(X509_EXTENSION) **list = &w->attributes->extensions;
    int nid = extension ? OBJ_obj2nid(X509_EXTENSION_get_object(extension)) : NID_undef;
    void *value =
        nid == NID_key_usage || nid == NID_ext_key_usage ? X509V3_EXT_d2i(extension) : NULL;
    bool wanted = value && X509v3_get_ext_by_NID(*list, nid, -1) < 0;
    int r = extension ? 0 : -EBADMSG;

    if (value && nid == NID_key_usage)
        ASN1_BIT_STRING_free(value);
    else if (value)
        EXTENDED_KEY_USAGE_free(value);
    if (wanted && !X509v3_add_ext(list, extension, -1))
        r = -ENOMEM;
    X509_EXTENSION_free(extension);
    ERR_clear_error();
    return r;
}

/* The values are the extensions themselves, or only their names, with which nothing can be done. */
static int take_extensions(DerSpan values, Wishes *w)
{
    while (values.size > 0) {
        DerSpan element, inside;
        uint8_t tag;

        if (der_read_any(&values, &tag, &element, &inside) < 0)
            return -EBADMSG;
        if (tag == DER_OID)
            continue;
        if (tag != DER_SEQUENCE)
            return -EBADMSG;
        while (inside.size > 0) {
            int r = der_read_any(&inside, &tag, &element, NULL);

            if (r >= 0)
                r = tag == DER_SEQUENCE ? take_extension(element, w) : -EBADMSG;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* RFC 9908 section 3.4: one value, of one attribute. */
static int take_template(DerSpan values, Wishes *w)
{
    DerSpan element;
    uint8_t tag;

    if (w->attributes->template || der_read_any(&values, &tag, &element, NULL) < 0 ||
        der_end(&values) < 0)
        return -EBADMSG;
    return est_template_new(element, &w->attributes->template);
}

static int take_attribute(DerSpan attribute, Wishes *w)
{
    DerSpan oid, values;

    if (der_read(&attribute, DER_OID, &oid) < 0 || der_read(&attribute, DER_SET, &values) < 0 ||
        der_end(&attribute) < 0)
        return -EBADMSG;
    if (der_is(oid, PKCS9 "\x07"))
        w->attributes->wants_binding = true;
    if (der_is(oid, "\x2a\x86\x48\xce\x3d\x02\x01"))
        return take_curves(values, w);
    if (der_is(oid, PKCS1 "\x01"))
        return take_rsa_size(values, w);
    if (der_is(oid, PKCS9 "\x0e"))
        return take_extensions(values, w);
    if (der_is(oid, PKCS9 "\x10\x02\x3d"))
        return take_template(values, w);
    return 0;
}

static int take_all(DerSpan list, Wishes *w)
{
    for (unsigned n = 0; list.size > 0; n++) {
        DerSpan element, inside;
        uint8_t tag;
        int r = 0;

        if (n == ATTRIBUTES_MAX || der_read_any(&list, &tag, &element, &inside) < 0)
            return -EBADMSG;
        if (tag == DER_OID)
            take_oid(inside, w);
        else
            r = tag == DER_SEQUENCE ? take_attribute(inside, w) : -EBADMSG;
        if (r < 0)
            return r;
    }
    return 0;
}

int est_attributes_parse(const char *type, const void *text, size_t size, EstAttributes *ret,
                         const char **ret_reason)
{
    _cleanup_free_ void *der = NULL;
    EstAttributes attributes = {.keys = 0};
    Wishes w = {.attributes = &attributes};
    DerSpan list;
    size_t der_size;
    int r;

    if (!is_of_type(type, "application/csrattrs"))
        return refuse(-EBADMSG, ret_reason, "its content type is not application/csrattrs");
    if (size > EST_ATTRIBUTES_MAX)
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 64 KiB");
    r = decode(text, size, &der, &der_size, ret_reason);
    if (r < 0)
        return r;
    r = der_read_only((DerSpan){der, der_size}, DER_SEQUENCE, &list);
    if (r >= 0)
        r = take_all(list, &w);
    if (r < 0) {
        est_attributes_done(&attributes);
        return r == -EBADMSG ? refuse(r, ret_reason, "it is no list of attributes") : r;
    }
    /* RFC 9908 section 4: the rest is for those who do not know templates. */
    if (attributes.template) {
        sk_X509_EXTENSION_pop_free(attributes.extensions, X509_EXTENSION_free);
        *ret = (EstAttributes){.template = attributes.template,
                               .wants_binding = est_template_wants_binding(attributes.template)};
        return 0;
    }
    attributes.keys = w.demanded ? w.demanded : w.signing;
    /* A curve that is not known here is one that no key here is on. */
    if (w.other_curve && !w.demanded)
        attributes.keys = ~0U << 8;
    *ret = attributes;
    return 0;
}

void est_attributes_done(EstAttributes *attributes)
{
    sk_X509_EXTENSION_pop_free(attributes->extensions, X509_EXTENSION_free);
    attributes->extensions = NULL;
    attributes->template = est_template_free(attributes->template);
}

/* --- Can we? ---------------------------------------------------------------------------------- */

static unsigned key_of(const char *algorithm)
{
    static const struct {
        const char *name;
        unsigned key;
    } keys[] = {{"rsa", EST_KEY_RSA},
                {"ecdsanistp256", EST_KEY_P256},
                {"ecdsanistp384", EST_KEY_P384},
                {"ecdsanistp521", EST_KEY_P521},
                {"ed25519", EST_KEY_ED25519}};

    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        if (streq(keys[i].name, algorithm))
            return keys[i].key;
    return 0;
}

int est_attributes_check(const EstAttributes *attributes, const char *algorithm, uint64_t bits,
                         const char *digest, const char **ret_digest, const char **ret_reason)
{
    static const char *const digests[] = {"sha256", "sha384", "sha512"};
    unsigned key = key_of(algorithm);

    if (attributes->wants_binding)
        return refuse(
            -EOPNOTSUPP, ret_reason,
            "it wants requests that are bound to their TLS connection, which TLS 1.3 does "
            "not do");
    if (attributes->keys != 0 && !(attributes->keys & key))
        return refuse(-EOPNOTSUPP, ret_reason,
                      "it wants another kind of key than that of the trustpoint");
    if (key == EST_KEY_RSA && attributes->rsa_bits > bits)
        return refuse(-EOPNOTSUPP, ret_reason,
                      "it wants a longer RSA key than that of the trustpoint");
    *ret_digest = digest;
    if (attributes->digests == 0 || key == EST_KEY_ED25519)
        return 0;
    for (size_t i = 0; i < ELEMENTSOF(digests); i++)
        if (streq(digests[i], digest) && attributes->digests & 1U << i)
            return 0;
    for (size_t i = 0; i < ELEMENTSOF(digests); i++)
        if (attributes->digests & 1U << i) {
            *ret_digest = digests[i];
            break;
        }
    return 0;
}
