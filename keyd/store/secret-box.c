/* SPDX-License-Identifier: Apache-2.0 */
#include "secret-box.h"

#include <openssl/rand.h>

#include "atomic-file.h"
#include "json-util.h"
#include "openssl-util.h"
#include "secure-memory.h"

#define MAGIC "CHANBOX\1"
#define MAGIC_SIZE STRLEN(MAGIC)
#define KEY_SIZE 32U
#define NONCE_SIZE 12U
#define TAG_SIZE 16U
#define HEADER_SIZE (MAGIC_SIZE + KEK_ID_SIZE)
#define FILE_SIZE (HEADER_SIZE + NONCE_SIZE + KEY_SIZE + TAG_SIZE)
#define TEXT_VERSION 1U
#define PADDING 64U
#define CONTENT_MAX ((SECRET_MAX + PADDING - 1) / PADDING * PADDING)
#define SEALED_MAX (1 + NONCE_SIZE + CONTENT_MAX + TAG_SIZE)

struct SecretBox {
    uint8_t key[KEY_SIZE];
};

/* --- AES-256-GCM ------------------------------------------------------------------------------ */

/* ret: a nonce, as many bytes, a tag. */
static int encrypt(const uint8_t key[KEY_SIZE], DerSpan associated, DerSpan clear, uint8_t *ret)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *content = ret + NONCE_SIZE;
    int n;

    if (!context)
        return -ENOMEM;
    if (RAND_bytes(ret, NONCE_SIZE) != 1 ||
        EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, ret) != 1 ||
        EVP_EncryptUpdate(context, NULL, &n, associated.data, (int)associated.size) != 1 ||
        EVP_EncryptUpdate(context, content, &n, clear.data, (int)clear.size) != 1 ||
        EVP_EncryptFinal_ex(context, content + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, content + clear.size) != 1)
        return -EIO;
    return 0;
}

/* ret: as many bytes as sealed has between nonce and tag. */
static int decrypt(const uint8_t key[KEY_SIZE], DerSpan associated, DerSpan sealed, uint8_t *ret)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const size_t size = sealed.size - NONCE_SIZE - TAG_SIZE;
    uint8_t tag[TAG_SIZE];
    int n;

    if (!context)
        return -ENOMEM;
    memcpy(tag, sealed.data + NONCE_SIZE + size, TAG_SIZE);
    if (EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, sealed.data) != 1 ||
        EVP_DecryptUpdate(context, NULL, &n, associated.data, (int)associated.size) != 1 ||
        EVP_DecryptUpdate(context, ret, &n, sealed.data + NONCE_SIZE, (int)size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) != 1)
        return -EIO;
    return EVP_DecryptFinal_ex(context, ret + n, &n) == 1 ? 0 : -EKEYREJECTED;
}

/* --- The file --------------------------------------------------------------------------------- */

static int write_file(int dirfd, const Kek *kek, const uint8_t key[KEY_SIZE])
{
    uint8_t data[FILE_SIZE];
    int r;

    memcpy(data, MAGIC, MAGIC_SIZE);
    memcpy(data + MAGIC_SIZE, kek->id, KEK_ID_SIZE);
    r = encrypt(kek->key, (DerSpan){data, HEADER_SIZE}, (DerSpan){key, KEY_SIZE},
                data + HEADER_SIZE);
    return r < 0 ? r : atomic_write_at(dirfd, SECRET_BOX_FILE, data, sizeof data, 0600);
}

static int read_file(int dirfd, const Kek *kek, uint8_t key[KEY_SIZE])
{
    _cleanup_free_ uint8_t *data = NULL;
    void *read = NULL;
    size_t size;
    int r;

    r = read_file_at(dirfd, SECRET_BOX_FILE, FILE_SIZE, &read, &size);
    if (r < 0)
        return r == -EFBIG ? -EBADMSG : r;
    data = read;
    if (size != FILE_SIZE || memcmp(data, MAGIC, MAGIC_SIZE) != 0)
        return -EBADMSG;
    if (memcmp(data + MAGIC_SIZE, kek->id, KEK_ID_SIZE) != 0)
        return -ENOKEY;
    return decrypt(kek->key, (DerSpan){data, HEADER_SIZE},
                   (DerSpan){data + HEADER_SIZE, FILE_SIZE - HEADER_SIZE}, key);
}

SecretBox *secret_box_free(SecretBox *box)
{
    secure_free(box);
    return NULL;
}

int secret_box_open(int dirfd, const Kek *kek, SecretBox **ret)
{
    _cleanup_(secret_box_freep) SecretBox *box = secure_alloc(sizeof *box);
    int r;

    if (!box)
        return -ENOMEM;
    r = read_file(dirfd, kek, box->key);
    if (r == -ENOENT) {
        if (RAND_priv_bytes(box->key, KEY_SIZE) != 1)
            return -EIO;
        r = write_file(dirfd, kek, box->key);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(box);
    return 0;
}

int secret_box_rekey(int dirfd, const Kek *from, const Kek *to)
{
    _cleanup_secure_free_ uint8_t *key = secure_alloc(KEY_SIZE);
    int r;

    if (!key)
        return -ENOMEM;
    r = read_file(dirfd, from, key);
    if (r == -ENOKEY && read_file(dirfd, to, key) >= 0)
        return 0;
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = write_file(dirfd, to, key);
    return r < 0 ? r : 1;
}

/* --- Texts ------------------------------------------------------------------------------------ */

static DerSpan associated_data(const char *purpose)
{
    return (DerSpan){(const uint8_t *)purpose, strlen(purpose)};
}

int secret_box_seal(const SecretBox *box, const char *purpose, DerSpan clear, char **ret)
{
    _cleanup_secure_free_ uint8_t *content = NULL;
    uint8_t sealed[SEALED_MAX] = {TEXT_VERSION};
    size_t size = (clear.size + PADDING - 1) / PADDING * PADDING;
    int r;

    if (clear.size == 0 || clear.size > SECRET_MAX || memchr(clear.data, 0, clear.size))
        return -EINVAL;
    content = secure_alloc(CONTENT_MAX);
    if (!content)
        return -ENOMEM;
    memcpy(content, clear.data, clear.size);
    r = encrypt(box->key, associated_data(purpose), (DerSpan){content, size}, sealed + 1);
    if (r < 0)
        return r;
    *ret = base64url_encode(sealed, 1 + NONCE_SIZE + size + TAG_SIZE);
    return *ret ? 0 : -ENOMEM;
}

int secret_box_unseal(const SecretBox *box, const char *purpose, const char *text, char **ret)
{
    _cleanup_secure_free_ uint8_t *content = NULL;
    _cleanup_free_ uint8_t *sealed = NULL;
    void *data = NULL;
    size_t size;
    int r;

    if (strlen(text) > SECRET_TEXT_MAX)
        return -EBADMSG;
    r = base64url_decode(text, strlen(text), &data, &size);
    if (r < 0)
        return r;
    sealed = data;
    if (size <= 1 + NONCE_SIZE + TAG_SIZE || size > SEALED_MAX || sealed[0] != TEXT_VERSION)
        return -EBADMSG;
    content = secure_alloc(CONTENT_MAX + 1);
    if (!content)
        return -ENOMEM;
    r = decrypt(box->key, associated_data(purpose), (DerSpan){sealed + 1, size - 1}, content);
    if (r == -EKEYREJECTED || (r >= 0 && content[0] == 0))
        return -EBADMSG;
    if (r < 0)
        return r;
    *ret = (char *)TAKE_PTR(content);
    return 0;
}
