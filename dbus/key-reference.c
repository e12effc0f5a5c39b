/* SPDX-License-Identifier: Apache-2.0 */
#include "key-reference.h"

#include <errno.h>
#include <openssl/pem.h>
#include <string.h>

#include "cleanup.h"
#include "openssl-util.h"

#define FORMAT_VERSION 1U

/* Tag, length and content; without a buffer only the size of that. */
static size_t put(uint8_t **p, int tag, bool constructed, const void *data, size_t size)
{
    if (p) {
        ASN1_put_object(p, constructed, (int)size, tag, V_ASN1_UNIVERSAL);
        if (data) {
            memcpy(*p, data, size);
            *p += size;
        }
    }
    return (size_t)ASN1_object_size(constructed, (int)size, tag);
}

static size_t put_content(uint8_t **p, const char *algorithm, const char *label, DerSpan public_key)
{
    size_t size = put(p, V_ASN1_INTEGER, false, &(uint8_t){FORMAT_VERSION}, 1);

    size += put(p, V_ASN1_UTF8STRING, false, algorithm, strlen(algorithm));
    size += put(p, V_ASN1_UTF8STRING, false, label, strlen(label));
    if (p)
        memcpy(*p, public_key.data, public_key.size);
    return size + public_key.size;
}

static int to_pem(const uint8_t *der, size_t size, char **ret)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    const char *text = NULL;
    char *copy;
    long n;

    if (!bio || PEM_write_bio(bio, KEY_REFERENCE_PEM_LABEL, "", der, (long)size) <= 0)
        return -ENOMEM;
    n = BIO_get_mem_data(bio, &text);
    copy = n > 0 ? strndup(text, (size_t)n) : NULL;
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

int key_reference_format(const char *algorithm, const char *label, DerSpan public_key,
                         char **ret_pem)
{
    _cleanup_free_ uint8_t *der = NULL;
    size_t content, size;
    KeyReference check;
    uint8_t *p;

    if (public_key.size > KEY_REFERENCE_SIZE_MAX)
        return -EINVAL;
    content = put_content(NULL, algorithm, label, public_key);
    size = put(NULL, V_ASN1_SEQUENCE, true, NULL, content);
    der = p = malloc(size);
    if (!der)
        return -ENOMEM;
    (void)put(&p, V_ASN1_SEQUENCE, true, NULL, content);
    (void)put_content(&p, algorithm, label, public_key);
    if (key_reference_parse((DerSpan){der, size}, &check) < 0)
        return -EINVAL;
    return to_pem(der, size, ret_pem);
}

static int read_text(DerSpan *input, char *text, size_t room)
{
    DerSpan content;
    int r = der_read(input, DER_UTF8_STRING, &content);

    if (r < 0)
        return r;
    if (content.size == 0 || content.size >= room || memchr(content.data, 0, content.size))
        return -EBADMSG;
    memcpy(text, content.data, content.size);
    text[content.size] = '\0';
    return 0;
}

int key_reference_parse(DerSpan der, KeyReference *ret)
{
    KeyReference reference;
    DerSpan content, inner;
    uint64_t version;
    uint8_t tag;
    int r;

    if (der.size > KEY_REFERENCE_SIZE_MAX)
        return -EBADMSG;
    r = der_read_only(der, DER_SEQUENCE, &content);
    if (r >= 0)
        r = der_read_uint64(&content, &version);
    if (r >= 0 && version != FORMAT_VERSION)
        r = -EBADMSG;
    if (r >= 0)
        r = read_text(&content, reference.algorithm, sizeof(reference.algorithm));
    if (r >= 0)
        r = read_text(&content, reference.label, sizeof(reference.label));
    if (r >= 0)
        r = der_read_any(&content, &tag, &reference.public_key, &inner);
    if (r >= 0 && tag != DER_SEQUENCE)
        r = -EBADMSG;
    if (r >= 0)
        r = der_end(&content);
    if (r < 0)
        return r;
    *ret = reference;
    return 0;
}
