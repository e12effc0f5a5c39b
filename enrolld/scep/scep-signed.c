/* SPDX-License-Identifier: Apache-2.0 */
/* SignedData of a key that is given what it signs and not a digest of it: Ed25519 (RFC 8419), which
 * OpenSSL 3.0 signs no CMS with. Written from the inside to the outside. */
#include "scep-message.h"
#include "scep-oids.h"

#define PRINTABLE_STRING 0x13
#define OID_SHA512 "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
#define OID_ED25519 "\x2b\x65\x70"
#define ATTRIBUTES 5U
#define SIGNATURE_SIZE 64U

static size_t head_write(uint8_t tag, size_t size, uint8_t ret[6])
{
    size_t n = 0;

    ret[0] = tag;
    if (size < 0x80) {
        ret[1] = (uint8_t)size;
        return 2;
    }
    for (size_t rest = size; rest > 0; rest >>= 8)
        n++;
    ret[1] = (uint8_t)(0x80 | n);
    for (size_t i = 0; i < n; i++)
        ret[2 + i] = (uint8_t)(size >> (8 * (n - 1 - i)));
    return 2 + n;
}

static void add(BIO *out, uint8_t tag, const void *data, size_t size)
{
    uint8_t head[6];

    (void)BIO_write(out, head, (int)head_write(tag, size, head));
    (void)BIO_write(out, data, (int)size);
}

static DerSpan bytes_of(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);

    return (DerSpan){(const uint8_t *)data, size > 0 ? (size_t)size : 0};
}

/* What is in the one becomes one element at the end of the other. */
static void close_into(BIO *what, uint8_t tag, BIO *parent)
{
    DerSpan all = bytes_of(what);

    add(parent, tag, all.data, all.size);
    (void)BIO_reset(what);
}

static void add_algorithm(BIO *out, BIO *scratch, const char *oid)
{
    add(scratch, DER_OID, oid, strlen(oid));
    close_into(scratch, DER_SEQUENCE, out);
}

/* --- Attributes ------------------------------------------------------------------------------- */

typedef struct Attribute {
    const char *oid;
    uint8_t tag;
    const void *value;
    size_t size;
    BIO *der;
} Attribute;

static int attribute_write(Attribute *a)
{
    _cleanup_(BIO_free_allp) BIO *value = BIO_new(BIO_s_mem()), *inside = BIO_new(BIO_s_mem());

    a->der = BIO_new(BIO_s_mem());
    if (!value || !inside || !a->der)
        return -ENOMEM;
    add(value, a->tag, a->value, a->size);
    add(inside, DER_OID, a->oid, strlen(a->oid));
    close_into(value, DER_SET, inside);
    close_into(inside, DER_SEQUENCE, a->der);
    return 0;
}

/* X.690 section 11.6: in the order of their octets. */
static int compare(const void *a, const void *b)
{
    const Attribute *x = a, *y = b;
    DerSpan one = bytes_of(x->der), other = bytes_of(y->der);
    int order = memcmp(one.data, other.data, one.size < other.size ? one.size : other.size);

    return order != 0 ? order : (one.size > other.size) - (one.size < other.size);
}

static int write_attributes(const ScepRequest *request, DerSpan content, BIO *out)
{
    uint8_t md[EVP_MAX_MD_SIZE];
    char type[8];
    Attribute all[ATTRIBUTES] = {
        {OID_CONTENT_TYPE, DER_OID, OID_DATA, STRLEN(OID_DATA), NULL},
        {OID_MESSAGE_DIGEST, DER_OCTET_STRING, md, 0, NULL},
        {OID_MESSAGE_TYPE, PRINTABLE_STRING, type, 0, NULL},
        {OID_SENDER_NONCE, DER_OCTET_STRING, request->nonce, SCEP_NONCE_SIZE, NULL},
        {OID_TRANSACTION, PRINTABLE_STRING, request->transaction, strlen(request->transaction),
         NULL},
    };
    int r = 0;

    all[2].size = (size_t)snprintf(type, sizeof(type), "%d", (int)request->type);
    if (EVP_Q_digest(request->context, "SHA512", NULL, content.data, content.size, md,
                     &all[1].size) != 1)
        r = -EIO;
    for (size_t i = 0; r >= 0 && i < ATTRIBUTES; i++)
        r = attribute_write(&all[i]);
    if (r >= 0)
        qsort(all, ATTRIBUTES, sizeof(all[0]), compare);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (r >= 0)
            (void)BIO_write(out, bytes_of(all[i].der).data, (int)bytes_of(all[i].der).size);
        BIO_free_all(all[i].der);
    }
    return r;
}

