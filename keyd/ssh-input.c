/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh-input.h"

#include <openssl/core_names.h>

#define USER_MAX 255U
#define HOSTBOUND "publickey-hostbound-v00@openssh.com"
#define USERAUTH_REQUEST 50U

static int refuse(int error, const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return error;
}

/* --- Public keys ------------------------------------------------------------------------------ */

static uint8_t *put_string(uint8_t *p, const void *data, size_t size)
{
    memcpy(p,
           (const uint8_t[]){(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                             (uint8_t)size},
           4);
    memcpy(p + 4, data, size);
    return p + 4 + size;
}

static const char *curve_of(const Key *key)
{
    switch (key->bits) {
    case 256:
        return "nistp256";
    case 384:
        return "nistp384";
    default:
        return "nistp521";
    }
}

static int put_rsa(const Key *key, uint8_t **p)
{
    _cleanup_(BN_freep) BIGNUM *e = NULL, *n = NULL;

    if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
        EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        BN_num_bytes(e) + BN_num_bytes(n) > (int)SSH_BLOB_MAX - 64)
        return -EIO;
    *p = put_string(*p, "ssh-rsa", STRLEN("ssh-rsa"));
    *p += BN_bn2mpi(e, *p); /* an mpint of SSH */
    *p += BN_bn2mpi(n, *p);
    return 0;
}

static int put_ecdsa(const Key *key, uint8_t **p)
{
    uint8_t point[256];
    char name[32];
    size_t size;

    if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                        &size) != 1)
        return -EIO;
    (void)snprintf(name, sizeof name, "ecdsa-sha2-%s", curve_of(key));
    *p = put_string(*p, name, strlen(name));
    *p = put_string(*p, curve_of(key), strlen(curve_of(key)));
    *p = put_string(*p, point, size);
    return 0;
}

static int put_ed25519(const Key *key, uint8_t **p)
{
    uint8_t raw[32];
    size_t size = sizeof raw;

    if (EVP_PKEY_get_raw_public_key(key->pkey, raw, &size) != 1)
        return -EIO;
    *p = put_string(*p, "ssh-ed25519", STRLEN("ssh-ed25519"));
    *p = put_string(*p, raw, size);
    return 0;
}

int ssh_blob(const Key *key, uint8_t ret[static SSH_BLOB_MAX], size_t *ret_size)
{
    uint8_t *p = ret;
    int r = -EOPNOTSUPP;

    switch (key->algorithm->family) {
    case KEY_FAMILY_RSA:
        r = put_rsa(key, &p);
        break;
    case KEY_FAMILY_ECDSA:
        r = put_ecdsa(key, &p);
        break;
    case KEY_FAMILY_ED25519:
        r = put_ed25519(key, &p);
        break;
    case KEY_FAMILY_DSA:
        break;
    }
    if (r >= 0)
        *ret_size = (size_t)(p - ret);
    return r;
}

/* --- The request ------------------------------------------------------------------------------ */

static int take_string(DerSpan *input, DerSpan *ret)
{
    const uint8_t *p = input->data;
    size_t size;

    if (input->size < 4)
        return -EBADMSG;
    size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (size > input->size - 4)
        return -EBADMSG;
    *ret = (DerSpan){p + 4, size};
    *input = (DerSpan){p + 4 + size, input->size - 4 - size};
    return 0;
}

static bool take_text(DerSpan *input, const char *text)
{
    DerSpan span;

    return take_string(input, &span) >= 0 && der_equal(span, text, strlen(text));
}

static bool take_byte(DerSpan *input, uint8_t byte)
{
    if (input->size < 1 || input->data[0] != byte)
        return false;
    *input = (DerSpan){input->data + 1, input->size - 1};
    return true;
}

/* The hash of the exchange: of SHA-1 to SHA-512. */
static bool take_session(DerSpan *input)
{
    DerSpan session;

    return take_string(input, &session) >= 0 &&
           (session.size == 20 || session.size == 32 || session.size == 48 || session.size == 64);
}

static bool take_user(DerSpan *input)
{
    DerSpan user;

    return take_string(input, &user) >= 0 && user.size > 0 && user.size <= USER_MAX &&
           !memchr(user.data, 0, user.size);
}

static const char *signature_name(const Key *key, Digest digest, char *buffer, size_t size)
{
    static const Digest of_curve[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

    switch (key->algorithm->family) {
    case KEY_FAMILY_RSA:
        return digest == DIGEST_SHA256   ? "rsa-sha2-256"
               : digest == DIGEST_SHA512 ? "rsa-sha2-512"
                                         : NULL;
    case KEY_FAMILY_ECDSA:
        if (digest != of_curve[key->bits == 256 ? 0 : key->bits == 384 ? 1 : 2])
            return NULL;
        (void)snprintf(buffer, size, "ecdsa-sha2-%s", curve_of(key));
        return buffer;
    case KEY_FAMILY_ED25519:
        return "ssh-ed25519";
    case KEY_FAMILY_DSA:
        break;
    }
    return NULL;
}

int ssh_input_check(DerSpan input, const Key *key, Digest digest, const char **ret_reason)
{
    uint8_t blob[SSH_BLOB_MAX];
    DerSpan method, public_key, host_key;
    size_t blob_size;
    const char *name;
    char buffer[32];
    int r;

    name = signature_name(key, digest, buffer, sizeof buffer);
    if (!name)
        return refuse(-EINVAL, ret_reason, "SSH has no signature of that key and digest");
    r = ssh_blob(key, blob, &blob_size);
    if (r < 0)
        return r;
    if (!take_session(&input) || !take_byte(&input, USERAUTH_REQUEST) || !take_user(&input) ||
        !take_text(&input, "ssh-connection") || take_string(&input, &method) < 0 ||
        !take_byte(&input, 1))
        return refuse(-EBADMSG, ret_reason, "it is no request to log in over SSH with a key");
    if (!take_text(&input, name))
        return refuse(-EBADMSG, ret_reason,
                      "the signature algorithm is not that of the key and digest");
    if (take_string(&input, &public_key) < 0)
        return refuse(-EBADMSG, ret_reason, "the public key is missing");
    if (!der_equal(public_key, blob, blob_size))
        return refuse(-EPERM, ret_reason, "the public key is not that of the key");
    if (der_equal(method, HOSTBOUND, STRLEN(HOSTBOUND))) {
        if (take_string(&input, &host_key) < 0 || host_key.size == 0)
            return refuse(-EBADMSG, ret_reason, "the host's key is missing");
    } else if (!der_equal(method, "publickey", STRLEN("publickey")))
        return refuse(-EBADMSG, ret_reason, "the method is not publickey");
    if (input.size > 0)
        return refuse(-EBADMSG, ret_reason, "something follows the request");
    return 0;
}
