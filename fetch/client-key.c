/* SPDX-License-Identifier: Apache-2.0 */
#include "client-key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "keyd-channel.h"
#include "keyd-client.h"
#include "keyd-provider.h"
#include "openssl-util.h"

#define CERTIFICATES_MAX 16

struct ClientKey {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *base, *keyd;
    EVP_PKEY *pkey;
    STACK_OF(X509) * certificates; /* the client's own first */
};

/* There is one transaction in a process, and so one channel. */
static int channel_fd = -EBADF;
static char last_error[CHANNEL_REASON_SIZE];
static bool was_shown;

const char *keyd_last_error(void)
{
    return last_error;
}

static int __attribute__((format(printf, 2, 3))) fail(int error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(last_error, sizeof(last_error), format, ap);
    va_end(ap);
    return error;
}

/* --- What the provider asks of keyd ----------------------------------------------------------- */

int keyd_sign(const KeydReference *reference, const char *digest, KeydInput input,
              void **ret_signature, size_t *ret_size)
{
    int r = input.offset > 0
                ? -EINVAL
                : channel_sign(channel_fd, digest, input.fd, ret_signature, ret_size, last_error);

    was_shown = was_shown || r >= 0;
    return r;
}

/* Nothing is decrypted here. */
int keyd_unwrap(const KeydReference *reference, const void *encrypted, size_t encrypted_size,
                void **ret_key)
{
    return -EOPNOTSUPP;
}

/* --- The key ---------------------------------------------------------------------------------- */

static int open_context(ClientKey *key)
{
    key->context = OSSL_LIB_CTX_new();
    if (key->context &&
        OSSL_PROVIDER_add_builtin(key->context, KEYD_PROVIDER_NAME, keyd_provider_init) == 1 &&
        (key->base = OSSL_PROVIDER_load(key->context, "default")) &&
        (key->keyd = OSSL_PROVIDER_load(key->context, KEYD_PROVIDER_NAME)) &&
        EVP_set_default_properties(key->context, "?" DEFAULT_QUERY) == 1)
        return 0;
    return -EIO;
}

static int read_certificates(ClientKey *key, const void *pem, size_t size)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, (int)size);
    X509 *x;

    key->certificates = sk_X509_new_null();
    if (!bio || !key->certificates)
        return -ENOMEM;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (sk_X509_num(key->certificates) >= CERTIFICATES_MAX ||
            sk_X509_push(key->certificates, x) <= 0) {
            X509_free(x);
            return -EBADMSG;
        }
    }
    ERR_clear_error();
    return sk_X509_num(key->certificates) > 0 ? 0 : -EBADMSG;
}

static const char *type_of(const EVP_PKEY *public_key)
{
    return EVP_PKEY_is_a(public_key, "RSA")  ? "RSA"
           : EVP_PKEY_is_a(public_key, "EC") ? "EC"
                                             : "ED25519";
}

/* The public half is that of the certificate; the rest of the reference is decided by whoever has
 * opened the channel. */
static int make_key(ClientKey *key)
{
    const EVP_PKEY *public_key = X509_get0_pubkey(sk_X509_value(key->certificates, 0));
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *maker = NULL;
    _cleanup_openssl_free_ unsigned char *der = NULL;
    char text[] = "channel";
    OSSL_PARAM params[5];
    int size = public_key ? i2d_PUBKEY(public_key, &der) : -1;

    if (size <= 0)
        return -EBADMSG;
    params[0] = OSSL_PARAM_construct_utf8_string(KEYD_PARAM_ALGORITHM, text, 0);
    params[1] = OSSL_PARAM_construct_utf8_string(KEYD_PARAM_LABEL, text, 0);
    params[2] = OSSL_PARAM_construct_utf8_string(KEYD_PARAM_PURPOSE, text, 0);
    params[3] = OSSL_PARAM_construct_octet_string(KEYD_PARAM_PUBLIC_KEY, der, (size_t)size);
    params[4] = OSSL_PARAM_construct_end();
    maker = EVP_PKEY_CTX_new_from_name(key->context, type_of(public_key),
                                       "provider=" KEYD_PROVIDER_NAME);
    if (maker && EVP_PKEY_fromdata_init(maker) == 1 &&
        EVP_PKEY_fromdata(maker, &key->pkey, EVP_PKEY_KEYPAIR, params) == 1)
        return 0;
    ERR_clear_error();
    return -EBADMSG;
}

int client_key_new(const Request *request, ClientKey **ret)
{
    ClientKey *key = calloc(1, sizeof(*key));
    int r;

    if (!key)
        return -ENOMEM;
    last_error[0] = '\0';
    was_shown = false;
    channel_fd = request->key_fd;
    r = open_context(key);
    if (r >= 0)
        r = read_certificates(key, request->certificates, request->certificates_size);
    if (r >= 0)
        r = make_key(key);
    if (r < 0) {
        client_key_free(key);
        return r;
    }
    *ret = key;
    return 0;
}

ClientKey *client_key_free(ClientKey *key)
{
    if (!key)
        return NULL;
    channel_fd = -EBADF;
    EVP_PKEY_free(key->pkey);
    x509_stack_freep(&key->certificates);
    if (key->keyd)
        (void)OSSL_PROVIDER_unload(key->keyd);
    if (key->base)
        (void)OSSL_PROVIDER_unload(key->base);
    OSSL_LIB_CTX_free(key->context);
    free(key);
    return NULL;
}

int client_key_use(ClientKey *key, SSL_CTX *context)
{
    if (SSL_CTX_use_certificate(context, sk_X509_value(key->certificates, 0)) != 1)
        return fail(-EINVAL, "TLS does not take the certificate");
    for (int i = 1; i < sk_X509_num(key->certificates); i++)
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(key->certificates, i)) != 1)
            return fail(-ENOMEM, "%s", strerror(ENOMEM));
    if (SSL_CTX_use_PrivateKey(context, key->pkey) != 1)
        return fail(-EINVAL, "TLS does not take the key of the certificate");
    return 0;
}

bool client_key_was_shown(const ClientKey *key)
{
    return key && was_shown;
}

const char *client_key_error(const ClientKey *key)
{
    return last_error[0] ? last_error : NULL;
}
