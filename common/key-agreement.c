/* SPDX-License-Identifier: Apache-2.0 */
#include "key-agreement.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "openssl-util.h"

#define AGREEMENT_VERSION 3U
#define USER_KEYING_MATERIAL_MAX 1024U
#define KEY_ID_MAX 64U
#define GROUP_NAME_SIZE 64U

#define OID(bytes)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(bytes), STRLEN(bytes)                                                    \
    }

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

static bool is_oid(DerSpan a, DerSpan b)
{
    return der_equal(a, b.data, b.size);
}

/* RFC 5753 section 7.1.4. The curves that keys here can have are their own only subgroup, so that
 * it is the same with the cofactor, which is one, and without. MQV is not there. */
static const struct {
    DerSpan oid;
    const char *digest;
    bool is_weak;
} schemes[] = {
    {OID("\x2b\x81\x04\x01\x0b\x01"), "SHA256", false},
    {OID("\x2b\x81\x04\x01\x0b\x02"), "SHA384", false},
    {OID("\x2b\x81\x04\x01\x0b\x03"), "SHA512", false},
    {OID("\x2b\x81\x04\x01\x0b\x00"), "SHA224", true},
    {OID("\x2b\x81\x05\x10\x86\x48\x3f\x00\x02"), "SHA1", true},
    {OID("\x2b\x81\x04\x01\x0e\x01"), "SHA256", false},
    {OID("\x2b\x81\x04\x01\x0e\x02"), "SHA384", false},
    {OID("\x2b\x81\x04\x01\x0e\x03"), "SHA512", false},
    {OID("\x2b\x81\x04\x01\x0e\x00"), "SHA224", true},
    {OID("\x2b\x81\x05\x10\x86\x48\x3f\x00\x03"), "SHA1", true},
};

/* RFC 3565 section 2.3.2 */
static const struct {
    DerSpan oid;
    const char *cipher;
    size_t key_size;
} wraps[] = {
    {OID("\x60\x86\x48\x01\x65\x03\x04\x01\x05"), "AES-128-WRAP", 16},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x01\x19"), "AES-192-WRAP", 24},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x01\x2d"), "AES-256-WRAP", 32},
};

static const DerSpan ec_public_key = OID("\x2a\x86\x48\xce\x3d\x02\x01");

/* Absent, or NULL. */
static int read_no_parameters(DerSpan rest)
{
    DerSpan null;

    if (rest.size == 0)
        return 0;
    return der_read_only(rest, DER_NULL, &null) < 0 || null.size > 0 ? -EBADMSG : 0;
}

/* OriginatorPublicKey: made for this message, and not that of a certificate. */
static int read_originator(DerSpan *info, KeyAgreement *ret)
{
    DerSpan originator, key, algorithm, oid, bits;

    if (der_read(info, DER_CONTEXT_CONSTRUCTED(0), &originator) < 0 ||
        der_read_only(originator, DER_CONTEXT_CONSTRUCTED(1), &key) < 0 ||
        der_read(&key, DER_SEQUENCE, &algorithm) < 0 || der_read(&key, DER_BIT_STRING, &bits) < 0 ||
        der_end(&key) < 0 || der_read(&algorithm, DER_OID, &oid) < 0 ||
        !is_oid(oid, ec_public_key) || bits.size < 2 || bits.data[0] != 0)
        return -EBADMSG;
    ret->point = (DerSpan){bits.data + 1, bits.size - 1};
    ret->curve = (DerSpan){NULL, 0};
    if (read_no_parameters(algorithm) >= 0)
        return 0;
    return der_read_only(algorithm, DER_OID, &ret->curve);
}

static int read_user_keying_material(DerSpan *info, KeyAgreement *ret)
{
    DerSpan wrapped;
    int r = der_read_optional(info, DER_CONTEXT_CONSTRUCTED(1), &wrapped);

    ret->user_keying_material = (DerSpan){NULL, 0};
    if (r <= 0)
        return r;
    if (der_read_only(wrapped, DER_OCTET_STRING, &ret->user_keying_material) < 0 ||
        ret->user_keying_material.size > USER_KEYING_MATERIAL_MAX)
        return -EBADMSG;
    return 0;
}

