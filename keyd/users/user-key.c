/* SPDX-License-Identifier: Apache-2.0 */
#include "user-key.h"

#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "der.h"
#include "json-util.h"
#include "openssl-util.h"
#include "ssh-wire.h"

#define SSH_RSA "ssh-rsa"
#define SSH_RSA_SIZE STRLEN(SSH_RSA)
#define EXPONENT_BITS_MAX 64

DEFINE_TRIVIAL_CLEANUP_FUNC(OSSL_PARAM *, OSSL_PARAM_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);

void user_key_done(UserKey *k)
{
    OPENSSL_free(k->blob);
    OPENSSL_free(k->public_key);
    *k = (UserKey){0};
}

bool user_key_name_is_valid(const char *name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_",
                      rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t size = strlen(name);

    return size > 0 && size <= USER_NAME_MAX && strchr(first, name[0]) &&
           strspn(name, rest) == size && !streq(name, "root");
}

/* --- The blob --------------------------------------------------------------------------------- */

static int take_string(DerSpan *input, DerSpan *ret)
{
    size_t size;

    if (input->size < 4)
        return -EBADMSG;
    size = (size_t)input->data[0] << 24 | (size_t)input->data[1] << 16 |
           (size_t)input->data[2] << 8 | input->data[3];
    if (size > input->size - 4)
        return -EBADMSG;
    *ret = (DerSpan){input->data + 4, size};
    *input = (DerSpan){input->data + 4 + size, input->size - 4 - size};
    return 0;
}

/* Positive, and without more zeros before it than the sign needs. */
static int take_number(DerSpan *input, BIGNUM **ret)
{
    DerSpan span;
    int r;

    r = take_string(input, &span);
    if (r < 0)
        return r;
    if (span.size == 0 || span.size > USER_KEY_BITS_MAX / 8 + 1 || span.data[0] & 0x80 ||
        (span.data[0] == 0 && (span.size == 1 || !(span.data[1] & 0x80))))
        return -EBADMSG;
    *ret = BN_bin2bn(span.data, (int)span.size, NULL);
    return *ret ? 0 : -ENOMEM;
}

static int blob_read(DerSpan blob, BIGNUM **ret_n, BIGNUM **ret_e)
{
    DerSpan name;

    if (take_string(&blob, &name) < 0 || !der_equal(name, SSH_RSA, SSH_RSA_SIZE))
        return -EBADMSG;
    if (take_number(&blob, ret_e) < 0 || take_number(&blob, ret_n) < 0 || blob.size > 0)
        return -EBADMSG;
    return 0;
}

static uint8_t *put_number(uint8_t *p, const BIGNUM *n)
{
    uint8_t bytes[USER_KEY_BITS_MAX / 8 + 1] = {0};
    int size = BN_bn2bin(n, bytes + 1);

    return bytes[1] & 0x80 ? ssh_put_string(p, bytes, (size_t)size + 1)
                           : ssh_put_string(p, bytes + 1, (size_t)size);
}

static int blob_write(const BIGNUM *n, const BIGNUM *e, UserKey *k)
{
    k->blob = OPENSSL_malloc(2 * (size_t)USER_KEY_BITS_MAX / 8);
    if (!k->blob)
        return -ENOMEM;
    k->blob_size =
        (size_t)(put_number(put_number(ssh_put_string(k->blob, SSH_RSA, SSH_RSA_SIZE), e), n) -
                 k->blob);
    return 0;
}

/* --- The other forms -------------------------------------------------------------------------- */

static int pkey_read(EVP_PKEY *pkey, BIGNUM **ret_n, BIGNUM **ret_e)
{
    if (!pkey || !EVP_PKEY_is_a(pkey, "RSA") ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, ret_n) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, ret_e) != 1)
        return -EBADMSG;
    return 0;
}

static int pem_read(const char *text, size_t size, BIGNUM **ret_n, BIGNUM **ret_e)
{
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(text, (int)size);
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    _cleanup_openssl_free_ char *name = NULL;
    _cleanup_openssl_free_ char *header = NULL;
    _cleanup_openssl_free_ uint8_t *data = NULL;
    const uint8_t *p;
    long n;

    if (!bio || PEM_read_bio(bio, &name, &header, &data, &n) != 1)
        return -EBADMSG;
    p = data;
    if (streq(name, "PUBLIC KEY"))
        pkey = d2i_PUBKEY(NULL, &p, n);
    else if (streq(name, "RSA PUBLIC KEY"))
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, n);
    if (!pkey || p != data + n)
        return -EBADMSG;
    return pkey_read(pkey, ret_n, ret_e);
}

