/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates are somebody else's bytes: what is shown of them is bounded, valid UTF-8, and can't
 * steer a terminal. Names are printed the router's way, which is RFC 4514 (last RDN first) with the
 * attribute names that OpenSSL knows. */
#include "x509-render.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

#include "der.h"
#include "json-util.h"

#define DER_DEPTH_MAX 32U
#define RSA_BITS_MAX 8192
#define SUBJECT_TEXT_MAX 4096U
#define SUBJECT_RDNS_MAX 64

#define NAME_FLAGS                                                                                 \
    (ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT |                   \
     ASN1_STRFLGS_DUMP_UNKNOWN | ASN1_STRFLGS_DUMP_DER | XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_DN_REV | \
     XN_FLAG_FN_SN | XN_FLAG_DUMP_UNKNOWN_FIELDS)

/* --- Rendering -------------------------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at the start of text, 0 when there is none. */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    size_t n = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    return n <= size && utf8_is_valid(text, n) ? n : 0;
}

/* Control characters beyond ASCII, and those that turn the direction of writing around them. */
static bool is_misleading(const unsigned char *c, size_t n)
{
    if (n == 2)
        return c[0] == 0xc2 && c[1] < 0xa0; /* U+0080..U+009F */
    if (n != 3)
        return false;
    return (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f)) || /* U+200E, U+200F */
           (c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) ||   /* U+2028..U+202E */
           (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9) ||   /* U+2066..U+2069 */
           (c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf);                     /* U+FEFF */
}

/* Whatever the printer of names let through that is no printable UTF-8 becomes \XX, as RFC 4514
 * writes bytes. */
static char *printable_new(const unsigned char *text, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    char *result, *p;

    result = malloc(3 * size + 1);
    if (!result)
        return NULL;
    p = result;
    for (size_t i = 0, n; i < size; i += n) {
        n = utf8_length(text + i, size - i);
        if (n > 1 ? !is_misleading(text + i, n) : n == 1 && text[i] >= 0x20 && text[i] != 0x7f) {
            memcpy(p, text + i, n);
            p += n;
            continue;
        }
        if (n == 0)
            n = 1;
        for (size_t k = 0; k < n; k++) {
            *p++ = '\\';
            *p++ = hex[text[i + k] >> 4];
            *p++ = hex[text[i + k] & 15];
        }
    }
    *p = '\0';
    return result;
}

int x509_name_render(const X509_NAME *name, char **ret)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    char *text, *result;
    long size;

    if (!bio)
        return -ENOMEM;
    if (X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) < 0)
        return -EBADMSG;
    size = BIO_get_mem_data(bio, &text);
    result = printable_new((const unsigned char *)text, size > 0 ? (size_t)size : 0);
    if (!result)
        return -ENOMEM;
    *ret = result;
    return 0;
}

int x509_serial_render(const ASN1_INTEGER *serial, char **ret)
{
    _cleanup_(BN_freep) BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    _cleanup_openssl_free_ char *hex = NULL;
    char *result, *p;

    if (!number)
        return -EBADMSG;
    hex = BN_is_zero(number) ? OPENSSL_strdup("00") : BN_bn2hex(number);
    if (!hex)
        return -ENOMEM;
    result = p = malloc(2 * strlen(hex) + 1);
    if (!result)
        return -ENOMEM;
    for (const char *h = hex; *h;) {
        if (*h == '-') {
            *p++ = *h++;
            continue;
        }
        *p++ = *h++;
        *p++ = *h++;
        if (*h)
            *p++ = ':';
    }
    *p = '\0';
    *ret = result;
    return 0;
}

int x509_time_read(const ASN1_TIME *when, int64_t *ret)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(when, &tm) != 1)
        return -EBADMSG;
    *ret = timegm(&tm);
    return 0;
}

static int fingerprint(const void *der, size_t size, const EVP_MD *digest, char *ret)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n;

    if (EVP_Digest(der, size, md, &n, digest, NULL) != 1)
        return -EIO;
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02X", (unsigned)md[i]);
    return 0;
}