static int choose_wrap(KeyAgreement *ret, DerSpan algorithm, const char **ret_reason)
{
    DerSpan oid;

    if (der_read(&algorithm, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    for (size_t i = 0; i < ELEMENTSOF(wraps); i++)
        if (is_oid(oid, wraps[i].oid)) {
            ret->wrap_cipher = wraps[i].cipher;
            ret->wrap_key_size = wraps[i].key_size;
            return read_no_parameters(algorithm) < 0
                       ? refuse(-EBADMSG, ret_reason, "its recipient is malformed")
                       : 0;
        }
    return refuse(-EKEYREJECTED, ret_reason,
                  "its key is wrapped with an algorithm that is not known here");
}

static int read_scheme(DerSpan *info, KeyAgreement *ret, const char **ret_reason)
{
    DerSpan scheme, oid, wrap;
    uint8_t tag;

    if (der_read(info, DER_SEQUENCE, &scheme) < 0 || der_read(&scheme, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    ret->digest = NULL;
    for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
        if (is_oid(oid, schemes[i].oid)) {
            ret->digest = schemes[i].digest;
            ret->digest_is_weak = schemes[i].is_weak;
        }
    if (!ret->digest)
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is agreed upon with an algorithm that is not known here");
    if (der_read_any(&scheme, &tag, &ret->wrap, &wrap) < 0 || tag != DER_SEQUENCE ||
        der_end(&scheme) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    return choose_wrap(ret, wrap, ret_reason);
}

/* Of RecipientKeyIdentifier the key identifier alone: dates and other attributes name nothing that
 * is known here. */
static int read_recipient(DerSpan *recipient, KeyAgreement *ret)
{
    DerSpan identifier;
    uint8_t tag;
    int r = der_read_optional(recipient, DER_CONTEXT_CONSTRUCTED(0), &identifier);

    ret->key_id = ret->issuer_and_serial = (DerSpan){NULL, 0};
    if (r < 0)
        return r;
    if (r > 0)
        return der_read_only(identifier, DER_OCTET_STRING, &ret->key_id) < 0 ||
                       ret->key_id.size == 0 || ret->key_id.size > KEY_ID_MAX
                   ? -EBADMSG
                   : 0;
    return der_read_any(recipient, &tag, &ret->issuer_and_serial, NULL) < 0 || tag != DER_SEQUENCE
               ? -EBADMSG
               : 0;
}

/* One message may wrap its key for several keys of one curve: F3 again. */
static int read_encrypted_key(DerSpan info, KeyAgreement *ret, const char **ret_reason)
{
    DerSpan keys, key;

    if (der_read(&info, DER_SEQUENCE, &keys) < 0 || der_end(&info) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    if (der_read_only(keys, DER_SEQUENCE, &key) < 0)
        return refuse(-EBADMSG, ret_reason, "it has not exactly one recipient");
    if (read_recipient(&key, ret) < 0 || der_read(&key, DER_OCTET_STRING, &ret->wrapped_key) < 0 ||
        der_end(&key) < 0 || ret->wrapped_key.size == 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    return 0;
}

int key_agreement_parse(DerSpan info, KeyAgreement *ret, const char **ret_reason)
{
    KeyAgreement agreement = {.digest = NULL};
    uint64_t version;
    DerSpan rest;
    int r;

    if (info.size > KEY_AGREEMENT_SIZE_MAX)
        return refuse(-EBADMSG, ret_reason, "its recipient is too long");
    if (der_read_only(info, KEY_AGREEMENT_TAG, &rest) < 0 || der_read_uint64(&rest, &version) < 0 ||
        version != AGREEMENT_VERSION)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    if (read_originator(&rest, &agreement) < 0)
        return refuse(-EBADMSG, ret_reason,
                      "its recipient is malformed: there is no ephemeral key of a named curve");
    if (read_user_keying_material(&rest, &agreement) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    r = read_scheme(&rest, &agreement, ret_reason);
    if (r >= 0)
        r = read_encrypted_key(rest, &agreement, ret_reason);
    if (r < 0)
        return r;
    *ret = agreement;
    return 0;
}

/* --- The ephemeral key ------------------------------------------------------------------------ */

static bool is_curve(DerSpan oid, const char *group)
{
    const ASN1_OBJECT *object = OBJ_nid2obj(OBJ_sn2nid(group));

    return object && der_equal(oid, OBJ_get0_data(object), OBJ_length(object));
}

/* Compressed or not, and nothing else: that at infinity has one byte. */
static bool is_encoding(DerSpan point, const EVP_PKEY *recipient)
{
    size_t field = ((size_t)EVP_PKEY_get_bits(recipient) + 7) / 8;

    if (point.data[0] == POINT_CONVERSION_UNCOMPRESSED)
        return point.size == 1 + 2 * field;
    return (point.data[0] == POINT_CONVERSION_COMPRESSED ||
            point.data[0] == POINT_CONVERSION_COMPRESSED + 1) &&
           point.size == 1 + field;
}

static EVP_PKEY *point_new(DerSpan point, char *group)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL),
                                               *checker = NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(
                               OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point.data, point.size),
                           OSSL_PARAM_construct_end()};

    if (!maker || EVP_PKEY_fromdata_init(maker) != 1 ||
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    checker = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    return checker && EVP_PKEY_public_check(checker) == 1 ? TAKE_PTR(key) : NULL;
}

int key_agreement_peer(const KeyAgreement *agreement, const EVP_PKEY *recipient, EVP_PKEY **ret,
                       const char **ret_reason)
{
    char group[GROUP_NAME_SIZE];
    EVP_PKEY *key;

    if (!EVP_PKEY_is_a(recipient, "EC") ||
        EVP_PKEY_get_group_name(recipient, group, sizeof(group), NULL) != 1) {
        ERR_clear_error();
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is agreed upon with one of an elliptic curve, which that of the "
                      "router is not");
    }
    if (agreement->curve.data && !is_curve(agreement->curve, group))
        return refuse(-EKEYREJECTED, ret_reason,
                      "its ephemeral key is one of another curve than the router's");
    key = is_encoding(agreement->point, recipient) ? point_new(agreement->point, group) : NULL;
    ERR_clear_error();
    if (!key)
        return refuse(-EKEYREJECTED, ret_reason,
                      "its ephemeral key is no point of the curve of the router's key");
    *ret = key;
    return 0;
}
