/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <time.h>

#include "key-file.h"
#include "secure-memory.h"
#include "x509-render.h"
#include "x509-syntax.h"

/* 2.25 and a UUID: the attribute that has what a key file says of the key. */
#define DESCRIPTION_OID "2.25.274823510968318204712366157392210483541"

/* --- Out -------------------------------------------------------------------------------------- */

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

static bool is_known_curve(EVP_PKEY *pkey)
{
    char group[32];

    return EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1 &&
           EC_curve_nid2nist(OBJ_sn2nid(group)) && EVP_PKEY_get_bits(pkey) >= 256;
}

static int check_recipient(X509 *certificate, const char **ret_reason)
{
    EVP_PKEY *pkey = X509_get0_pubkey(certificate);
    uint32_t usage = X509_get_key_usage(certificate); /* all of them when it says none */

    if (!pkey)
        return refuse(-EINVAL, ret_reason, "its key is of an unknown kind");
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        if (EVP_PKEY_get_bits(pkey) < (int)BACKUP_RSA_BITS_MIN)
            return refuse(-EINVAL, ret_reason, "its RSA key has less than 2048 bits");
        if (!(usage & KU_KEY_ENCIPHERMENT))
            return refuse(-EINVAL, ret_reason, "its key usage lacks keyEncipherment");
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        if (!is_known_curve(pkey))
            return refuse(-EINVAL, ret_reason, "its curve is not P-256, P-384 or P-521");
        if (!(usage & KU_KEY_AGREEMENT))
            return refuse(-EINVAL, ret_reason, "its key usage lacks keyAgreement");
    } else
        return refuse(-EINVAL, ret_reason, "nothing is encrypted for its kind of key");
    if (X509_cmp_time(X509_get0_notAfter(certificate), NULL) <= 0)
        return refuse(-EKEYEXPIRED, ret_reason, "it has expired");
    return 0;
}

static int add_description(PKCS8_PRIV_KEY_INFO *info, const Key *key)
{
    _cleanup_(ASN1_OBJECT_freep) ASN1_OBJECT *oid = OBJ_txt2obj(DESCRIPTION_OID, 1);
    _cleanup_free_ void *description = NULL;
    size_t size;
    int r;

    r = key_file_describe(key, &description, &size);
    if (r < 0)
        return r;
    return oid && PKCS8_pkey_add1_attr_by_OBJ(info, oid, V_ASN1_OCTET_STRING, description,
                                              (int)size) == 1
               ? 0
               : -ENOMEM;
}

/* In OpenSSL's memory, which is memory for secrets. */
static int content_new(const Key *key, BIO **ret)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *first = EVP_PKEY2PKCS8(key->pkey),
                                                             *second = NULL;
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    int r;

    if (!first || !bio)
        return -ENOMEM;
    r = add_description(first, key);
    if (r < 0)
        return r;
    if (i2d_PKCS8_PRIV_KEY_INFO_bio(bio, first) != 1)
        return -ENOMEM;
    if (key->encryption) {
        second = EVP_PKEY2PKCS8(key->encryption->pkey);
        if (!second || i2d_PKCS8_PRIV_KEY_INFO_bio(bio, second) != 1)
            return -ENOMEM;
    }
    *ret = TAKE_PTR(bio);
    return 0;
}

static int add_recipient(CMS_ContentInfo *cms, X509 *certificate)
{
    bool has_id = X509_get0_subject_key_id(certificate) != NULL;
    CMS_RecipientInfo *recipient =
        CMS_add1_recipient_cert(cms, certificate, CMS_KEY_PARAM | (has_id ? CMS_USE_KEYID : 0));
    EVP_PKEY_CTX *context = recipient ? CMS_RecipientInfo_get0_pkey_ctx(recipient) : NULL;

    if (!context)
        return -EIO;
    if (EVP_PKEY_is_a(X509_get0_pubkey(certificate), "EC"))
        return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1 ? 0 : -EIO;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
                   EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1
               ? 0
               : -EIO;
}

