/* SPDX-License-Identifier: Apache-2.0 */
/* The signed half of a reply: SignedData (RFC 5652 section 5) with exactly one signer, who is one
 * of those that were authenticated, over attributes that answer the request. Read here, byte by
 * byte, and not by OpenSSL, which sees the signature only. */
#include "ber.h"
#include "scep-message.h"
#include "scep-oids.h"

#define DEPTH_MAX 24U
#define PRINTABLE_STRING 0x13
#define NONCE_MAX 64U
#define SIGNATURE_MAX 1024U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- SignedData ------------------------------------------------------------------------------- */

typedef struct SignedData {
    DerSpan digests; /* algorithms, one or more if anybody has signed */
    DerSpan type;    /* of the content */
    DerSpan content; /* of the OCTET STRING; empty when there is none */
    DerSpan certificates, crls, signers;
} SignedData;

/* ContentInfo of the type; *ret is what is inside its SEQUENCE. */
static int open_content(DerSpan input, const char *type, DerSpan *ret)
{
    DerSpan info, oid, wrapped;

    if (der_check(input, DEPTH_MAX) < 0 || der_read_only(input, DER_SEQUENCE, &info) < 0 ||
        der_read(&info, DER_OID, &oid) < 0 || !der_is(oid, type) ||
        der_read_only(info, DER_CONTEXT_CONSTRUCTED(0), &wrapped) < 0)
        return -EBADMSG;
    return der_read_only(wrapped, DER_SEQUENCE, ret);
}

static int read_encapsulated(DerSpan *data, SignedData *ret)
{
    DerSpan encapsulated, wrapped;
    int r;

    if (der_read(data, DER_SEQUENCE, &encapsulated) < 0 ||
        der_read(&encapsulated, DER_OID, &ret->type) < 0)
        return -EBADMSG;
    ret->content = (DerSpan){NULL, 0};
    r = der_read_optional(&encapsulated, DER_CONTEXT_CONSTRUCTED(0), &wrapped);
    if (r > 0)
        r = der_read_only(wrapped, DER_OCTET_STRING, &ret->content);
    return r < 0 ? r : der_end(&encapsulated);
}

/* What OpenSSL has trusted, to its cost (F1). */
static int check_digests(DerSpan set)
{
    DerSpan algorithm, oid;

    while (set.size > 0)
        if (der_read(&set, DER_SEQUENCE, &algorithm) < 0 || der_read(&algorithm, DER_OID, &oid) < 0)
            return -EBADMSG;
    return 0;
}

static int read_signed_data(DerSpan input, SignedData *ret)
{
    DerSpan data;
    uint64_t version;
    int r;

    *ret = (SignedData){.content = {NULL, 0}};
    r = open_content(input, OID_SIGNED_DATA, &data);
    if (r >= 0)
        r = der_read_uint64(&data, &version);
    if (r >= 0 && (version < 1 || version > 5))
        r = -EBADMSG;
    if (r >= 0)
        r = der_read(&data, DER_SET, &ret->digests);
    if (r >= 0)
        r = check_digests(ret->digests);
    if (r >= 0)
        r = read_encapsulated(&data, ret);
    if (r >= 0)
        r = der_read_optional(&data, DER_CONTEXT_CONSTRUCTED(0), &ret->certificates);
    if (r == 0)
        ret->certificates = (DerSpan){NULL, 0};
    if (r >= 0)
        r = der_read_optional(&data, DER_CONTEXT_CONSTRUCTED(1), &ret->crls);
    if (r == 0)
        ret->crls = (DerSpan){NULL, 0};
    if (r >= 0)
        r = der_read(&data, DER_SET, &ret->signers);
    return r < 0 ? r : der_end(&data);
}

