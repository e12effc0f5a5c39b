/* SPDX-License-Identifier: Apache-2.0 */
#include "csr.h"

#include <arpa/inet.h>

#include "json-util.h"
#include "label.h"
#include "public-half.h"
#include "x509-render.h"

#define NAMES_MAX 32U
#define NAME_MAX_LENGTH 254U
#define PEM_LINE 64U

/* --- Alternative names ------------------------------------------------------------------------ */

static int add_name(GENERAL_NAMES *names, int type, int string_type, const void *data, size_t size)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = ASN1_STRING_type_new(string_type);

    if (!name || !value || ASN1_STRING_set(value, data, (int)size) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return -ENOMEM;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return 0;
    GENERAL_NAME_free(name);
    return -ENOMEM;
}

static int add_address(GENERAL_NAMES *names, const char *text)
{
    unsigned char address[16];
    bool six = strchr(text, ':') != NULL;

    if (inet_pton(six ? AF_INET6 : AF_INET, text, address) != 1)
        return -EINVAL;
    return add_name(names, GEN_IPADD, V_ASN1_OCTET_STRING, address, six ? 16 : 4);
}

static bool is_mailbox(const char *text)
{
    const char *at = strrchr(text, '@');

    for (const char *p = text; *p; p++)
        if (*p <= 0x20 || *p > 0x7e || strchr("\"(),:;<>[\\]", *p))
            return false;
    return at && at > text && memchr(text, '@', (size_t)(at - text)) == NULL &&
           hostname_is_valid(at + 1);
}

static int parse_one(GENERAL_NAMES *names, const char *text, const char **ret_reason)
{
    const char *value = strchr(text, ':');
    size_t kind = value ? (size_t)(value - text) : 0;
    int r = -EINVAL;

    *ret_reason = "a name begins with 'DNS:', 'IP:' or 'email:'";
    if (!value)
        return -EINVAL;
    value++;
    if (kind == 3 && strncasecmp(text, "DNS", 3) == 0) {
        const char *host = strncmp(value, "*.", 2) == 0 ? value + 2 : value;

        *ret_reason = "'DNS:' is followed by a host name";
        r = hostname_is_valid(host)
                ? add_name(names, GEN_DNS, V_ASN1_IA5STRING, value, strlen(value))
                : -EINVAL;
    } else if (kind == 2 && strncasecmp(text, "IP", 2) == 0) {
        *ret_reason = "'IP:' is followed by an IPv4 or IPv6 address";
        r = add_address(names, value);
    } else if (kind == 5 && strncasecmp(text, "email", 5) == 0) {
        *ret_reason = "'email:' is followed by a mail address";
        r = is_mailbox(value) ? add_name(names, GEN_EMAIL, V_ASN1_IA5STRING, value, strlen(value))
                              : -EINVAL;
    }
    return r;
}

int alternative_names_parse(const char *text, GENERAL_NAMES **ret, const char **ret_reason)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
    char one[NAME_MAX_LENGTH + 8];

    if (!names)
        return -ENOMEM;
    for (;;) {
        size_t length = strcspn(text, ",");
        int r;

        *ret_reason = "a name is empty or too long, or there are too many";
        if (length == 0 || length >= sizeof(one) || sk_GENERAL_NAME_num(names) >= (int)NAMES_MAX)
            return -EINVAL;
        memcpy(one, text, length);
        one[length] = '\0';
        r = parse_one(names, one, ret_reason);
        if (r < 0)
            return r;
        if (!text[length])
            break;
        text += length + 1;
        text += strspn(text, " ");
    }
    *ret = TAKE_PTR(names);
    return 0;
}

static bool is_among(const GENERAL_NAMES *names, GENERAL_NAME *name)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) == 0)
            return true;
    return false;
}

bool alternative_names_are_in(const char *text, const X509 *certificate)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL, *given = NULL;
    const char *reason;
    bool all;

    given = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    all = given && (!text || alternative_names_parse(text, &names, &reason) >= 0);
    for (int i = 0; all && i < sk_GENERAL_NAME_num(names); i++)
        all = is_among(given, sk_GENERAL_NAME_value(names, i));
    ERR_clear_error();
    return all;
}

/* --- The request ------------------------------------------------------------------------------ */

static int push_extension(STACK_OF(X509_EXTENSION) * extensions, int nid, void *value, int critical)
{
    X509_EXTENSION *extension = X509V3_EXT_i2d(nid, critical, value);

    if (extension && sk_X509_EXTENSION_push(extensions, extension) > 0)
        return 0;
    X509_EXTENSION_free(extension);
    return -ENOMEM;
}

static int push_key_usage(STACK_OF(X509_EXTENSION) * extensions, unsigned usage)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    int r = bits ? 0 : -ENOMEM;

    for (int i = 0; r >= 0 && i < 8; i++)
        if ((usage & (0x80U >> i)) && ASN1_BIT_STRING_set_bit(bits, i, 1) != 1)
            r = -ENOMEM;
    if (r >= 0)
        r = push_extension(extensions, NID_key_usage, bits, 1);
    ASN1_BIT_STRING_free(bits);
    return r;
}

