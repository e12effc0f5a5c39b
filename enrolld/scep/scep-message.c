/* SPDX-License-Identifier: Apache-2.0 */
#include "scep-message.h"

#include <openssl/rand.h>
#include <strings.h>
#include <time.h>

#include "public-half.h"
#include "scep-oids.h"

#define CAPABILITIES_MAX 4096U
#define SIGNER_YEARS 10

/* --- What the server can ---------------------------------------------------------------------- */

static void read_capability(DerSpan line, ScepCapabilities *c)
{
    const struct {
        const char *word;
        bool *flag;
    } words[] = {
        {"AES", &c->aes},         {"SHA-256", &c->sha256},  {"POSTPKIOperation", &c->post},
        {"Renewal", &c->renewal}, {"DES3", &c->triple_des}, {"GetNextCACert", &c->next_authority},
    };

    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        if (strlen(words[i].word) == line.size &&
            strncasecmp(words[i].word, (const char *)line.data, line.size) == 0)
            *words[i].flag = true;
    /* RFC 8894 section 3.5.2: these are what it stands for. */
    if (line.size == STRLEN("SCEPStandard") &&
        strncasecmp("SCEPStandard", (const char *)line.data, line.size) == 0)
        c->aes = c->sha256 = c->post = true;
}

void scep_capabilities_parse(const void *text, size_t size, ScepCapabilities *ret)
{
    DerSpan rest = {text, size < CAPABILITIES_MAX ? size : CAPABILITIES_MAX};

    *ret = (ScepCapabilities){.aes = false};
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        DerSpan line = {rest.data, end ? (size_t)(end - rest.data) : rest.size};
        size_t taken = line.size + (end ? 1 : 0);

        while (line.size > 0 && line.data[line.size - 1] <= ' ')
            line.size--;
        read_capability(line, ret);
        rest.data += taken;
        rest.size -= taken;
    }
}

/* --- Peers ------------------------------------------------------------------------------------ */

static bool may(const X509 *x, uint32_t usage)
{
    return X509_get_key_usage((X509 *)(uintptr_t)x) & usage;
}

void scep_peers_choose(X509 *authority, X509 *const *others, size_t n_others, int64_t now,
                       ScepPeers *ret)
{
    time_t at = (time_t)now;

    *ret = (ScepPeers){.authority = authority, .recipient = authority};
    for (size_t i = 0; i < n_others && i < RECEIVED_MAX; i++) {
        /* Those above the CA have nothing to do with it. */
        if (X509_get_extension_flags(others[i]) & EXFLAG_CA ||
            X509_cmp_time(X509_get0_notAfter(others[i]), &at) <= 0)
            continue;
        if (ret->recipient == authority && may(others[i], KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT))
            ret->recipient = others[i];
        if (may(others[i], KU_DIGITAL_SIGNATURE))
            ret->signers[ret->n_signers++] = others[i];
    }
    ret->signers[ret->n_signers++] = authority;
}

/* --- Requests --------------------------------------------------------------------------------- */

static int to_bytes(BIO *bio, void **ret_der, size_t *ret_size)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    void *copy;

    if (size <= 0)
        return -EIO;
    copy = malloc((size_t)size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, data, (size_t)size);
    *ret_der = copy;
    *ret_size = (size_t)size;
    return 0;
}

/* For a key of an elliptic curve by key agreement (RFC 5753), with SHA-256 as well; without a word
 * it would be SHA-1. */
static int set_derivation(CMS_RecipientInfo *recipient)
{
    EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(recipient);

    if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_AGREE)
        return 0;
    return context && EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) > 0 ? 0 : -EIO;
}