static int add_certificates(DerSpan set, ReceivedList *list, const char **ret_reason)
{
    while (set.size > 0) {
        DerSpan element;
        uint8_t tag;
        int r = der_read_any(&set, &tag, &element, NULL);

        if (r < 0 || tag != DER_SEQUENCE)
            return refuse(-EBADMSG, ret_reason, "it has something else than certificates");
        r = received_add(list, element.data, element.size, ret_reason);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A certificate begins with its SEQUENCE, a ContentInfo with an OID. */
static bool is_content_info(DerSpan input)
{
    DerSpan inside, oid;

    return der_read_only(input, DER_SEQUENCE, &inside) >= 0 &&
           der_read(&inside, DER_OID, &oid) >= 0;
}

int scep_certificates_parse(const void *data, size_t size, ReceivedList *ret,
                            const char **ret_reason)
{
    _cleanup_free_ void *der = NULL;
    DerSpan input = {data, size};
    SignedData signed_data;
    int r;

    *ret = (ReceivedList){.n = 0};
    if (size > RECEIVED_SIZE_MAX)
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 256 KiB");
    if (ber_to_der(data, size, &der, &input.size) >= 0)
        input.data = der;
    else
        input.size = size;
    if (!is_content_info(input))
        return received_add(ret, data, size, ret_reason);
    if (read_signed_data(input, &signed_data) < 0 || !der_is(signed_data.type, OID_DATA) ||
        signed_data.signers.size > 0)
        return refuse(-EBADMSG, ret_reason, "it is no bag of certificates");
    r = add_certificates(signed_data.certificates, ret, ret_reason);
    if (r >= 0 && ret->n == 0)
        r = refuse(-EBADMSG, ret_reason, "there is no certificate in it");
    if (r < 0)
        received_done(ret);
    return r;
}

int scep_crl_parse(const void *data, size_t size, void **ret, size_t *ret_size,
                   const char **ret_reason)
{
    DerSpan input = {NULL, 0}, element;
    _cleanup_free_ void *der = NULL;
    SignedData signed_data;
    uint8_t tag;

    if (ber_to_der(data, size, &der, &input.size) >= 0)
        input.data = der;
    if (read_signed_data(input, &signed_data) < 0 || !der_is(signed_data.type, OID_DATA) ||
        signed_data.signers.size > 0)
        return refuse(-EBADMSG, ret_reason, "it is no bag of revocation lists");
    if (signed_data.crls.size == 0)
        return refuse(-EBADMSG, ret_reason, "there is no revocation list in it");
    if (der_read_any(&signed_data.crls, &tag, &element, NULL) < 0 || tag != DER_SEQUENCE ||
        der_end(&signed_data.crls) < 0)
        return refuse(-EBADMSG, ret_reason, "it has not exactly one revocation list");
    *ret = malloc(element.size);
    if (!*ret)
        return -ENOMEM;
    memcpy(*ret, element.data, element.size);
    *ret_size = element.size;
    return 0;
}

/* --- Attributes ------------------------------------------------------------------------------- */

typedef enum Attribute {
    ATTRIBUTE_CONTENT_TYPE,
    ATTRIBUTE_DIGEST,
    ATTRIBUTE_MESSAGE_TYPE,
    ATTRIBUTE_STATUS,
    ATTRIBUTE_FAIL_INFO,
    ATTRIBUTE_SENDER_NONCE,
    ATTRIBUTE_RECIPIENT_NONCE,
    ATTRIBUTE_TRANSACTION,
    ATTRIBUTE_FAIL_TEXT,
    _ATTRIBUTE_MAX,
} Attribute;

static const struct {
    const char *oid;
    uint8_t tag;
} attributes[_ATTRIBUTE_MAX] = {
    [ATTRIBUTE_CONTENT_TYPE] = {OID_CONTENT_TYPE, DER_OID},
    [ATTRIBUTE_DIGEST] = {OID_MESSAGE_DIGEST, DER_OCTET_STRING},
    [ATTRIBUTE_MESSAGE_TYPE] = {OID_MESSAGE_TYPE, PRINTABLE_STRING},
    [ATTRIBUTE_STATUS] = {OID_PKI_STATUS, PRINTABLE_STRING},
    [ATTRIBUTE_FAIL_INFO] = {OID_FAIL_INFO, PRINTABLE_STRING},
    [ATTRIBUTE_SENDER_NONCE] = {OID_SENDER_NONCE, DER_OCTET_STRING},
    [ATTRIBUTE_RECIPIENT_NONCE] = {OID_RECIPIENT_NONCE, DER_OCTET_STRING},
    [ATTRIBUTE_TRANSACTION] = {OID_TRANSACTION, PRINTABLE_STRING},
    [ATTRIBUTE_FAIL_TEXT] = {OID_FAIL_TEXT, DER_UTF8_STRING},
};

/* The text is a UTF8String in RFC 8894; step-ca, which leaves that to a library, sends it as a
 * PrintableString where it can be one. */
static int read_value(DerSpan set, Attribute a, DerSpan *ret)
{
    int r = der_read_only(set, attributes[a].tag, ret);

    return r < 0 && a == ATTRIBUTE_FAIL_TEXT ? der_read_only(set, PRINTABLE_STRING, ret) : r;
}

/* Each at most once, with exactly one value of its kind (F5); others are not ours to judge. */
static int read_attributes(DerSpan set, DerSpan values[_ATTRIBUTE_MAX], const char **ret_reason)
{
    memset(values, 0, _ATTRIBUTE_MAX * sizeof(*values));
    while (set.size > 0) {
        DerSpan attribute, oid, value;

        if (der_read(&set, DER_SEQUENCE, &attribute) < 0 ||
            der_read(&attribute, DER_OID, &oid) < 0 || der_read(&attribute, DER_SET, &value) < 0 ||
            der_end(&attribute) < 0)
            return refuse(-EBADMSG, ret_reason, "a signed attribute is malformed");
        for (Attribute i = 0; i < _ATTRIBUTE_MAX; i++) {
            if (!der_is(oid, attributes[i].oid))
                continue;
            if (values[i].data)
                return refuse(-EBADMSG, ret_reason, "a signed attribute is there twice");
            if (read_value(value, i, &values[i]) < 0)
                return refuse(-EBADMSG, ret_reason,
                              "a signed attribute has not exactly one value of its kind");
        }
    }
    return 0;
}

static bool is_text(DerSpan value, const char *text)
{
    return value.data && der_is(value, text);
}

static int read_status(DerSpan value, ScepStatus *ret, const char **ret_reason)
{
    static const struct {
        const char *text;
        ScepStatus status;
    } all[] = {{"0", SCEP_SUCCESS}, {"2", SCEP_FAILURE}, {"3", SCEP_PENDING}};

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        if (is_text(value, all[i].text)) {
            *ret = all[i].status;
            return 0;
        }
    return refuse(-EKEYREJECTED, ret_reason, "its pkiStatus is none that RFC 8894 knows");
}

static int read_failure(DerSpan info, DerSpan text, ScepReply *reply, const char **ret_reason)
{
    static const char *const names[] = {"badAlg", "badMessageCheck", "badRequest", "badTime",
                                        "badCertId"};
    size_t n = text.size < SCEP_TEXT_SIZE - 1 ? text.size : SCEP_TEXT_SIZE - 1;

    if (info.size != 1 || info.data[0] < '0' || info.data[0] >= '0' + (int)ELEMENTSOF(names))
        return refuse(-EKEYREJECTED, ret_reason, "its failInfo is none that RFC 8894 knows");
    reply->fail_info = names[info.data[0] - '0'];
    for (size_t i = 0; i < n; i++)
        reply->fail_text[i] = text.data[i] < 0x20 || text.data[i] > 0x7e ? '?' : (char)text.data[i];
    reply->fail_text[n] = '\0';
    return 0;
}

/* F6: what was sent comes back. */
static int check_answer(const DerSpan values[_ATTRIBUTE_MAX], const ScepExpectation *expected,
                        ScepReply *reply, const char **ret_reason)
{
    DerSpan nonce = values[ATTRIBUTE_SENDER_NONCE];
    int r;

    if (!is_text(values[ATTRIBUTE_MESSAGE_TYPE], "3"))
        return refuse(-EKEYREJECTED, ret_reason, "its messageType is not CertRep");
    if (!is_text(values[ATTRIBUTE_TRANSACTION], expected->transaction))
        return refuse(-EKEYREJECTED, ret_reason, "its transactionID is not the request's");
    if (!values[ATTRIBUTE_RECIPIENT_NONCE].data ||
        !der_equal(values[ATTRIBUTE_RECIPIENT_NONCE], expected->nonce, SCEP_NONCE_SIZE))
        return refuse(-EKEYREJECTED, ret_reason,
                      "its recipientNonce is not the request's: an old answer");
    if (!nonce.data || nonce.size == 0 || nonce.size > NONCE_MAX)
        return refuse(-EKEYREJECTED, ret_reason, "its senderNonce is missing, empty or too long");
    r = read_status(values[ATTRIBUTE_STATUS], &reply->status, ret_reason);
    if (r >= 0 && reply->status == SCEP_FAILURE)
        r = read_failure(values[ATTRIBUTE_FAIL_INFO], values[ATTRIBUTE_FAIL_TEXT], reply,
                         ret_reason);
    return r;
}

/* --- The signer ------------------------------------------------------------------------------- */

typedef struct Signer {
    DerSpan issuer_and_serial, digest_algorithm, signature_algorithm;
    DerSpan signed_attributes; /* with tag and length */
    DerSpan attributes, signature;
} Signer;

static int read_algorithm(DerSpan *input, DerSpan *ret_oid)
{
    DerSpan algorithm;

    return der_read(input, DER_SEQUENCE, &algorithm) < 0 ? -EBADMSG
                                                         : der_read(&algorithm, DER_OID, ret_oid);
}

static int read_signer(DerSpan signers, Signer *ret)
{
    DerSpan info, unsigned_attributes;
    uint64_t version;
    uint8_t tag;

    if (der_read_only(signers, DER_SEQUENCE, &info) < 0 || der_read_uint64(&info, &version) < 0 ||
        version != 1 || der_read_any(&info, &tag, &ret->issuer_and_serial, NULL) < 0 ||
        tag != DER_SEQUENCE || read_algorithm(&info, &ret->digest_algorithm) < 0 ||
        der_read_any(&info, &tag, &ret->signed_attributes, &ret->attributes) < 0 ||
        tag != DER_CONTEXT_CONSTRUCTED(0) || read_algorithm(&info, &ret->signature_algorithm) < 0 ||
        der_read(&info, DER_OCTET_STRING, &ret->signature) < 0 ||
        der_read_optional(&info, DER_CONTEXT_CONSTRUCTED(1), &unsigned_attributes) < 0 ||
        ret->signature.size == 0 || ret->signature.size > SIGNATURE_MAX)
        return -EBADMSG;
    return der_end(&info);
}

/* Does IssuerAndSerialNumber name this certificate? */
bool scep_names_certificate(DerSpan issuer_and_serial, const X509 *x)
{
    _cleanup_openssl_free_ unsigned char *issuer = NULL, *serial = NULL;
    int n_issuer = i2d_X509_NAME(X509_get_issuer_name(x), &issuer);
    int n_serial = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &serial);
    DerSpan inside, name, number;
    uint8_t tag;

    return n_issuer > 0 && n_serial > 0 &&
           der_read_only(issuer_and_serial, DER_SEQUENCE, &inside) >= 0 &&
           der_read_any(&inside, &tag, &name, NULL) >= 0 &&
           der_read_any(&inside, &tag, &number, NULL) >= 0 && der_end(&inside) >= 0 &&
           der_equal(name, issuer, (size_t)n_issuer) && der_equal(number, serial, (size_t)n_serial);
}

static const struct {
    const char *oid, *name;
    bool legacy, never;
} digests[] = {
    {"\x60\x86\x48\x01\x65\x03\x04\x02\x01", "SHA256", false, false},
    {"\x60\x86\x48\x01\x65\x03\x04\x02\x02", "SHA384", false, false},
    {"\x60\x86\x48\x01\x65\x03\x04\x02\x03", "SHA512", false, false},
    {"\x2b\x0e\x03\x02\x1a", "SHA1", true, false},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x05", "MD5", true, true},
};

static int choose_digest(DerSpan oid, bool legacy, const char **ret, const char **ret_reason)
{
    for (size_t i = 0; i < ELEMENTSOF(digests); i++) {
        if (!der_is(oid, digests[i].oid))
            continue;
        if (digests[i].never)
            return refuse(-EKEYREJECTED, ret_reason, "it is signed with MD5, which is never taken");
        if (digests[i].legacy && !legacy)
            return refuse(-EKEYREJECTED, ret_reason,
                          "it is signed with SHA-1, which only 'enrollment legacy' admits");
        *ret = digests[i].name;
        return 0;
    }
    return refuse(-EKEYREJECTED, ret_reason, "its digest algorithm is not known here");
}

/* Which algorithms go with which key and digest. The field is outside of what is signed. */
static bool signature_algorithm_fits(DerSpan oid, const EVP_PKEY *key, const char *digest)
{
    static const struct {
        const char *oid, *key, *digest; /* digest NULL: any */
    } all[] = {
        {OID_RSA, "RSA", NULL},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "RSA", "SHA1"},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "RSA", "SHA256"},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", "RSA", "SHA384"},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", "RSA", "SHA512"},
        {"\x2a\x86\x48\xce\x3d\x04\x03\x02", "EC", "SHA256"},
        {"\x2a\x86\x48\xce\x3d\x04\x03\x03", "EC", "SHA384"},
        {"\x2a\x86\x48\xce\x3d\x04\x03\x04", "EC", "SHA512"},
    };

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        if (der_is(oid, all[i].oid) && EVP_PKEY_is_a(key, all[i].key) &&
            (!all[i].digest || streq(all[i].digest, digest)))
            return true;
    return false;
}