static int envelope(BIO *content, X509 *certificate, void **ret, size_t *ret_size)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), CMS_PARTIAL | CMS_BINARY);
    _cleanup_openssl_free_ uint8_t *der = NULL;
    void *copy;
    int r, n;

    if (!cms)
        return -EIO;
    r = add_recipient(cms, certificate);
    if (r < 0)
        return r;
    if (CMS_final(cms, content, NULL, CMS_BINARY) != 1)
        return -EIO;
    n = i2d_CMS_ContentInfo(cms, &der);
    if (n <= 0)
        return -EIO;
    copy = malloc((size_t)n);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, der, (size_t)n);
    *ret = copy;
    *ret_size = (size_t)n;
    return 0;
}

int backup_wrap(const Key *key, const void *recipient, size_t recipient_size, void **ret,
                size_t *ret_size, const char **ret_reason)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_(BIO_free_allp) BIO *content = NULL;
    int r;

    if (!key->exportable)
        return refuse(-EPERM, ret_reason, "it was not made exportable");
    if (certificate_parse(recipient, recipient_size, &certificate) < 0)
        return refuse(-EBADMSG, ret_reason, "it is no certificate");
    r = check_recipient(certificate, ret_reason);
    if (r >= 0)
        r = content_new(key, &content);
    if (r >= 0)
        r = envelope(content, certificate, ret, ret_size);
    ERR_clear_error();
    return r;
}

/* --- The shape -------------------------------------------------------------------------------- */

#define OID_AUTH_ENVELOPED "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
#define OID_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_AES_256_GCM "\x60\x86\x48\x01\x65\x03\x04\x01\x2e"

/* RSAES-OAEP with SHA-256 for both, RFC 4055: the digests without parameters, or with NULL. */
#define OID_OAEP "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"
#define OID_MGF1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define OID_SHA256 "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
static const char oaep_absent[] = OID_OAEP "\x30\x2b\xa0\x0d\x30\x0b" OID_SHA256
                                           "\xa1\x1a\x30\x18" OID_MGF1 "\x30\x0b" OID_SHA256;
static const char oaep_null[] =
    OID_OAEP "\x30\x2f\xa0\x0f\x30\x0d" OID_SHA256 "\x05\x00"
             "\xa1\x1c\x30\x1a" OID_MGF1 "\x30\x0d" OID_SHA256 "\x05\x00";
/* dhSinglePass-stdDH-sha256kdf-scheme with aes256-wrap, RFC 5753. */
static const uint8_t ecdh[] = {0x06, 0x06, 0x2b, 0x81, 0x04, 0x01, 0x0b, 0x01, 0x30, 0x0b, 0x06,
                               0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2d};

#define DEPTH_MAX 16U
#define GCM_NONCE_SIZE 12U
#define GCM_TAG_SIZE 16U

/* issuerAndSerialNumber, or the key id under the tag. */
static int read_identifier(DerSpan *input, uint8_t tag, DerSpan *ret_key_id)
{
    int r = der_read_optional(input, tag, ret_key_id);

    if (r > 0)
        return ret_key_id->size == 0 ? -EBADMSG : 0;
    *ret_key_id = (DerSpan){NULL, 0};
    return r < 0 ? r : der_read(input, DER_SEQUENCE, NULL);
}

/* KeyTransRecipientInfo */
static int read_transport(DerSpan recipient, DerSpan *ret_key_id)
{
    DerSpan algorithm;
    uint64_t version;

    if (der_read_uint64(&recipient, &version) < 0 ||
        read_identifier(&recipient, DER_CONTEXT(0), ret_key_id) < 0 ||
        version != (ret_key_id->size > 0 ? 2 : 0) ||
        der_read(&recipient, DER_SEQUENCE, &algorithm) < 0 ||
        (!der_equal(algorithm, oaep_absent, sizeof oaep_absent - 1) &&
         !der_equal(algorithm, oaep_null, sizeof oaep_null - 1)) ||
        der_read(&recipient, DER_OCTET_STRING, NULL) < 0)
        return -EBADMSG;
    return der_end(&recipient);
}