static int push_alternative_names(STACK_OF(X509_EXTENSION) * extensions, const char *text)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;
    const char *reason;
    int r = alternative_names_parse(text, &names, &reason);

    return r < 0 ? r : push_extension(extensions, NID_subject_alt_name, names, 0);
}

static int push_copies(STACK_OF(X509_EXTENSION) * extensions,
                       const STACK_OF(X509_EXTENSION) * further)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(further); i++) {
        X509_EXTENSION *copy = X509_EXTENSION_dup(sk_X509_EXTENSION_value(further, i));

        if (!copy || sk_X509_EXTENSION_push(extensions, copy) <= 0) {
            X509_EXTENSION_free(copy);
            return -ENOMEM;
        }
    }
    return 0;
}

static int add_extensions(X509_REQ *request, const CsrSpec *spec)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    int r = extensions ? 0 : -ENOMEM;

    if (r >= 0 && spec->key_usage)
        r = push_key_usage(extensions, spec->key_usage);
    if (r >= 0 && spec->alternative_names)
        r = push_alternative_names(extensions, spec->alternative_names);
    if (r >= 0)
        r = push_copies(extensions, spec->extensions);
    if (r >= 0 && sk_X509_EXTENSION_num(extensions) > 0 &&
        X509_REQ_add_extensions(request, extensions) != 1)
        r = -ENOMEM;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return r;
}

/* PrintableString where it is one, else UTF8String: RFC 2985 section 5.4.1. */
static int add_challenge(X509_REQ *request, const char *challenge)
{
    if (!challenge)
        return 0;
    return X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                     (const unsigned char *)challenge, -1) == 1
               ? 0
               : -EINVAL;
}

static int sign(X509_REQ *request, const CsrSpec *spec)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
    const char *digest = spec->digest;

    /* ed25519 has its digest built in, dsa has room for one only. */
    if (EVP_PKEY_is_a(spec->key, "ED25519"))
        digest = NULL;
    else if (EVP_PKEY_is_a(spec->key, "DSA"))
        digest = "SHA256";
    if (!md)
        return -ENOMEM;
    if (EVP_DigestSignInit_ex(md, NULL, digest, spec->context, NULL, spec->key, NULL) != 1 ||
        X509_REQ_sign_ctx(request, md) <= 0)
        return -EIO;
    return X509_REQ_verify_ex(request, spec->key, spec->context, NULL) == 1 ? 0 : -EKEYREJECTED;
}

static int encode(X509_REQ *request, void **ret_der, size_t *ret_size)
{
    int size = i2d_X509_REQ(request, NULL);
    unsigned char *der, *p;

    if (size <= 0)
        return -EIO;
    der = p = malloc((size_t)size);
    if (!der)
        return -ENOMEM;
    *ret_size = (size_t)i2d_X509_REQ(request, &p);
    *ret_der = der;
    return 0;
}

int csr_build(const CsrSpec *spec, X509_REQ **ret_request, void **ret_der, size_t *ret_size)
{
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new_ex(spec->context, NULL);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(spec->context, spec->key);
    int r;

    if (!request || !half)
        return -ENOMEM;
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(request, spec->subject) != 1 ||
        X509_REQ_set_pubkey(request, half) != 1)
        r = -EIO;
    else
        r = add_extensions(request, spec);
    if (r >= 0)
        r = add_challenge(request, spec->challenge);
    if (r >= 0)
        r = sign(request, spec);
    if (r >= 0)
        r = encode(request, ret_der, ret_size);
    if (r >= 0 && ret_request)
        *ret_request = TAKE_PTR(request);
    ERR_clear_error();
    return r;
}

int csr_with_challenge(const X509_REQ *request, const CsrSpec *spec, void **ret_der,
                       size_t *ret_size)
{
    _cleanup_(X509_REQ_freep) X509_REQ *copy = X509_REQ_dup(request);
    int r = copy ? 0 : -ENOMEM;

    if (r >= 0 && EVP_PKEY_eq(X509_REQ_get0_pubkey(copy), spec->key) != 1)
        r = -EKEYREJECTED;
    if (r >= 0)
        r = add_challenge(copy, spec->challenge);
    if (r >= 0)
        r = sign(copy, spec);
    if (r >= 0)
        r = encode(copy, ret_der, ret_size);
    ERR_clear_error();
    return r;
}

int csr_to_pem(const void *der, size_t size, char **ret)
{
    _cleanup_free_ char *body = base64_encode(der, size);
    _cleanup_free_ char *lines = NULL;
    size_t length, n = 0;

    if (!body)
        return -ENOMEM;
    length = strlen(body);
    lines = malloc(length + length / PEM_LINE + 2);
    if (!lines)
        return -ENOMEM;
    for (size_t i = 0; i < length; i++) {
        lines[n++] = body[i];
        if (i % PEM_LINE == PEM_LINE - 1 || i == length - 1)
            lines[n++] = '\n';
    }
    lines[n] = '\0';
    return asprintf(ret,
                    "-----BEGIN CERTIFICATE REQUEST-----\n%s-----END CERTIFICATE REQUEST-----\n",
                    lines) < 0
               ? -ENOMEM
               : 0;
}