/* --- The message ------------------------------------------------------------------------------ */

/* As a SET, whatever tag they are sent with. */
static int sign_attributes(const ScepRequest *request, DerSpan attributes,
                           uint8_t signature[SIGNATURE_SIZE])
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_(BIO_free_allp) BIO *set = BIO_new(BIO_s_mem());
    size_t size = SIGNATURE_SIZE;

    if (!context || !set)
        return -ENOMEM;
    add(set, DER_SET, attributes.data, attributes.size);
    return EVP_DigestSignInit_ex(context, NULL, NULL, request->context, NULL, request->key,
                                 NULL) == 1 &&
                   EVP_DigestSign(context, signature, &size, bytes_of(set).data,
                                  bytes_of(set).size) == 1 &&
                   size == SIGNATURE_SIZE
               ? 0
               : -EIO;
}

static int write_signer(const ScepRequest *request, DerSpan content, BIO *out)
{
    _cleanup_(BIO_free_allp) BIO *info = BIO_new(BIO_s_mem()), *scratch = BIO_new(BIO_s_mem());
    _cleanup_(BIO_free_allp) BIO *attributes = BIO_new(BIO_s_mem());
    _cleanup_free_ void *name = NULL;
    uint8_t signature[SIGNATURE_SIZE];
    size_t size;
    int r;

    if (!info || !scratch || !attributes)
        return -ENOMEM;
    r = scep_issuer_and_serial(X509_get_issuer_name(request->signer),
                               X509_get0_serialNumber(request->signer), &name, &size);
    if (r >= 0)
        r = write_attributes(request, content, attributes);
    if (r >= 0)
        r = sign_attributes(request, bytes_of(attributes), signature);
    if (r < 0)
        return r;
    add(info, DER_INTEGER, "\1", 1);
    (void)BIO_write(info, name, (int)size);
    add_algorithm(info, scratch, OID_SHA512);
    close_into(attributes, DER_CONTEXT_CONSTRUCTED(0), info);
    add_algorithm(info, scratch, OID_ED25519);
    add(info, DER_OCTET_STRING, signature, sizeof(signature));
    close_into(info, DER_SEQUENCE, out);
    return 0;
}

int scep_sign_plain(const ScepRequest *request, BIO *content, BIO *out)
{
    _cleanup_(BIO_free_allp) BIO *data = BIO_new(BIO_s_mem()), *inside = BIO_new(BIO_s_mem());
    _cleanup_(BIO_free_allp) BIO *scratch = BIO_new(BIO_s_mem()), *signers = BIO_new(BIO_s_mem());
    _cleanup_free_ void *certificate = NULL;
    size_t size;
    int r;

    if (!data || !inside || !scratch || !signers)
        return -ENOMEM;
    r = write_signer(request, bytes_of(content), signers);
    if (r >= 0)
        r = certificate_encode(request->signer, &certificate, &size);
    if (r < 0)
        return r;
    add(data, DER_INTEGER, "\1", 1);
    add_algorithm(inside, scratch, OID_SHA512);
    close_into(inside, DER_SET, data);
    add(inside, DER_OID, OID_DATA, STRLEN(OID_DATA));
    add(scratch, DER_OCTET_STRING, bytes_of(content).data, bytes_of(content).size);
    close_into(scratch, DER_CONTEXT_CONSTRUCTED(0), inside);
    close_into(inside, DER_SEQUENCE, data);
    add(data, DER_CONTEXT_CONSTRUCTED(0), certificate, size);
    close_into(signers, DER_SET, data);
    close_into(data, DER_SEQUENCE, scratch);
    add(inside, DER_OID, OID_SIGNED_DATA, STRLEN(OID_SIGNED_DATA));
    close_into(scratch, DER_CONTEXT_CONSTRUCTED(0), inside);
    close_into(inside, DER_SEQUENCE, out);
    return 0;
}