int certificate_summarize(X509 *certificate, CertificateSummary *ret)
{
    _cleanup_free_ void *der = NULL;
    CertificateSummary s = {};
    size_t size;
    int r;

    r = certificate_encode(certificate, &der, &size);
    if (r >= 0)
        r = fingerprint(der, size, EVP_sha1(), s.sha1_fingerprint);
    if (r >= 0)
        r = fingerprint(der, size, EVP_sha256(), s.sha256_fingerprint);
    if (r >= 0)
        r = x509_time_read(X509_get0_notBefore(certificate), &s.not_before);
    if (r >= 0)
        r = x509_time_read(X509_get0_notAfter(certificate), &s.not_after);
    if (r >= 0)
        r = x509_serial_render(X509_get0_serialNumber(certificate), &s.serial_number);
    if (r >= 0)
        r = x509_name_render(X509_get_subject_name(certificate), &s.subject);
    if (r >= 0)
        r = x509_name_render(X509_get_issuer_name(certificate), &s.issuer);
    if (r < 0) {
        certificate_summary_done(&s);
        return r;
    }
    *ret = s;
    return 0;
}

void certificate_summary_done(CertificateSummary *s)
{
    free(s->serial_number);
    free(s->subject);
    free(s->issuer);
    *s = (CertificateSummary){};
}

/* --- CRL distribution points ------------------------------------------------------------------ */

void x509_crl_points_free(char **points)
{
    for (size_t i = 0; points && points[i]; i++)
        free(points[i]);
    free(points);
}

static int point_render(const GENERAL_NAME *name, char **ret)
{
    const ASN1_IA5STRING *uri;

    if (name->type == GEN_DIRNAME)
        return x509_name_render(name->d.directoryName, ret);
    if (name->type != GEN_URI)
        return -ENOENT;
    uri = name->d.uniformResourceIdentifier;
    *ret = printable_new(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
    return *ret ? 0 : -ENOMEM;
}

static int points_add(const DIST_POINT *point, char **points, size_t *n)
{
    const GENERAL_NAMES *names = NULL;

    if (point->distpoint && point->distpoint->type == 0)
        names = point->distpoint->name.fullname;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && *n < X509_CRL_POINTS_MAX; i++) {
        int r = point_render(sk_GENERAL_NAME_value(names, i), &points[*n]);

        if (r >= 0)
            *n += 1;
        else if (r != -ENOENT)
            return r;
    }
    return 0;
}

int x509_crl_points_render(const X509 *certificate, char ***ret)
{
    CRL_DIST_POINTS *list = X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);
    char **points = calloc(X509_CRL_POINTS_MAX + 1, sizeof(*points));
    int r = points ? 0 : -ENOMEM;
    size_t n = 0;

    for (int i = 0; r >= 0 && i < sk_DIST_POINT_num(list); i++)
        r = points_add(sk_DIST_POINT_value(list, i), points, &n);
    CRL_DIST_POINTS_free(list);
    ERR_clear_error();
    if (r < 0) {
        x509_crl_points_free(points);
        return r;
    }
    *ret = points;
    return 0;
}

/* --- Parsing certificates --------------------------------------------------------------------- */

/* What OpenSSL accepts and nobody honest makes: inner and outer algorithm differ; a key that is
 * there to burn time. */
static int certificate_check(const X509 *certificate)
{
    const X509_ALGOR *outer;
    const EVP_PKEY *key;

    X509_get0_signature(NULL, &outer, certificate);
    if (X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(certificate)) != 0)
        return -EBADMSG;
    key = X509_get0_pubkey(certificate);
    if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) > RSA_BITS_MAX)
        return -EBADMSG;
    return 0;
}

int certificate_parse(const void *der, size_t size, X509 **ret)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    const unsigned char *p = der;
    int r;

    if (size > CERTIFICATE_SIZE_MAX)
        return -EMSGSIZE;
    r = der_check((DerSpan){der, size}, DER_DEPTH_MAX);
    if (r < 0)
        return r;
    certificate = d2i_X509(NULL, &p, (long)size);
    if (!certificate || p != (const unsigned char *)der + size) {
        bool no_memory = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;

        ERR_clear_error();
        return no_memory ? -ENOMEM : -EBADMSG;
    }
    r = certificate_check(certificate);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = TAKE_PTR(certificate);
    return 0;
}