static int verify(const Signer *signer, const char *digest, EVP_PKEY *key, OSSL_LIB_CTX *context)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
    static const uint8_t set = DER_SET;
    int good;

    if (!md)
        return -ENOMEM;
    /* What is signed has the tag of a SET (RFC 5652 section 5.4). */
    good = EVP_DigestVerifyInit_ex(md, NULL, digest, context, NULL, key, NULL) == 1 &&
           EVP_DigestVerifyUpdate(md, &set, 1) == 1 &&
           EVP_DigestVerifyUpdate(md, signer->signed_attributes.data + 1,
                                  signer->signed_attributes.size - 1) == 1 &&
           EVP_DigestVerifyFinal(md, signer->signature.data, signer->signature.size) == 1;
    ERR_clear_error();
    return good ? 0 : -EKEYREJECTED;
}

static int check_content(const SignedData *data, const DerSpan values[_ATTRIBUTE_MAX],
                         const char *digest, OSSL_LIB_CTX *context, const char **ret_reason)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t n = 0;

    if (!values[ATTRIBUTE_CONTENT_TYPE].data ||
        !der_equal(values[ATTRIBUTE_CONTENT_TYPE], data->type.data, data->type.size))
        return refuse(-EKEYREJECTED, ret_reason, "its contentType is not that of its content");
    if (EVP_Q_digest(context, digest, NULL,
                     data->content.data ? data->content.data : (const uint8_t *)"",
                     data->content.size, md, &n) != 1)
        return -EIO;
    if (!values[ATTRIBUTE_DIGEST].data || !der_equal(values[ATTRIBUTE_DIGEST], md, n))
        return refuse(-EKEYREJECTED, ret_reason, "its messageDigest is not that of its content");
    return 0;
}

