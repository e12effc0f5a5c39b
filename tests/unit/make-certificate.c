/* SPDX-License-Identifier: Apache-2.0 */
#include "make-certificate.h"

#include <openssl/pem.h>

#define MUST(expression)                                                                           \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expression);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

EVP_PKEY *make_key(void)
{
    static EVP_PKEY *key;

    if (!key)
        MUST((key = EVP_EC_gen("P-256")));
    return key;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    MUST(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

static void set_name(X509_NAME *name, const char *cn)
{
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
                                    0));
}

static int set_key(X509 *certificate, unsigned rsa_bits)
{
    EVP_PKEY *key = rsa_bits > 0 ? EVP_RSA_gen(rsa_bits) : make_key();
    int ok = key && X509_set_pubkey(certificate, key);

    if (rsa_bits > 0)
        EVP_PKEY_free(key);
    return ok;
}

X509 *make_certificate(const CertificateRecipe *recipe)
{
    static long serial;
    X509 *certificate = X509_new();

    MUST(certificate &&
         X509_set_version(certificate, recipe->version1 ? X509_VERSION_1 : X509_VERSION_3));
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial));
    set_name(X509_get_subject_name(certificate), recipe->name);
    set_name(X509_get_issuer_name(certificate), recipe->issuer ?: recipe->name);
    MUST(X509_time_adj_ex(X509_getm_notBefore(certificate), recipe->days_from, 0, NULL));
    MUST(X509_time_adj_ex(X509_getm_notAfter(certificate), recipe->days_until ?: 30, 0, NULL));
    MUST(set_key(certificate, recipe->rsa_bits));
    if (!recipe->version1 && !recipe->no_basic_constraints)
        add_extension(certificate, NID_basic_constraints,
                      recipe->not_ca ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (recipe->key_usage)
        add_extension(certificate, NID_key_usage, recipe->key_usage);
    MUST(X509_sign(certificate, make_key(), EVP_sha256()));
    return certificate;
}

void *make_certificate_der(const CertificateRecipe *recipe, size_t *ret_size)
{
    X509 *certificate = make_certificate(recipe);
    unsigned char *der, *p;
    int size = i2d_X509(certificate, NULL);

    MUST(size > 0 && (der = p = malloc((size_t)size)));
    MUST(i2d_X509(certificate, &p) == size);
    X509_free(certificate);
    *ret_size = (size_t)size;
    return der;
}

void buffer_add(Buffer *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (b->capacity < b->size + size) {
        b->capacity = 2 * (b->size + size);
        MUST((b->data = realloc(b->data, b->capacity)));
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buffer_add_text(Buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_add_pem(Buffer *b, const char *label, const void *der, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long length;

    MUST(bio && PEM_write_bio(bio, label, "", der, (long)size));
    length = BIO_get_mem_data(bio, &text);
    MUST(length > 0);
    buffer_add(b, text, (size_t)length);
    BIO_free(bio);
}

void buffer_add_der(Buffer *b, uint8_t tag, const void *content, size_t size)
{
    uint8_t head[6] = {tag};
    size_t n = 2;

    MUST(size < 1 << 24);
    if (size < 0x80)
        head[1] = (uint8_t)size;
    else {
        size_t bytes = size < 0x100 ? 1 : size < 0x10000 ? 2 : 3;

        head[1] = (uint8_t)(0x80 | bytes);
        for (; bytes > 0; bytes--)
            head[n++] = (uint8_t)(size >> (8 * (bytes - 1)));
    }
    buffer_add(b, head, n);
    buffer_add(b, content, size);
}

void buffer_done(Buffer *b)
{
    free(b->data);
    *b = (Buffer){0};
}