/* RecipientKeyIdentifier without date and other, in the [0] of KeyAgreeRecipientIdentifier. */
static int read_agreement_identifier(DerSpan *input, DerSpan *ret_key_id)
{
    DerSpan identifier;
    int r = der_read_optional(input, DER_CONTEXT_CONSTRUCTED(0), &identifier);

    if (r > 0)
        return der_read_only(identifier, DER_OCTET_STRING, ret_key_id);
    *ret_key_id = (DerSpan){NULL, 0};
    return r < 0 ? r : der_read(input, DER_SEQUENCE, NULL);
}

/* KeyAgreeRecipientInfo with an ephemeral key and one recipient. */
static int read_agreement(DerSpan recipient, DerSpan *ret_key_id)
{
    DerSpan originator, algorithm, keys, key;
    uint64_t version;

    if (der_read_uint64(&recipient, &version) < 0 || version != 3 ||
        der_read(&recipient, DER_CONTEXT_CONSTRUCTED(0), &originator) < 0 ||
        der_read_only(originator, DER_CONTEXT_CONSTRUCTED(1), NULL) < 0 ||
        der_read(&recipient, DER_SEQUENCE, &algorithm) < 0 ||
        !der_equal(algorithm, ecdh, sizeof ecdh) || der_read(&recipient, DER_SEQUENCE, &keys) < 0 ||
        der_end(&recipient) < 0 || der_read_only(keys, DER_SEQUENCE, &key) < 0 ||
        read_agreement_identifier(&key, ret_key_id) < 0 ||
        der_read(&key, DER_OCTET_STRING, NULL) < 0)
        return -EBADMSG;
    return der_end(&key);
}

/* F3: exactly one. */
static int read_recipients(DerSpan *input, DerSpan *ret_key_id)
{
    DerSpan recipients, recipient;
    int r;

    if (der_read(input, DER_SET, &recipients) < 0)
        return -EBADMSG;
    r = der_read_optional(&recipients, DER_SEQUENCE, &recipient);
    if (r > 0)
        r = read_transport(recipient, ret_key_id);
    else if (r == 0 && der_read(&recipients, DER_CONTEXT_CONSTRUCTED(1), &recipient) >= 0)
        r = read_agreement(recipient, ret_key_id);
    else
        r = -EBADMSG;
    return r < 0 ? r : der_end(&recipients);
}

static int read_content(DerSpan *input)
{
    DerSpan content, oid, algorithm, parameters, nonce;
    uint64_t tag_size;

    if (der_read(input, DER_SEQUENCE, &content) < 0 || der_read(&content, DER_OID, &oid) < 0 ||
        !der_equal(oid, OID_DATA, STRLEN(OID_DATA)) ||
        der_read(&content, DER_SEQUENCE, &algorithm) < 0 ||
        der_read(&algorithm, DER_OID, &oid) < 0 ||
        !der_equal(oid, OID_AES_256_GCM, STRLEN(OID_AES_256_GCM)) ||
        der_read_only(algorithm, DER_SEQUENCE, &parameters) < 0 ||
        der_read(&parameters, DER_OCTET_STRING, &nonce) < 0 || nonce.size != GCM_NONCE_SIZE ||
        der_read_uint64(&parameters, &tag_size) < 0 || tag_size != GCM_TAG_SIZE ||
        der_end(&parameters) < 0 || der_read(&content, DER_CONTEXT(0), NULL) < 0)
        return -EBADMSG;
    return der_end(&content);
}

int backup_check(DerSpan wrapped, DerSpan *ret_key_id, const char **ret_reason)
{
    DerSpan info, oid, outer, data, key_id, tag;
    uint64_t version;

    if (wrapped.size > BACKUP_SIZE_MAX || der_check(wrapped, DEPTH_MAX) < 0 ||
        der_read_only(wrapped, DER_SEQUENCE, &info) < 0 || der_read(&info, DER_OID, &oid) < 0 ||
        !der_equal(oid, OID_AUTH_ENVELOPED, STRLEN(OID_AUTH_ENVELOPED)) ||
        der_read_only(info, DER_CONTEXT_CONSTRUCTED(0), &outer) < 0 ||
        der_read_only(outer, DER_SEQUENCE, &data) < 0 || der_read_uint64(&data, &version) < 0 ||
        version != 0)
        return refuse(-EBADMSG, ret_reason, "it is no CMS AuthEnvelopedData");
    if (read_recipients(&data, &key_id) < 0)
        return refuse(-EBADMSG, ret_reason,
                      "it is not for one recipient, by RSA-OAEP or ECDH with SHA-256");
    if (read_content(&data) < 0)
        return refuse(-EBADMSG, ret_reason, "its content is not under AES-256-GCM");
    if (der_read(&data, DER_OCTET_STRING, &tag) < 0 || tag.size != GCM_TAG_SIZE ||
        der_end(&data) < 0)
        return refuse(-EBADMSG, ret_reason, "it has attributes, or no tag of 16 bytes");
    *ret_key_id = key_id;
    return 0;
}

