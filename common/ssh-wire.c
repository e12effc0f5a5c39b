/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh-wire.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "openssl-util.h"

uint8_t *ssh_put_string(uint8_t *p, const void *data, size_t size)
{
    memcpy(p,
           (const uint8_t[]){(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                             (uint8_t)size},
           4);
    memcpy(p + 4, data, size);
    return p + 4 + size;
}

int ssh_take_string(DerSpan *input, DerSpan *ret)
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

const char *ssh_curve_name(const EVP_PKEY *key)
{
    if (!EVP_PKEY_is_a(key, "EC"))
        return NULL;
    switch (EVP_PKEY_get_bits(key)) {
    case 256:
        return "nistp256";
    case 384:
        return "nistp384";
    case 521:
        return "nistp521";
    default:
        return NULL;
    }
}

static int put_rsa(const EVP_PKEY *key, uint8_t **p)
{
    _cleanup_(BN_freep) BIGNUM *e = NULL, *n = NULL;

    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        BN_num_bytes(e) + BN_num_bytes(n) > (int)SSH_BLOB_MAX - 64)
        return -EIO;
    *p = ssh_put_string(*p, "ssh-rsa", STRLEN("ssh-rsa"));
    *p += BN_bn2mpi(e, *p); /* an mpint of SSH */
    *p += BN_bn2mpi(n, *p);
    return 0;
}

static int put_ecdsa(const EVP_PKEY *key, uint8_t **p)
{
    const char *curve = ssh_curve_name(key);
    uint8_t point[256];
    char name[32];
    size_t size;

    if (!curve)
        return -EOPNOTSUPP;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) !=
        1)
        return -EIO;
    (void)snprintf(name, sizeof name, "ecdsa-sha2-%s", curve);
    *p = ssh_put_string(*p, name, strlen(name));
    *p = ssh_put_string(*p, curve, strlen(curve));
    *p = ssh_put_string(*p, point, size);
    return 0;
}

static int put_ed25519(const EVP_PKEY *key, uint8_t **p)
{
    uint8_t raw[32];
    size_t size = sizeof raw;

    if (EVP_PKEY_get_raw_public_key(key, raw, &size) != 1)
        return -EIO;
    *p = ssh_put_string(*p, "ssh-ed25519", STRLEN("ssh-ed25519"));
    *p = ssh_put_string(*p, raw, size);
    return 0;
}

int ssh_public_blob(const EVP_PKEY *key, uint8_t ret[static SSH_BLOB_MAX], size_t *ret_size)
{
    uint8_t *p = ret;
    int r = EVP_PKEY_is_a(key, "RSA")       ? put_rsa(key, &p)
            : EVP_PKEY_is_a(key, "EC")      ? put_ecdsa(key, &p)
            : EVP_PKEY_is_a(key, "ED25519") ? put_ed25519(key, &p)
                                            : -EOPNOTSUPP;

    if (r >= 0)
        *ret_size = (size_t)(p - ret);
    return r;
}
