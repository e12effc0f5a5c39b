/* SPDX-License-Identifier: Apache-2.0 */
#include "issue.h"

#include <stdbool.h>
#include <time.h>

#include "public-half.h"
#include "x509-render.h"

/* 99991231235959Z, the last moment that GeneralizedTime can say. */
#define TIME_MAX INT64_C(253402300799)

/* --- Subjects --------------------------------------------------------------------------------- */

/* max: RFC 2985 for the first two, RFC 5280 appendix A.1 for the serial number. OpenSSL doesn't
 * look when it is told the type. */
static int add_part(X509_NAME *name, int nid, int type, size_t max, const char *value)
{
    if (!value)
        return 0;
    if (value[0] && strlen(value) <= max &&
        X509_NAME_add_entry_by_NID(name, nid, type, (const unsigned char *)value, -1, -1, 0) == 1)
        return 0;
    ERR_clear_error();
    return -EINVAL;
}

int issue_subject_build(const IssueSubject *subject, X509_NAME **ret, const char **ret_reason)
{
    _cleanup_(X509_NAME_freep) X509_NAME *name = NULL;
    int r;

    if (subject->configured) {
        r = subject_parse(subject->configured, &name, ret_reason);
        if (r < 0)
            return r;
    } else {
        name = X509_NAME_new();
        if (!name)
            return -ENOMEM;
    }
    r = add_part(name, NID_pkcs9_unstructuredName, V_ASN1_IA5STRING, 255, subject->fqdn);
    if (r >= 0)
        r = add_part(name, NID_pkcs9_unstructuredAddress, V_ASN1_PRINTABLESTRING, 255,
                     subject->address);
    if (r >= 0)
        r = add_part(name, NID_serialNumber, V_ASN1_PRINTABLESTRING, 64, subject->serial_number);
    if (r < 0) {
        *ret_reason =
            "the router's own name, address or serial number is too long for a certificate";
        return r;
    }
    *ret = TAKE_PTR(name);
    return 0;
}

/* --- Certificates ----------------------------------------------------------------------------- */

static int set_serial(X509 *certificate, const char *serial)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;

    if (BN_hex2bn(&number, serial) == 0 || BN_is_zero(number) ||
        !BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)))
        return -EINVAL;
    return 0;
}

/* UTCTime to the end of 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5): ASN1_TIME_adj()
 * knows the rule. */
static int set_time(ASN1_TIME *when, int64_t seconds)
{
    if (seconds < 0 || seconds > TIME_MAX)
        return -ERANGE;
    return ASN1_TIME_adj(when, (time_t)seconds, 0, 0) ? 0 : -ERANGE;
}

static int add_extension(X509 *certificate, int nid, void *value, bool critical)
{
    return X509_add1_ext_i2d(certificate, nid, value, critical, X509V3_ADD_DEFAULT) == 1 ? 0 : -EIO;
}

static int add_basic_constraints(X509 *certificate, bool ca)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
    int r = -ENOMEM;

    if (constraints) {
        constraints->ca = ca ? 0xff : 0;
        /* This CA certifies its router and no other CA. */
        if (ca) {
            constraints->pathlen = ASN1_INTEGER_new();
            if (constraints->pathlen && ASN1_INTEGER_set(constraints->pathlen, 0) == 1)
                r = 0;
        } else
            r = 0;
    }
    if (r >= 0)
        r = add_extension(certificate, NID_basic_constraints, constraints, true);
    BASIC_CONSTRAINTS_free(constraints);
    return r;
}

static int add_key_usage(X509 *certificate, unsigned usage)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    int r = bits ? 0 : -ENOMEM;

    /* KU_DIGITAL_SIGNATURE, 0x80, is bit 0. */
    for (int i = 0; r >= 0 && i < 8; i++)
        if ((usage & (0x80U >> i)) && ASN1_BIT_STRING_set_bit(bits, i, 1) != 1)
            r = -ENOMEM;
    if (r >= 0)
        r = add_extension(certificate, NID_key_usage, bits, true);
    ASN1_BIT_STRING_free(bits);
    return r;
}

/* SHA-1 of the subject's public key: method (1) of RFC 5280 section 4.2.1.2, a name and no
 * protection. */
static int add_subject_key_identifier(X509 *certificate)
{
    ASN1_OCTET_STRING *identifier = ASN1_OCTET_STRING_new();
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n;
    int r = -EIO;

    if (identifier && X509_pubkey_digest(certificate, EVP_sha1(), md, &n) == 1 &&
        ASN1_OCTET_STRING_set(identifier, md, (int)n) == 1)
        r = add_extension(certificate, NID_subject_key_identifier, identifier, false);
    ASN1_OCTET_STRING_free(identifier);
    return r;
}

