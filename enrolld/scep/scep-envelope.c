/* SPDX-License-Identifier: Apache-2.0 */
/* The encrypted half of a reply: EnvelopedData (RFC 5652 section 6) for exactly one recipient, by
 * key transport or key agreement, or under a password, with a cipher of the list. The content key
 * comes from the caller's key or password. */
#include "key-agreement.h"
#include "scep-message.h"
#include "scep-oids.h"

#define DEPTH_MAX 24U
#define CONSTRUCTED_OCTETS 0x24
#define KEY_MAX 32U
#define DES_KEY_SIZE 8U
/* Of EnvelopedData, RFC 5652 section 6.1. */
#define VERSION_TRANSPORT 0U
#define VERSION_AGREEMENT 2U
#define VERSION_PASSWORD 3U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

static const struct {
    const char *oid, *name;
    size_t key_size, iv_size;
    const char *refusal; /* without 'enrollment legacy' */
} ciphers[] = {
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x02", "AES-128-CBC", 16, 16, NULL},
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x16", "AES-192-CBC", 24, 16, NULL},
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", "AES-256-CBC", 32, 16, NULL},
    {"\x2a\x86\x48\x86\xf7\x0d\x03\x07", "DES-EDE3-CBC", 24, 8,
     "it is encrypted with Triple DES, which only 'enrollment legacy' admits"},
    {"\x2b\x0e\x03\x02\x07", "DES-EDE3-CBC", DES_KEY_SIZE, 8,
     "it is encrypted with single DES, which only 'enrollment legacy' admits"},
};

static int read_cipher(DerSpan algorithm, bool legacy, ScepEnvelope *ret, const char **ret_reason)
{
    DerSpan oid;

    if (der_read(&algorithm, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its cipher is malformed");
    for (size_t i = 0; i < ELEMENTSOF(ciphers); i++) {
        if (!der_is(oid, ciphers[i].oid))
            continue;
        if (ciphers[i].refusal && !legacy)
            return refuse(-EKEYREJECTED, ret_reason, ciphers[i].refusal);
        if (der_read_only(algorithm, DER_OCTET_STRING, &ret->iv) < 0 ||
            ret->iv.size != ciphers[i].iv_size)
            return refuse(-EBADMSG, ret_reason, "its initialisation vector is malformed");
        ret->cipher = ciphers[i].name;
        ret->key_size = ciphers[i].key_size;
        return 0;
    }
    return refuse(-EKEYREJECTED, ret_reason,
                  "it is encrypted with a cipher that is not known here");
}

/* In one piece, or in several OCTET STRINGs, as some servers write it. */
static int read_ciphertext(DerSpan input, ScepEnvelope *ret)
{
    DerSpan content;
    uint8_t tag;

    if (der_read_any(&input, &tag, NULL, &content) < 0 || der_end(&input) < 0)
        return -EBADMSG;
    ret->ciphertext = content;
    ret->in_pieces = tag == DER_CONTEXT_CONSTRUCTED(0);
    if (tag == DER_CONTEXT(0))
        return 0;
    if (tag != DER_CONTEXT_CONSTRUCTED(0) || content.size == 0)
        return -EBADMSG;
    while (content.size > 0)
        if (der_read(&content, DER_OCTET_STRING, NULL) < 0)
            return -EBADMSG;
    return 0;
}

static bool is_of(const X509 *certificate, const char *type)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);

    return key && EVP_PKEY_is_a(key, type);
}