static int check_signer(const Signer *signer, const ScepExpectation *expected,
                        const char **ret_digest, const char **ret_reason)
{
    int r = choose_digest(signer->digest_algorithm, expected->legacy, ret_digest, ret_reason);

    if (r < 0)
        return r;
    for (size_t i = 0; i < expected->n_signers; i++) {
        EVP_PKEY *key = X509_get0_pubkey(expected->signers[i]);

        if (!key || !scep_names_certificate(signer->issuer_and_serial, expected->signers[i]))
            continue;
        if (!signature_algorithm_fits(signer->signature_algorithm, key, *ret_digest))
            return refuse(-EKEYREJECTED, ret_reason,
                          "its signature algorithm does not go with its digest and key");
        r = verify(signer, *ret_digest, key, expected->context);
        return r < 0 ? refuse(r, ret_reason, "the signature on it is wrong") : 0;
    }
    return refuse(-EKEYREJECTED, ret_reason,
                  "it is signed by somebody who was not authenticated as CA or RA, or has expired "
                  "since: if the CA has another one by now, clear and authenticate");
}

/* Signed by one of those, all of it. */
static int read_signed(const void *data, size_t size, const ScepExpectation *expected,
                       SignedData *ret, DerSpan values[_ATTRIBUTE_MAX], const char **ret_reason)
{
    const char *digest;
    Signer signer;
    int r;

    if (size > (expected->size_max ? expected->size_max : SCEP_REPLY_MAX))
        return refuse(-EMSGSIZE, ret_reason, "it is larger than 256 KiB");
    if (read_signed_data((DerSpan){data, size}, ret) < 0)
        return refuse(-EBADMSG, ret_reason, "it is no CMS SignedData");
    if (ret->digests.size == 0 && ret->signers.size > 0)
        return refuse(-EBADMSG, ret_reason, "it is signed, and names no digest algorithm");
    if (read_signer(ret->signers, &signer) < 0)
        return refuse(-EBADMSG, ret_reason, "it has not exactly one signer with signed attributes");
    r = read_attributes(signer.attributes, values, ret_reason);
    if (r >= 0)
        r = check_signer(&signer, expected, &digest, ret_reason);
    return r < 0 ? r : check_content(ret, values, digest, expected->context, ret_reason);
}

