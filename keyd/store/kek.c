/* SPDX-License-Identifier: Apache-2.0 */
#include "kek.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "atomic-file.h"
#include "secure-memory.h"

#define ID_TEXT "chancery key-encryption key"

int kek_new(const uint8_t key[KEK_SIZE], Kek **ret)
{
    _cleanup_(kek_freep) Kek *k = secure_alloc(sizeof *k);
    uint8_t id[EVP_MAX_MD_SIZE];

    if (!k)
        return -ENOMEM;
    memcpy(k->key, key, KEK_SIZE);
    if (!HMAC(EVP_sha256(), k->key, KEK_SIZE, (const uint8_t *)ID_TEXT, STRLEN(ID_TEXT), id, NULL))
        return -ENOMEM;
    memcpy(k->id, id, KEK_ID_SIZE);
    *ret = TAKE_PTR(k);
    return 0;
}

static int credential_open(const char *name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    _cleanup_close_ int dirfd = -EBADF;
    int fd;

    if (!directory || directory[0] != '/')
        return -ENXIO;
    dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return -errno;
    fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int kek_load(const char *credential, Kek **ret)
{
    _cleanup_close_ int fd = credential_open(credential);
    /* One byte more than there has to be, to notice when there is more. */
    _cleanup_secure_free_ uint8_t *key = NULL;
    ssize_t n;

    if (fd < 0)
        return fd;
    key = secure_alloc(KEK_SIZE + 1);
    if (!key)
        return -ENOMEM;
    n = read_full(fd, key, KEK_SIZE + 1);
    if (n < 0)
        return (int)n;
    if (n != KEK_SIZE)
        return -EBADMSG;
    return kek_new(key, ret);
}

Kek *kek_free(Kek *k)
{
    secure_free(k); /* wipes */
    return NULL;
}