/* --- In --------------------------------------------------------------------------------------- */

/* RFC 5280 section 4.2.1.2, (1): what nearly everybody takes. */
static bool has_key_id(const Key *key, DerSpan key_id)
{
    DerSpan info = key_public_key(key), content, bits;
    uint8_t digest[SHA_DIGEST_LENGTH];

    if (der_read_only(info, DER_SEQUENCE, &content) < 0 ||
        der_read(&content, DER_SEQUENCE, NULL) < 0 ||
        der_read_only(content, DER_BIT_STRING, &bits) < 0 || bits.size < 1)
        return false;
    return EVP_Digest(bits.data + 1, bits.size - 1, digest, NULL, EVP_sha1(), NULL) == 1 &&
           der_equal(key_id, digest, sizeof digest);
}

bool backup_recipient(const Key *key, DerSpan key_id)
{
    bool is_rsa = streq(key->algorithm->name, "rsa");

    if (!is_rsa && key->algorithm->family != KEY_FAMILY_ECDSA)
        return false;
    if (streq(key->usage, KEY_USAGE_SIGNATURE) || (is_rsa && key->bits < BACKUP_RSA_BITS_MIN))
        return false;
    return key_id.size == 0 || has_key_id(key, key_id);
}

static int find_description(const PKCS8_PRIV_KEY_INFO *info, DerSpan *ret)
{
    _cleanup_(ASN1_OBJECT_freep) ASN1_OBJECT *oid = OBJ_txt2obj(DESCRIPTION_OID, 1);
    const STACK_OF(X509_ATTRIBUTE) *attributes = PKCS8_pkey_get0_attrs(info);
    int at = oid && attributes ? X509at_get_attr_by_OBJ(attributes, oid, -1) : -1;
    ASN1_OCTET_STRING *value;

    if (at < 0)
        return -EBADMSG;
    value = X509_ATTRIBUTE_get0_data(X509at_get_attr(attributes, at), 0, V_ASN1_OCTET_STRING, NULL);
    if (!value)
        return -EBADMSG;
    *ret = (DerSpan){ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
    return 0;
}

static int content_read(BIO *content, Key **ret)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info = NULL;
    _cleanup_(key_unrefp) Key *key = NULL;
    DerSpan description;
    const uint8_t *p;
    char *data;
    long size = BIO_get_mem_data(content, &data);
    int r;

    p = (const uint8_t *)data;
    if (size <= 0 || !(info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, size)))
        return -EBADMSG;
    r = find_description(info, &description);
    if (r >= 0)
        r = key_file_assemble(description, (DerSpan){(uint8_t *)data, (size_t)size}, &key);
    if (r < 0)
        return r;
    /* Only such keys leave a router. */
    if (!key->exportable)
        return -EBADMSG;
    *ret = TAKE_PTR(key);
    return 0;
}

int backup_unwrap(DerSpan wrapped, const Key *recipient, Key **ret)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
    _cleanup_(BIO_free_allp) BIO *content = BIO_new(BIO_s_mem());
    unsigned failures = secure_memory_failures();
    const uint8_t *p = wrapped.data;
    int r;

    cms = d2i_CMS_ContentInfo(NULL, &p, (long)wrapped.size);
    if (!content || !cms)
        r = content ? -EBADMSG : -ENOMEM;
    else if (CMS_decrypt(cms, recipient->pkey, NULL, NULL, content, CMS_BINARY) != 1)
        r = -EKEYREJECTED;
    else
        r = content_read(content, ret);
    ERR_clear_error();
    return r < 0 && secure_memory_failures() != failures ? -ENOMEM : r;
}