int scep_next_certificates_parse(const void *data, size_t size, X509 *authority, bool legacy,
                                 OSSL_LIB_CTX *context, ReceivedList *ret, const char **ret_reason)
{
    const ScepExpectation expected = {
        .context = context, .signers = &authority, .n_signers = 1, .legacy = legacy};
    DerSpan values[_ATTRIBUTE_MAX];
    SignedData content;
    int r;

    r = read_signed(data, size, &expected, &content, values, ret_reason);
    if (r < 0)
        return r;
    if (!der_is(content.type, OID_DATA) && !der_is(content.type, OID_SIGNED_DATA))
        return refuse(-EBADMSG, ret_reason, "what the CA has signed are no certificates");
    return scep_certificates_parse(content.content.data, content.content.size, ret, ret_reason);
}

int scep_reply_parse(const void *data, size_t size, const ScepExpectation *expected, ScepReply *ret,
                     const char **ret_reason)
{
    ScepReply reply = {.fail_info = NULL};
    DerSpan values[_ATTRIBUTE_MAX];
    SignedData content;
    int r;

    r = read_signed(data, size, expected, &content, values, ret_reason);
    if (r >= 0 && !der_is(content.type, OID_DATA))
        r = refuse(-EBADMSG, ret_reason, "its content is no data");
    if (r >= 0)
        r = check_answer(values, expected, &reply, ret_reason);
    if (r >= 0 && reply.status == SCEP_SUCCESS && content.content.size == 0)
        r = refuse(-EKEYREJECTED, ret_reason, "it says success and holds nothing");
    if (r < 0)
        return r;
    reply.content = content.content;
    *ret = reply;
    return 0;
}