static int read_transport(DerSpan info, const X509 *expected, ScepEnvelope *ret,
                          const char **ret_reason)
{
    DerSpan name, algorithm, oid;
    uint64_t version;
    uint8_t tag;

    if (der_read_uint64(&info, &version) < 0 || version != 0 ||
        der_read_any(&info, &tag, &name, NULL) < 0 || tag != DER_SEQUENCE ||
        der_read(&info, DER_SEQUENCE, &algorithm) < 0 || der_read(&algorithm, DER_OID, &oid) < 0 ||
        der_read(&info, DER_OCTET_STRING, &ret->encrypted_key) < 0 || der_end(&info) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    if (!scep_names_certificate(name, expected))
        return refuse(-EKEYREJECTED, ret_reason, "it is encrypted for somebody else");
    if (!der_is(oid, OID_RSA))
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is encrypted with an algorithm that is not known here");
    if (!is_of(expected, "RSA"))
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is encrypted for an RSA key, which that of the router is not");
    return 0;
}

static bool names_recipient(const KeyAgreement *agreement, const X509 *expected)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id((X509 *)(uintptr_t)expected);

    if (!agreement->key_id.data)
        return scep_names_certificate(agreement->issuer_and_serial, expected);
    return id &&
           der_equal(agreement->key_id, ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
}

/* RFC 5753. OpenSSL derives with SHA-1 when nobody tells it otherwise, and RFC 5753 lets senders do
 * so; a derivation needs none of what SHA-1 has lost, but the floor is one for all that comes from
 * a server. */
static int read_agreement(DerSpan info, const X509 *expected, bool legacy, KeyAgreement *ret,
                          const char **ret_reason)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *peer = NULL;
    int r = key_agreement_parse(info, ret, ret_reason);

    if (r < 0)
        return r;
    if (!names_recipient(ret, expected))
        return refuse(-EKEYREJECTED, ret_reason, "it is encrypted for somebody else");
    if (ret->digest_is_weak && !legacy)
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is derived with SHA-1 or SHA-224, which only 'enrollment legacy' "
                      "admits");
    return key_agreement_peer(ret, X509_get0_pubkey(expected), &peer, ret_reason);
}

static int read_password(DerSpan content, const X509 *expected, bool legacy, ScepEnvelope *ret,
                         const char **ret_reason)
{
    int r;

    if (!scep_needs_password(X509_get0_pubkey(expected)))
        return refuse(-EKEYREJECTED, ret_reason,
                      "it is encrypted under a password, although the router has a key that it "
                      "could be encrypted for");
    r = scep_password_parse(content, legacy, &ret->password, ret_reason);
    if (r < 0)
        return r;
    ret->by_password = true;
    ret->encrypted_key = ret->password.wrapped;
    return 0;
}

/* *ret_wrapped_size: of the wrapped key, 0 when it came otherwise than by key agreement. */
static int read_recipient(DerSpan recipients, const X509 *expected, bool legacy, ScepEnvelope *ret,
                          size_t *ret_wrapped_size, const char **ret_reason)
{
    KeyAgreement agreement;
    DerSpan info, content;
    uint8_t tag;
    int r;

    /* F3 */
    if (der_read_any(&recipients, &tag, &info, &content) < 0 || der_end(&recipients) < 0 ||
        (tag != DER_SEQUENCE && tag != KEY_AGREEMENT_TAG && tag != SCEP_PASSWORD_TAG))
        return refuse(-EBADMSG, ret_reason,
                      "it has not exactly one recipient, by key transport, key agreement or "
                      "password");
    *ret_wrapped_size = 0;
    ret->by_password = false;
    if (tag == SCEP_PASSWORD_TAG)
        return read_password(content, expected, legacy, ret, ret_reason);
    if (scep_needs_password(X509_get0_pubkey(expected)))
        return refuse(-EKEYREJECTED, ret_reason,
                      "it is encrypted for a key, and not under the challenge password, which is "
                      "all that the router's key leaves");
    if (tag == DER_SEQUENCE)
        return read_transport(content, expected, ret, ret_reason);
    r = read_agreement(info, expected, legacy, &agreement, ret_reason);
    if (r < 0)
        return r;
    ret->encrypted_key = info;
    *ret_wrapped_size = agreement.wrapped_key.size;
    return 0;
}

static int open_envelope(DerSpan content, DerSpan *ret)
{
    DerSpan info, oid, wrapped;

    if (der_check(content, DEPTH_MAX) < 0 || der_read_only(content, DER_SEQUENCE, &info) < 0 ||
        der_read(&info, DER_OID, &oid) < 0 || !der_is(oid, OID_ENVELOPED_DATA) ||
        der_read_only(info, DER_CONTEXT_CONSTRUCTED(0), &wrapped) < 0)
        return -EBADMSG;
    return der_read_only(wrapped, DER_SEQUENCE, ret);
}

static bool is_version(uint64_t version, const ScepEnvelope *e, size_t wrapped_size)
{
    return version == (e->by_password     ? VERSION_PASSWORD
                       : wrapped_size > 0 ? VERSION_AGREEMENT
                                          : VERSION_TRANSPORT);
}

