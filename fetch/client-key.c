/* SPDX-License-Identifier: Apache-2.0 */
#include "client-key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "keyd-channel.h"
#include "keyd-client.h"
#include "keyd-provider.h"
#include "memfd.h"
#include "openssl-util.h"

#define CERTIFICATES_MAX 16
#define ANSWER_TIMEOUT_MS 30000

struct ClientKey {
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *base, *keyd;
    EVP_PKEY *pkey;
    STACK_OF(X509) * certificates; /* the client's own first */
};

/* There is one transaction in a process, and so one channel. */
static int channel_fd = -EBADF;
static char last_error[256];

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

static uint8_t digest_code(const char *digest)
{
    static const char *const names[] = {"",           "sha256",     "sha384",    "sha512",
                                        "sha256-pss", "sha384-pss", "sha512-pss"};

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (streq(names[i], digest))
            return (uint8_t)i;
    return UINT8_MAX;
}

static int ask(const uint8_t *packet, size_t size, uint8_t *answer, size_t room)
{
    struct pollfd p = {.fd = channel_fd, .events = POLLIN};
    ssize_t n;
    int r;

    if (send(channel_fd, packet, size, MSG_NOSIGNAL) < 0)
        return fail(-errno, "the key daemon cannot be reached");
    do
        r = poll(&p, 1, ANSWER_TIMEOUT_MS);
    while (r < 0 && errno == EINTR);
    if (r <= 0)
        return fail(-ETIMEDOUT, "the key daemon does not answer");
    n = recv(channel_fd, answer, room, MSG_DONTWAIT);
    if (n < (ssize_t)CHANNEL_HEADER_SIZE)
        return fail(-ECONNRESET, "the key daemon has ended the channel");
    return (int)n;
}

int keyd_sign(const KeydReference *reference, const char *digest, int to_be_signed,
              void **ret_signature, size_t *ret_size)
{
    uint8_t packet[CHANNEL_HEADER_SIZE + CHANNEL_INLINE_MAX];
    uint8_t answer[CHANNEL_HEADER_SIZE + CHANNEL_SIGNATURE_MAX];
    _cleanup_free_ void *input = NULL;
    size_t size;
    int r;

    r = memfd_read(to_be_signed, CHANNEL_INLINE_MAX, &input, &size);
    if (r < 0)
        return fail(r, "what is to be signed is too large");
    channel_header(packet, CHANNEL_SIGN, digest_code(digest), 1);
    memcpy(packet + CHANNEL_HEADER_SIZE, input, size);
    r = ask(packet, CHANNEL_HEADER_SIZE + size, answer, sizeof(answer));
    if (r < 0)
        return r;
    size = (size_t)r - CHANNEL_HEADER_SIZE;
    if (answer[0] == CHANNEL_REFUSAL)
        return fail(-EPERM, "%.*s", (int)size, (const char *)answer + CHANNEL_HEADER_SIZE);
    if (answer[0] != CHANNEL_SIGNATURE || channel_id(answer) != 1 || size == 0)
        return fail(-EBADMSG, "the key daemon's answer is none");
    *ret_signature = malloc(size);
    if (!*ret_signature)
        return -ENOMEM;
    memcpy(*ret_signature, answer + CHANNEL_HEADER_SIZE, size);
    *ret_size = size;
    return 0;
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

const char *client_key_error(const ClientKey *key)
{
    return last_error[0] ? last_error : NULL;
}
