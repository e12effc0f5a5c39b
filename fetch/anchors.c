/* SPDX-License-Identifier: Apache-2.0 */
/* Trust anchors are looked up in the text that the caller sent, by subject, when OpenSSL asks for
 * an issuer. A pool of thousands is not parsed for the one that counts; curl takes no more than 8
 * million bytes of them at all. */
#include "anchors.h"

#include <openssl/ssl.h>

#include "openssl-util.h"
#include "pem.h"
#include "x509-render.h"

/* The subject of a certificate, which need not be parsed whole for it. */
static X509_NAME *read_subject(DerSpan der)
{
    DerSpan certificate, tbs, element, content;
    const unsigned char *p;
    uint8_t tag;

    if (der_read_only(der, DER_SEQUENCE, &certificate) < 0 ||
        der_read(&certificate, DER_SEQUENCE, &tbs) < 0 ||
        der_read_optional(&tbs, DER_CONTEXT_CONSTRUCTED(0), &content) < 0)
        return NULL;
    /* Serial number, signature, issuer, validity, subject (RFC 5280 section 4.1). */
    for (int i = 0; i < 5; i++)
        if (der_read_any(&tbs, &tag, &element, &content) < 0)
            return NULL;
    p = element.data;
    return d2i_X509_NAME(NULL, &p, (long)element.size);
}

/* Into the store, and to whoever asked: both hold it afterwards (X509_LOOKUP_meth_new(3) has the
 * count). */
static int take(X509_LOOKUP *lookup, DerSpan der, X509_OBJECT *ret, bool *found)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;

    if (certificate_parse(der.data, der.size, &certificate) < 0)
        return 0; /* one that does not parse is none */
    if (X509_STORE_add_cert(X509_LOOKUP_get_store(lookup), certificate) != 1)
        return -ENOMEM;
    if (!*found) {
        if (X509_OBJECT_set1_X509(ret, certificate) != 1)
            return -ENOMEM;
        X509_free(certificate);
        *found = true;
    }
    return 0;
}

static int take_named(X509_LOOKUP *lookup, const PemBlock *block, const X509_NAME *name,
                      X509_OBJECT *ret, bool *found)
{
    _cleanup_(X509_NAME_freep) X509_NAME *subject = NULL;
    _cleanup_free_ void *der = NULL;
    size_t size;

    if (!pem_has_label(block, "CERTIFICATE") || pem_decode(block->text, &der, &size) < 0)
        return 0;
    subject = read_subject((DerSpan){der, size});
    if (!subject || X509_NAME_cmp(subject, name) != 0)
        return 0;
    return take(lookup, (DerSpan){der, size}, ret, found);
}

static int get_by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name,
                          X509_OBJECT *ret)
{
    const DerSpan *anchors = X509_LOOKUP_get_method_data(lookup);
    DerSpan text = *anchors;
    bool found = false;
    PemBlock block;
    int r = 0;

    if (type != X509_LU_X509)
        return 0;
    while (r >= 0 && pem_next(&text, &block) > 0)
        r = take_named(lookup, &block, name, ret, &found);
    ERR_clear_error();
    return r >= 0 && found;
}

/* One process does one transaction: the method lives as long as it does. */
static X509_LOOKUP_METHOD *get_method(void)
{
    static X509_LOOKUP_METHOD *method;

    if (!method) {
        method = X509_LOOKUP_meth_new("trust anchors of the request");
        if (method)
            (void)X509_LOOKUP_meth_set_get_by_subject(method, get_by_subject);
    }
    return method;
}

int anchors_use(SSL_CTX *context, const DerSpan *anchors)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP_METHOD *method = get_method();
    X509_LOOKUP *lookup = store && method ? X509_STORE_add_lookup(store, method) : NULL;
    DerSpan *data;

    if (!lookup)
        return -ENOMEM;
    memcpy(&data, &anchors, sizeof data); /* what the look-up gets back it does not change */
    return X509_LOOKUP_set_method_data(lookup, data) == 1 ? 0 : -ENOMEM;
}
