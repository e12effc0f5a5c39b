/* SPDX-License-Identifier: Apache-2.0 */
#include "scep-password.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "openssl-util.h"

#define AES_BLOCK 16U
#define SALT_MIN 8U /* RFC 8018 section 4.1 */
#define SALT_MAX 128U
/* Below this (RFC 8018 section 4.2) whoever reads along guesses too fast; above it who sends such
 * answers keeps a processor busy. */
#define ITERATIONS_MIN 1000U
#define ITERATIONS_MAX 2000000U
#define WRAPPED_MIN (2 * AES_BLOCK)
#define WRAPPED_MAX (4 * AES_BLOCK)
/* Of RFC 3211: the size of the key, and a check of what follows. */
#define HEAD_SIZE 4U

#define OID_PBKDF2 "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"
#define OID_WRAP "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x09" /* id-alg-PWRI-KEK */

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static const struct {
    const char *oid, *digest;
    const char *refusal; /* without 'enrollment legacy' */
} functions[] = {
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x09", "SHA256", NULL},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x0a", "SHA384", NULL},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x0b", "SHA512", NULL},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x07", "SHA1",
     "its key is derived from the password with SHA-1, which only 'enrollment legacy' admits"},
};

/* HMAC with SHA-1 where nothing is said. */
static int read_function(DerSpan *parameters, bool legacy, ScepPassword *ret,
                         const char **ret_reason)
{
    static const char sha1[] = "\x2a\x86\x48\x86\xf7\x0d\x02\x07";
    DerSpan algorithm, oid = {(const uint8_t *)sha1, sizeof(sha1) - 1}, nothing;

    if (parameters->size > 0 && (der_read(parameters, DER_SEQUENCE, &algorithm) < 0 ||
                                 der_read(&algorithm, DER_OID, &oid) < 0 ||
                                 der_read_optional(&algorithm, DER_NULL, &nothing) < 0 ||
                                 der_end(&algorithm) < 0 || der_end(parameters) < 0))
        return refuse(-EBADMSG, ret_reason, "its derivation is malformed");
    for (size_t i = 0; i < ELEMENTSOF(functions); i++) {
        if (!der_is(oid, functions[i].oid))
            continue;
        if (functions[i].refusal && !legacy)
            return refuse(-EKEYREJECTED, ret_reason, functions[i].refusal);
        ret->digest = functions[i].digest;
        return 0;
    }
    return refuse(-EKEYREJECTED, ret_reason,
                  "its key is derived from the password with a function that is not taken here");
}

static int check_iterations(uint64_t iterations, bool legacy, const char **ret_reason)
{
    if (iterations == 0)
        return refuse(-EBADMSG, ret_reason, "its derivation is malformed");
    if (iterations > ITERATIONS_MAX)
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is derived from the password in more than 2000000 iterations");
    if (iterations < ITERATIONS_MIN && !legacy)
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is derived from the password in less than 1000 iterations, which "
                      "only 'enrollment legacy' admits");
    return 0;
}