static int base64_read(const char *text, size_t size, BIGNUM **ret_n, BIGNUM **ret_e)
{
    _cleanup_free_ char *compact = malloc(size + 1);
    _cleanup_free_ void *blob = NULL;
    size_t n = 0, blob_size;
    int r;

    if (!compact)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++) {
        if (isspace((unsigned char)text[i]))
            continue;
        if (text[i] == '-' || text[i] == '_') /* the other alphabet */
            return -EBADMSG;
        compact[n++] = text[i];
        if (text[i] == '+')
            compact[n - 1] = '-';
        else if (text[i] == '/')
            compact[n - 1] = '_';
    }
    for (unsigned i = 0; i < 2 && n > 0 && compact[n - 1] == '='; i++)
        n--;
    r = base64url_decode(compact, n, &blob, &blob_size);
    return r < 0 ? r : blob_read((DerSpan){blob, blob_size}, ret_n, ret_e);
}

/* "ssh-rsa BASE64 comment", or base64 alone, which may be on several lines. */
static int text_read(const char *text, size_t size, BIGNUM **ret_n, BIGNUM **ret_e)
{
    const char *end;

    while (size > 0 && isspace((unsigned char)*text)) {
        text++;
        size--;
    }
    if (size > 5 && memcmp(text, "-----", 5) == 0)
        return pem_read(text, size, ret_n, ret_e);
    if (size <= SSH_RSA_SIZE || memcmp(text, SSH_RSA, SSH_RSA_SIZE) != 0 ||
        (text[SSH_RSA_SIZE] != ' ' && text[SSH_RSA_SIZE] != '\t'))
        return base64_read(text, size, ret_n, ret_e);
    text += SSH_RSA_SIZE;
    size -= SSH_RSA_SIZE;
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    for (end = text; (size_t)(end - text) < size && !isspace((unsigned char)*end);)
        end++;
    /* What follows is a comment, if it is on the same line. */
    for (const char *p = end; (size_t)(p - text) < size; p++)
        if (*p == '\n' && (size_t)(p + 1 - text) < size)
            return -EBADMSG;
    return base64_read(text, (size_t)(end - text), ret_n, ret_e);
}

/* --- All of them ------------------------------------------------------------------------------ */

static int spki_write(BIGNUM *n, BIGNUM *e, UserKey *k)
{
    _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    _cleanup_(OSSL_PARAM_freep) OSSL_PARAM *parameters = NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    int size;

    if (!builder || !context || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return -ENOMEM;
    parameters = OSSL_PARAM_BLD_to_param(builder);
    if (!parameters || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return -EBADMSG;
    size = i2d_PUBKEY(pkey, &k->public_key);
    if (size <= 0)
        return -ENOMEM;
    k->public_key_size = (size_t)size;
    return 0;
}

static int key_fill(BIGNUM *n, BIGNUM *e, UserKey *k)
{
    int bits = BN_num_bits(n), r;

    if (bits < (int)USER_KEY_BITS_MIN || bits > (int)USER_KEY_BITS_MAX || !BN_is_odd(n) ||
        !BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > EXPONENT_BITS_MAX)
        return -EINVAL;
    k->bits = (unsigned)bits;
    r = blob_write(n, e, k);
    return r < 0 ? r : spki_write(n, e, k);
}

int user_key_parse(const void *data, size_t size, UserKey *ret)
{
    static const uint8_t blob_start[] = {0, 0, 0, SSH_RSA_SIZE};
    _cleanup_(BN_freep) BIGNUM *n = NULL, *e = NULL;
    _cleanup_(user_key_done) UserKey k = {0};
    int r;

    if (size > USER_KEY_INPUT_MAX)
        return -EMSGSIZE;
    if (size > sizeof blob_start && memcmp(data, blob_start, sizeof blob_start) == 0)
        r = blob_read((DerSpan){data, size}, &n, &e);
    else
        r = text_read(data, size, &n, &e);
    if (r >= 0)
        r = key_fill(n, e, &k);
    ERR_clear_error();
    if (r < 0)
        return r;
    *ret = k;
    k = (UserKey){0};
    return 0;
}