static int encrypt(const ScepRequest *request, BIO *out)
{
    _cleanup_(BIO_free_allp) BIO *in =
        BIO_new_mem_buf(request->content, (int)request->content_size);
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms = NULL;
    const EVP_CIPHER *cipher = request->triple_des ? EVP_des_ede3_cbc() : EVP_aes_128_cbc();
    CMS_RecipientInfo *recipient = NULL;

    if (in)
        cms = CMS_encrypt_ex(NULL, NULL, cipher, CMS_PARTIAL | CMS_BINARY, request->context, NULL);
    if (cms)
        recipient = CMS_add1_recipient_cert(cms, request->recipient, CMS_KEY_PARAM);
    if (!recipient || set_derivation(recipient) < 0)
        return -EIO;
    return CMS_final(cms, in, NULL, CMS_BINARY) == 1 && i2d_CMS_bio(out, cms) == 1 ? 0 : -EIO;
}

static int add_attribute(CMS_SignerInfo *signer, const char *oid, int type, const void *value,
                         size_t size)
{
    return CMS_signed_add1_attr_by_txt(signer, oid, type, value, (int)size) == 1 ? 0 : -EIO;
}

static int add_attributes(CMS_SignerInfo *signer, const ScepRequest *request)
{
    char type[8];
    int r;

    (void)snprintf(type, sizeof(type), "%d", (int)request->type);
    r = add_attribute(signer, "2.16.840.1.113733.1.9.2", V_ASN1_PRINTABLESTRING, type,
                      strlen(type));
    if (r >= 0)
        r = add_attribute(signer, "2.16.840.1.113733.1.9.5", V_ASN1_OCTET_STRING, request->nonce,
                          SCEP_NONCE_SIZE);
    if (r >= 0)
        r = add_attribute(signer, "2.16.840.1.113733.1.9.7", V_ASN1_PRINTABLESTRING,
                          request->transaction, strlen(request->transaction));
    return r;
}

static int sign(const ScepRequest *request, BIO *content, BIO *out)
{
    _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *cms =
        CMS_sign_ex(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY, request->context, NULL);
    const EVP_MD *md = EVP_get_digestbyname(request->digest);
    CMS_SignerInfo *signer;
    int r;

    if (!cms || !md)
        return -ENOMEM;
    signer = CMS_add1_signer(cms, request->signer, request->key, md,
                             CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL);
    if (!signer)
        return -EIO;
    r = add_attributes(signer, request);
    if (r < 0)
        return r;
    return CMS_final(cms, content, NULL, CMS_BINARY) == 1 && i2d_CMS_bio(out, cms) == 1 ? 0 : -EIO;
}

int scep_request_build(const ScepRequest *request, void **ret_der, size_t *ret_size)
{
    _cleanup_(BIO_free_allp) BIO *envelope = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    const EVP_PKEY *to = X509_get0_pubkey(request->recipient);
    int r;

    if (!envelope || !out)
        return -ENOMEM;
    if (!to || !(EVP_PKEY_is_a(to, "RSA") || EVP_PKEY_is_a(to, "EC")))
        return -EOPNOTSUPP;
    r = encrypt(request, envelope);
    if (r >= 0)
        r = EVP_PKEY_is_a(request->key, "ED25519") ? scep_sign_plain(request, envelope, out)
                                                   : sign(request, envelope, out);
    if (r >= 0)
        r = to_bytes(out, ret_der, ret_size);
    ERR_clear_error();
    return r;
}

int scep_transaction(EVP_PKEY *key, const X509 *renewed, char ret[SCEP_TRANSACTION_SIZE])
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_openssl_free_ unsigned char *der = NULL, *certificate = NULL;
    int size = i2d_PUBKEY(key, &der), certificate_size = 0;
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (renewed)
        certificate_size = i2d_X509(renewed, &certificate);
    if (!context || size <= 0 || certificate_size < 0 ||
        EVP_DigestInit_ex2(context, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(context, der, (size_t)size) != 1 ||
        EVP_DigestUpdate(context, certificate, (size_t)certificate_size) != 1 ||
        EVP_DigestFinal_ex(context, md, &n) != 1) {
        ERR_clear_error();
        return -EIO;
    }
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(ret + (size_t)2 * i, 3, "%02X", md[i]);
    return 0;
}