/* *ret_size: of the derived key, when it is said; else 0. */
static int read_derivation(DerSpan algorithm, bool legacy, ScepPassword *ret, uint64_t *ret_size,
                           const char **ret_reason)
{
    DerSpan oid, parameters;
    uint64_t iterations;
    int r;

    if (der_read(&algorithm, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its derivation is malformed");
    if (!der_is(oid, OID_PBKDF2))
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is derived from the password otherwise than with PBKDF2");
    if (der_read_only(algorithm, DER_SEQUENCE, &parameters) < 0 ||
        der_read(&parameters, DER_OCTET_STRING, &ret->salt) < 0 ||
        ret->salt.size < SALT_MIN || ret->salt.size > SALT_MAX ||
        der_read_uint64(&parameters, &iterations) < 0)
        return refuse(-EBADMSG, ret_reason, "its derivation is malformed");
    r = check_iterations(iterations, legacy, ret_reason);
    if (r < 0)
        return r;
    ret->iterations = (unsigned)iterations;
    *ret_size = 0;
    if (parameters.size > 0 && parameters.data[0] == DER_INTEGER &&
        (der_read_uint64(&parameters, ret_size) < 0 || *ret_size == 0))
        return refuse(-EBADMSG, ret_reason, "its derivation is malformed");
    return read_function(&parameters, legacy, ret, ret_reason);
}

static int read_wrapping(DerSpan algorithm, ScepPassword *ret, const char **ret_reason)
{
    static const struct {
        const char *oid, *cipher;
        size_t key_size;
    } ciphers[] = {
        {"\x60\x86\x48\x01\x65\x03\x04\x01\x02", "AES-128-CBC", 16},
        {"\x60\x86\x48\x01\x65\x03\x04\x01\x16", "AES-192-CBC", 24},
        {"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", "AES-256-CBC", 32},
    };
    DerSpan oid, cipher;

    if (der_read(&algorithm, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    if (!der_is(oid, OID_WRAP))
        return refuse(-EKEYREJECTED, ret_reason,
                      "its key is wrapped with an algorithm that is not known here");
    if (der_read_only(algorithm, DER_SEQUENCE, &cipher) < 0 ||
        der_read(&cipher, DER_OID, &oid) < 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    for (size_t i = 0; i < ELEMENTSOF(ciphers); i++) {
        if (!der_is(oid, ciphers[i].oid))
            continue;
        if (der_read_only(cipher, DER_OCTET_STRING, &ret->iv) < 0 || ret->iv.size != AES_BLOCK)
            return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
        ret->cipher = ciphers[i].cipher;
        ret->key_size = ciphers[i].key_size;
        return 0;
    }
    return refuse(-EKEYREJECTED, ret_reason, "its key is wrapped with another cipher than AES");
}

int scep_password_parse(DerSpan info, bool legacy, ScepPassword *ret, const char **ret_reason)
{
    DerSpan derivation, wrapping;
    uint64_t version, size;
    int r;

    if (der_read_uint64(&info, &version) < 0 || version != 0 ||
        der_read(&info, DER_CONTEXT_CONSTRUCTED(0), &derivation) < 0 ||
        der_read(&info, DER_SEQUENCE, &wrapping) < 0 ||
        der_read(&info, DER_OCTET_STRING, &ret->wrapped) < 0 || der_end(&info) < 0 ||
        ret->wrapped.size < WRAPPED_MIN || ret->wrapped.size > WRAPPED_MAX ||
        ret->wrapped.size % AES_BLOCK != 0)
        return refuse(-EBADMSG, ret_reason, "its recipient is malformed");
    r = read_derivation(derivation, legacy, ret, &size, ret_reason);
    if (r >= 0)
        r = read_wrapping(wrapping, ret, ret_reason);
    if (r >= 0 && size != 0 && size != ret->key_size)
        r = refuse(-EBADMSG, ret_reason, "its derived key has not the length that its cipher has");
    return r;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int derive(const ScepPassword *p, OSSL_LIB_CTX *context, const char *password,
                  unsigned char *key)
{
    EVP_KDF *kdf = EVP_KDF_fetch(context, "PBKDF2", NULL);
    EVP_KDF_CTX *derivation = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    unsigned iterations = p->iterations;
    int checks = 1; /* none beyond those above */
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password,
                                          strlen(password)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)p->salt.data,
                                          p->salt.size),
        OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)p->digest, 0),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &checks),
        OSSL_PARAM_construct_end(),
    };
    int r = derivation && EVP_KDF_derive(derivation, key, p->key_size, parameters) == 1 ? 0 : -EIO;

    EVP_KDF_CTX_free(derivation);
    EVP_KDF_free(kdf);
    return r;
}

static int decrypt(const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
                   const unsigned char *from, size_t size, unsigned char *to)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n;

    return context && EVP_DecryptInit_ex2(context, cipher, key, iv, NULL) == 1 &&
                   EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                   EVP_DecryptUpdate(context, to, &n, from, (int)size) == 1 && n == (int)size
               ? 0
               : -EIO;
}

/* RFC 3211 section 2.3.2: the last block of the inner encryption is the initialisation vector that
 * the outer one began with. */
static int decrypt_twice(const ScepPassword *p, const EVP_CIPHER *cipher, const unsigned char *key,
                         unsigned char text[WRAPPED_MAX])
{
    const unsigned char *wrapped = p->wrapped.data;
    size_t size = p->wrapped.size, last = size - AES_BLOCK;
    unsigned char inner[WRAPPED_MAX];
    int r;

    r = decrypt(cipher, key, wrapped + last - AES_BLOCK, wrapped + last, AES_BLOCK, inner + last);
    if (r >= 0)
        r = decrypt(cipher, key, inner + last, wrapped, last, inner);
    if (r >= 0)
        r = decrypt(cipher, key, p->iv.data, inner, size, text);
    explicit_bzero(inner, sizeof(inner));
    return r;
}

/* One answer for all that can be wrong. */
static bool is_key_of(const unsigned char *text, size_t text_size, size_t size)
{
    unsigned wrong = text[0] ^ (unsigned)size;

    for (size_t i = 1; i < HEAD_SIZE; i++)
        wrong |= (unsigned)(text[i] ^ text[i + HEAD_SIZE - 1]) ^ 0xffU;
    return wrong == 0 && size <= SCEP_PASSWORD_KEY_MAX && HEAD_SIZE + size <= text_size;
}

int scep_password_unwrap(const ScepPassword *p, OSSL_LIB_CTX *context, const char *password,
                         unsigned char *ret_key, size_t size)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(context, p->cipher, NULL);
    unsigned char key[SCEP_PASSWORD_KEY_MAX], text[WRAPPED_MAX];
    int r = cipher ? derive(p, context, password, key) : -EIO;

    if (r >= 0)
        r = decrypt_twice(p, cipher, key, text);
    if (r >= 0 && !is_key_of(text, p->wrapped.size, size))
        r = -EKEYREJECTED;
    if (r >= 0)
        memcpy(ret_key, text + HEAD_SIZE, size);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(text, sizeof(text));
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    return r;
}