static int add_authority_key_identifier(X509 *certificate, X509 *issuer)
{
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    int r = authority ? -EIO : -ENOMEM;

    if (authority) {
        authority->keyid = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
        if (authority->keyid)
            r = add_extension(certificate, NID_authority_key_identifier, authority, false);
    }
    AUTHORITY_KEYID_free(authority);
    return r;
}

static int add_extensions(X509 *certificate, const Issue *issue)
{
    int r;

    r = add_basic_constraints(certificate, !issue->issuer);
    if (r >= 0)
        r = add_key_usage(certificate, issue->key_usage);
    if (r >= 0)
        r = add_subject_key_identifier(certificate);
    if (r >= 0)
        r = add_authority_key_identifier(certificate, issue->issuer ? issue->issuer : certificate);
    return r;
}

/* A context that signs with the key: ed25519 has its digest built in, dsa has room for one only. */
static EVP_MD_CTX *signer_new(OSSL_LIB_CTX *context, EVP_PKEY *key, const char *digest)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (EVP_PKEY_is_a(key, "ED25519"))
        digest = NULL;
    else if (EVP_PKEY_is_a(key, "DSA"))
        digest = "SHA256";
    if (!md || EVP_DigestSignInit_ex(md, NULL, digest, context, NULL, key, NULL) != 1)
        return NULL;
    return TAKE_PTR(md);
}

static int fill(X509 *certificate, const Issue *issue)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(issue->context, issue->subject_key);
    const X509_NAME *issuer = issue->issuer ? X509_get_subject_name(issue->issuer) : issue->subject;
    int r;

    if (X509_set_version(certificate, X509_VERSION_3) != 1 ||
        X509_set_subject_name(certificate, issue->subject) != 1 ||
        X509_set_issuer_name(certificate, issuer) != 1 || X509_set_pubkey(certificate, half) != 1)
        return -EIO;
    r = set_serial(certificate, issue->serial);
    if (r >= 0)
        r = set_time(X509_getm_notBefore(certificate), issue->not_before);
    if (r >= 0)
        r = set_time(X509_getm_notAfter(certificate), issue->not_after);
    return r < 0 ? r : add_extensions(certificate, issue);
}

/* Reads back what was made, and builds the path as a verifier would. */
static int check(const Issue *issue, const void *der, size_t size)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *path = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    int r;

    if (!store || !path)
        return -ENOMEM;
    r = certificate_parse(der, size, &certificate);
    if (r < 0)
        return -EKEYREJECTED;
    if (X509_STORE_add_cert(store, issue->issuer ? issue->issuer : certificate) != 1 ||
        X509_STORE_CTX_init(path, store, certificate, NULL) != 1)
        return -EIO;
    param = X509_STORE_CTX_get0_param(path);
    X509_VERIFY_PARAM_set_time(param, (time_t)issue->not_before);
    X509_VERIFY_PARAM_set_depth(param, 2);
    (void)X509_VERIFY_PARAM_set_flags(param,
                                      X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    return X509_verify_cert(path) == 1 ? 0 : -EKEYREJECTED;
}

static int make(const Issue *issue, void **ret_der, size_t *ret_size)
{
    _cleanup_(X509_freep) X509 *certificate = X509_new_ex(issue->context, NULL);
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signer = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;
    int r;

    if (!certificate)
        return -ENOMEM;
    r = fill(certificate, issue);
    if (r < 0)
        return r;
    signer = signer_new(issue->context, issue->issuer_key, issue->digest);
    if (!signer || X509_sign_ctx(certificate, signer) <= 0)
        return -EIO;
    r = certificate_encode(certificate, &der, &size);
    if (r >= 0)
        r = check(issue, der, size);
    if (r < 0)
        return r;
    *ret_der = TAKE_PTR(der);
    *ret_size = size;
    return 0;
}

int issue_certificate(const Issue *issue, void **ret_der, size_t *ret_size)
{
    int r = make(issue, ret_der, ret_size);

    ERR_clear_error();
    return r;
}

static int prove(const Issue *issue)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(issue->context, issue->subject_key);
    _cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new_ex(issue->context, NULL);
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *signer = NULL;

    if (!request)
        return -ENOMEM;
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(request, issue->subject) != 1 ||
        X509_REQ_set_pubkey(request, half) != 1)
        return -EIO;
    signer = signer_new(issue->context, issue->subject_key, issue->digest);
    if (!signer || X509_REQ_sign_ctx(request, signer) <= 0)
        return -EIO;
    return X509_REQ_verify_ex(request, issue->subject_key, issue->context, NULL) == 1
               ? 0
               : -EKEYREJECTED;
}

int issue_prove(const Issue *issue)
{
    int r = prove(issue);

    ERR_clear_error();
    return r;
}