static int fill_signer(OSSL_LIB_CTX *context, X509 *x, EVP_PKEY *key, const X509_NAME *subject,
                       const char *transaction, int64_t now)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *half = public_half_new(context, key);
    _cleanup_(BN_freep) BIGNUM *serial = NULL;
    char head[17];

    /* The same in all messages of a transaction, positive and without leading zeros (F9). */
    (void)snprintf(head, sizeof(head), "4%.15s", transaction);
    if (BN_hex2bn(&serial, head) == 0 || !BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)))
        return -ENOMEM;
    if (X509_set_version(x, X509_VERSION_3) != 1 || X509_set_subject_name(x, subject) != 1 ||
        X509_set_issuer_name(x, subject) != 1 || X509_set_pubkey(x, half) != 1 ||
        !ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)now, -1, 0) ||
        !ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)now, SIGNER_YEARS * 365, 0))
        return -EIO;
    return 0;
}

/* digitalSignature, and how the answer is encrypted for it, when it can be: keyEncipherment or
 * keyAgreement. */
static int add_signer_usage(X509 *x, const EVP_PKEY *key)
{
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    int r = -EIO;

    if (usage && ASN1_BIT_STRING_set_bit(usage, 0, 1) == 1 &&
        (scep_needs_password(key) ||
         ASN1_BIT_STRING_set_bit(usage, EVP_PKEY_is_a(key, "EC") ? 4 : 2, 1) == 1) &&
        X509_add1_ext_i2d(x, NID_key_usage, usage, 1, X509V3_ADD_DEFAULT) == 1)
        r = 0;
    ASN1_BIT_STRING_free(usage);
    return r;
}

int scep_signer_certificate(OSSL_LIB_CTX *context, EVP_PKEY *key, const X509_NAME *subject,
                            const char *transaction, int64_t now, X509 **ret)
{
    _cleanup_(X509_freep) X509 *x = X509_new_ex(context, NULL);
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
    int r;

    if (!x || !md)
        return -ENOMEM;
    r = fill_signer(context, x, key, subject, transaction, now);
    if (r >= 0)
        r = add_signer_usage(x, key);
    if (r >= 0 && (EVP_DigestSignInit_ex(md, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256",
                                         context, NULL, key, NULL) != 1 ||
                   X509_sign_ctx(x, md) <= 0))
        r = -EIO;
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = TAKE_PTR(x);
    return 0;
}

/* SEQUENCE of two, which are encoded already. */
static int pair_up(const unsigned char *first, int n_first, const unsigned char *second,
                   int n_second, void **ret_der, size_t *ret_size)
{
    unsigned char *der, *p;
    int size;

    if (n_first <= 0 || n_second <= 0)
        return -EIO;
    size = ASN1_object_size(1, n_first + n_second, V_ASN1_SEQUENCE);
    der = p = size > 0 ? malloc((size_t)size) : NULL;
    if (!der)
        return -ENOMEM;
    ASN1_put_object(&p, 1, n_first + n_second, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, first, (size_t)n_first);
    memcpy(p + n_first, second, (size_t)n_second);
    *ret_der = der;
    *ret_size = (size_t)size;
    return 0;
}

int scep_issuer_and_subject(const X509 *authority, X509_REQ *request, void **ret_der,
                            size_t *ret_size)
{
    _cleanup_openssl_free_ unsigned char *issuer = NULL, *subject = NULL;
    int n_issuer = i2d_X509_NAME(X509_get_subject_name(authority), &issuer);
    int n_subject = i2d_X509_NAME(X509_REQ_get_subject_name(request), &subject);

    return pair_up(issuer, n_issuer, subject, n_subject, ret_der, ret_size);
}

int scep_issuer_and_serial(const X509_NAME *issuer, const ASN1_INTEGER *serial, void **ret_der,
                           size_t *ret_size)
{
    _cleanup_openssl_free_ unsigned char *name = NULL, *number = NULL;
    int n_name = i2d_X509_NAME(issuer, &name), n_number = i2d_ASN1_INTEGER(serial, &number);

    return pair_up(name, n_name, number, n_number, ret_der, ret_size);
}