int scep_envelope_parse(DerSpan content, const X509 *recipient, bool legacy, ScepEnvelope *ret,
                        const char **ret_reason)
{
    DerSpan data, recipients, encrypted, oid, algorithm;
    size_t wrapped_size;
    uint64_t version;
    int r;

    if (open_envelope(content, &data) < 0 || der_read_uint64(&data, &version) < 0 ||
        (version != VERSION_TRANSPORT && version != VERSION_AGREEMENT &&
         version != VERSION_PASSWORD) ||
        der_read(&data, DER_SET, &recipients) < 0 ||
        der_read(&data, DER_SEQUENCE, &encrypted) < 0 || der_end(&data) < 0)
        return refuse(-EBADMSG, ret_reason, "its content is no CMS EnvelopedData");
    r = read_recipient(recipients, recipient, legacy, ret, &wrapped_size, ret_reason);
    if (r < 0)
        return r;
    if (!is_version(version, ret, wrapped_size))
        return refuse(-EBADMSG, ret_reason, "its version is not that of its recipient");
    if (der_read(&encrypted, DER_OID, &oid) < 0 || !der_is(oid, OID_DATA) ||
        der_read(&encrypted, DER_SEQUENCE, &algorithm) < 0)
        return refuse(-EBADMSG, ret_reason, "its encrypted content is malformed");
    r = read_cipher(algorithm, legacy, ret, ret_reason);
    if (r < 0)
        return r;
    if (wrapped_size > 0 && wrapped_size != ret->key_size + KEY_AGREEMENT_WRAP_OVERHEAD)
        return refuse(-EBADMSG, ret_reason,
                      "its wrapped key has not the length of a key of its cipher");
    if (read_ciphertext(encrypted, ret) < 0)
        return refuse(-EBADMSG, ret_reason, "its encrypted content is malformed");
    return 0;
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* With the same key three times, Triple DES is DES. */
static void repeat_des(unsigned char content_key[KEY_MAX], size_t size)
{
    for (size_t i = 1; size == DES_KEY_SIZE && i < 3; i++)
        memcpy(content_key + i * size, content_key, size);
}

static int unwrap(const ScepEnvelope *e, OSSL_LIB_CTX *context, EVP_PKEY *key,
                  unsigned char content_key[KEY_MAX])
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *decrypt =
        EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    unsigned char buffer[1024];
    size_t size = sizeof(buffer);
    int r = -EKEYREJECTED;

    if (decrypt && EVP_PKEY_decrypt_init(decrypt) == 1 &&
        EVP_PKEY_decrypt(decrypt, buffer, &size, e->encrypted_key.data, e->encrypted_key.size) ==
            1 &&
        size == e->key_size) {
        memcpy(content_key, buffer, size);
        r = 0;
    }
    explicit_bzero(buffer, sizeof(buffer));
    return r;
}

static int decrypt(const ScepEnvelope *e, const EVP_CIPHER *cipher, const unsigned char *key,
                   unsigned char *out, size_t *ret_size)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    DerSpan rest = e->ciphertext, piece = rest;
    size_t n = 0;
    int part;

    if (!context)
        return -ENOMEM;
    if (EVP_DecryptInit_ex2(context, cipher, key, e->iv.data, NULL) != 1)
        return -EKEYREJECTED;
    do {
        if (e->in_pieces && der_read(&rest, DER_OCTET_STRING, &piece) < 0)
            return -EKEYREJECTED;
        if (EVP_DecryptUpdate(context, out + n, &part, piece.data, (int)piece.size) != 1)
            return -EKEYREJECTED;
        n += (size_t)part;
    } while (e->in_pieces && rest.size > 0);
    if (EVP_DecryptFinal_ex(context, out + n, &part) != 1)
        return -EKEYREJECTED;
    *ret_size = n + (size_t)part;
    return 0;
}

int scep_envelope_open(const ScepEnvelope *envelope, OSSL_LIB_CTX *context, EVP_PKEY *key,
                       const char *password, void **ret_data, size_t *ret_size)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(context, envelope->cipher, NULL);
    unsigned char content_key[KEY_MAX] = {0};
    _cleanup_free_ unsigned char *out = NULL;
    size_t n;
    int r;

    out = malloc(envelope->ciphertext.size + EVP_MAX_BLOCK_LENGTH);
    if (!cipher || !out)
        r = -ENOMEM;
    else if (envelope->by_password)
        r = scep_password_unwrap(&envelope->password, context, password, content_key,
                                 envelope->key_size);
    else
        r = unwrap(envelope, context, key, content_key);
    repeat_des(content_key, envelope->key_size);
    if (r >= 0)
        r = decrypt(envelope, cipher, content_key, out, &n);
    explicit_bzero(content_key, sizeof(content_key));
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret_data = TAKE_PTR(out);
    *ret_size = n;
    return 0;
}