int certificate_encode(X509 *certificate, void **ret_der, size_t *ret_size)
{
    int size = i2d_X509(certificate, NULL);
    unsigned char *der, *p;

    if (size <= 0)
        return -EBADMSG;
    der = p = malloc((size_t)size);
    if (!der)
        return -ENOMEM;
    size = i2d_X509(certificate, &p);
    *ret_der = der;
    *ret_size = (size_t)size;
    return 0;
}

/* --- Parsing configured subjects -------------------------------------------------------------- */

/* What a configured subject may be made of. Bounds in characters: RFC 5280 appendix A.1 (ub-...),
 * RFC 2985 for PKCS #9, RFC 4519 for UID. */
static const struct SubjectAttribute {
    const char *name;
    int nid;
    size_t min, max;
    int type; /* V_ASN1_*: the narrowest that the standards want */
} subject_attributes[] = {
    {"CN", NID_commonName, 1, 64, V_ASN1_UTF8STRING},
    {"C", NID_countryName, 2, 2, V_ASN1_PRINTABLESTRING},
    {"ST", NID_stateOrProvinceName, 1, 128, V_ASN1_UTF8STRING},
    {"S", NID_stateOrProvinceName, 1, 128, V_ASN1_UTF8STRING},
    {"L", NID_localityName, 1, 128, V_ASN1_UTF8STRING},
    {"O", NID_organizationName, 1, 64, V_ASN1_UTF8STRING},
    {"OU", NID_organizationalUnitName, 1, 64, V_ASN1_UTF8STRING},
    {"street", NID_streetAddress, 1, 128, V_ASN1_UTF8STRING},
    {"postalCode", NID_postalCode, 1, 40, V_ASN1_UTF8STRING},
    {"title", NID_title, 1, 64, V_ASN1_UTF8STRING},
    {"name", NID_name, 1, 128, V_ASN1_UTF8STRING},
    {"GN", NID_givenName, 1, 64, V_ASN1_UTF8STRING},
    {"SN", NID_surname, 1, 64, V_ASN1_UTF8STRING},
    {"initials", NID_initials, 1, 32, V_ASN1_UTF8STRING},
    {"serialNumber", NID_serialNumber, 1, 64, V_ASN1_PRINTABLESTRING},
    {"dnQualifier", NID_dnQualifier, 1, 64, V_ASN1_PRINTABLESTRING},
    {"DC", NID_domainComponent, 1, 63, V_ASN1_IA5STRING},
    {"UID", NID_userId, 1, 256, V_ASN1_UTF8STRING},
    {"emailAddress", NID_pkcs9_emailAddress, 1, 255, V_ASN1_IA5STRING},
    {"E", NID_pkcs9_emailAddress, 1, 255, V_ASN1_IA5STRING},
};

static const struct SubjectAttribute *subject_attribute_find(const char *name, size_t size)
{
    for (size_t i = 0; i < ELEMENTSOF(subject_attributes); i++)
        if (strlen(subject_attributes[i].name) == size &&
            strncasecmp(subject_attributes[i].name, name, size) == 0)
            return &subject_attributes[i];
    return NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One character after a backslash: itself when it is special (RFC 4514 section 2.4), else a byte in
 * hex. */
static int subject_unescape(const char **text, char *ret)
{
    const char *p = *text;

    if (*p && strchr(",+\"\\<>;=# ", *p)) {
        *ret = *p;
        *text = p + 1;
        return 0;
    }
    if (hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
        return -EINVAL;
    *ret = (char)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
    *text = p + 2;
    return 0;
}

/* Takes one value, up to the comma or the end, without escapes and outer blanks. */
static int subject_value(const char **text, char *ret_value, size_t *ret_size,
                         const char **ret_reason)
{
    const char *p = *text;
    size_t n = 0, kept = 0;
    int r;

    while (*p == ' ')
        p++;
    while (*p && *p != ',') {
        if (*p == '+' || *p == '"' || *p == ';') {
            *ret_reason = "'+', '\"' and ';' in a value need a backslash before them";
            return -EINVAL;
        }
        if (*p == '\\') {
            p++;
            r = subject_unescape(&p, &ret_value[n++]);
            if (r < 0) {
                *ret_reason =
                    "a backslash must be followed by a special character or two hex digits";
                return r;
            }
            kept = n;
            continue;
        }
        ret_value[n++] = *p;
        if (*p++ != ' ')
            kept = n;
    }
    ret_value[kept] = '\0';
    *ret_size = kept;
    *text = p;
    return 0;
}

static bool subject_characters_fit(const char *value, size_t size, int type)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c < 0x20 || c == 0x7f || (c >= 0x80 && type != V_ASN1_UTF8STRING))
            return false;
        if (c >= 0x80 && is_misleading((const unsigned char *)value + i,
                                       utf8_length((const unsigned char *)value + i, size - i)))
            return false;
        if (type == V_ASN1_PRINTABLESTRING && !isalnum(c) && !strchr(" '()+,-./:=?", c))
            return false;
    }
    return true;
}

static const char *subject_value_problem(const struct SubjectAttribute *attribute,
                                         const char *value, size_t size)
{
    size_t characters = 0;

    if (size == 0)
        return "a value is empty";
    if (!utf8_is_valid(value, size))
        return "a value is not valid UTF-8";
    if (!subject_characters_fit(value, size, attribute->type))
        return "a value has characters that its attribute can't hold";
    for (size_t i = 0; i < size; i++)
        characters += ((unsigned char)value[i] & 0xc0) != 0x80;
    if (characters < attribute->min || characters > attribute->max)
        return attribute->nid == NID_countryName ? "C must be a country code of two letters"
                                                 : "a value is longer than its attribute can be";
    return NULL;
}

/* Takes one RDN off the front of *text. */
static int subject_rdn(const char **text, X509_NAME *name, char *buffer, const char **ret_reason)
{
    const struct SubjectAttribute *attribute;
    const char *p = *text, *equals;
    size_t size;
    int r;

    while (*p == ' ')
        p++;
    equals = p + strcspn(p, "=,");
    if (*equals != '=') {
        *ret_reason = "each part must be TYPE=VALUE";
        return -EINVAL;
    }
    for (size = (size_t)(equals - p); size > 0 && p[size - 1] == ' '; size--)
        ;
    attribute = subject_attribute_find(p, size);
    if (!attribute) {
        *ret_reason = "unknown attribute type; known are CN, C, ST, L, O, OU, street, postalCode, "
                      "title, name, GN, SN, initials, serialNumber, dnQualifier, DC, UID and E";
        return -EINVAL;
    }
    *text = equals + 1;
    r = subject_value(text, buffer, &size, ret_reason);
    if (r < 0)
        return r;
    *ret_reason = subject_value_problem(attribute, buffer, size);
    if (*ret_reason)
        return -EINVAL;
    if (X509_NAME_add_entry_by_NID(name, attribute->nid, attribute->type,
                                   (const unsigned char *)buffer, (int)size, -1, 0) != 1) {
        ERR_clear_error();
        return -ENOMEM;
    }
    return 0;
}

int subject_parse(const char *text, X509_NAME **ret, const char **ret_reason)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
    _cleanup_free_ char *buffer = NULL;
    const char *reason = "out of memory";
    int r;

    buffer = strdup(text);
    if (!name || !buffer)
        return -ENOMEM;
    if (strlen(text) > SUBJECT_TEXT_MAX) {
        *ret_reason = "the name is too long";
        return -EINVAL;
    }
    for (;;) {
        r = subject_rdn(&text, name, buffer, &reason);
        if (r == -EINVAL)
            *ret_reason = reason;
        if (r < 0)
            return r;
        if (*text == '\0')
            break;
        text++;
        if (X509_NAME_entry_count(name) >= SUBJECT_RDNS_MAX) {
            *ret_reason = "a name has at most 64 parts";
            return -EINVAL;
        }
    }
    *ret = TAKE_PTR(name);
    return 0;
}
