/* SPDX-License-Identifier: Apache-2.0 */
#include "key-file.h"

#include <endian.h>
#include <openssl/rand.h>

#include "label.h"
#include "secure-memory.h"

#define MAGIC "CHANKEY"
#define MAGIC_SIZE STRLEN(MAGIC)
#define FORMAT_FIRST 1U
#define FORMAT 2U
#define NONCE_SIZE 12U
#define TAG_SIZE 16U
#define ALGORITHM_NAME_MAX 32U
#define USAGE_MAX 32U
#define PUBLIC_KEY_MAX 1024U
#define FLAG_EXPORTABLE 1U
#define FLAG_NEXT 2U
#define FLAG_PREVIOUS 4U
#define FLAGS_SLOT (FLAG_NEXT | FLAG_PREVIOUS)

static const uint32_t slot_flags[] = {[KEY_NEXT] = FLAG_NEXT, [KEY_PREVIOUS] = FLAG_PREVIOUS};

typedef struct Header {
    uint8_t kek_id[KEK_ID_SIZE];
    char algorithm[ALGORITHM_NAME_MAX + 1];
    char label[LABEL_MAX + 1];
    char usage[USAGE_MAX + 1];
    uint32_t flags;
    uint64_t created;
    DerSpan public_keys[2]; /* the second one is empty, or that of the encryption pair */
} Header;

/* --- Writing ---------------------------------------------------------------------------------- */

/* The file is put together here; what does not fit marks it as full. */
typedef struct Output {
    uint8_t *data;
    size_t size;
    bool full;
} Output;

static void put(Output *o, const void *data, size_t size)
{
    if (o->full || size > KEY_FILE_SIZE_MAX - o->size) {
        o->full = true;
        return;
    }
    if (size > 0)
        memcpy(o->data + o->size, data, size);
    o->size += size;
}

static void put_sized(Output *o, const void *data, size_t size)
{
    uint16_t n = htobe16((uint16_t)size);

    put(o, &n, sizeof n);
    put(o, data, size);
}

static void put_header(Output *o, const uint8_t kek_id[static KEK_ID_SIZE], const Key *key)
{
    const uint8_t version = FORMAT;
    uint32_t flags = htobe32((key->exportable ? FLAG_EXPORTABLE : 0U) | slot_flags[key->slot]);
    uint64_t created = htobe64(key->created);

    put(o, MAGIC, MAGIC_SIZE);
    put(o, &version, sizeof version);
    put(o, kek_id, KEK_ID_SIZE);
    put_sized(o, key->algorithm->name, strlen(key->algorithm->name));
    put_sized(o, key->label, strlen(key->label));
    put_sized(o, key->usage, strlen(key->usage));
    put(o, &flags, sizeof flags);
    put(o, &created, sizeof created);
    put_sized(o, key->public_key, key->public_key_size);
    put_sized(o, key->encryption ? key->encryption->public_key : NULL,
              key->encryption ? key->encryption->public_key_size : 0);
}

/* PKCS#8, one or two, in OpenSSL's memory, which is memory for secrets. */
static int private_keys_encode(const Key *key, uint8_t **ret, size_t *ret_size)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *first = EVP_PKEY2PKCS8(key->pkey),
                                                             *second = NULL;
    _cleanup_openssl_free_ uint8_t *data = NULL;
    int size = first ? i2d_PKCS8_PRIV_KEY_INFO(first, NULL) : -1, more = 0;
    uint8_t *p;

    if (size > 0 && key->encryption) {
        second = EVP_PKEY2PKCS8(key->encryption->pkey);
        more = second ? i2d_PKCS8_PRIV_KEY_INFO(second, NULL) : -1;
    }
    if (size <= 0 || more < 0)
        return -ENOMEM;
    p = data = OPENSSL_malloc((size_t)size + (size_t)more);
    if (!data || i2d_PKCS8_PRIV_KEY_INFO(first, &p) != size ||
        (second && i2d_PKCS8_PRIV_KEY_INFO(second, &p) != more))
        return -ENOMEM;
    *ret = TAKE_PTR(data);
    *ret_size = (size_t)size + (size_t)more;
    return 0;
}

static int encrypt(Output *o, const Kek *kek, const uint8_t *plain, size_t size)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t associated = o->size;
    uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];
    int n;

    if (!context)
        return -ENOMEM;
    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return -EIO;
    put(o, nonce, sizeof nonce);
    if (o->full || size + TAG_SIZE > KEY_FILE_SIZE_MAX - o->size)
        return -EMSGSIZE;
    if (EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, kek->key, nonce) != 1 ||
        EVP_EncryptUpdate(context, NULL, &n, o->data, (int)associated) != 1 ||
        EVP_EncryptUpdate(context, o->data + o->size, &n, plain, (int)size) != 1)
        return -EIO;
    o->size += (size_t)n;
    if (EVP_EncryptFinal_ex(context, o->data + o->size, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1)
        return -EIO;
    put(o, tag, TAG_SIZE);
    return 0;
}

int key_file_seal(const Kek *kek, const Key *key, void **ret_data, size_t *ret_size)
{
    _cleanup_free_ uint8_t *data = malloc(KEY_FILE_SIZE_MAX);
    _cleanup_openssl_free_ uint8_t *plain = NULL;
    Output output = {data, 0, false};
    size_t size;
    int r;

    if (!data)
        return -ENOMEM;
    r = private_keys_encode(key, &plain, &size);
    if (r < 0)
        return r;
    put_header(&output, kek->id, key);
    r = encrypt(&output, kek, plain, size);
    if (r < 0)
        return r;
    *ret_data = TAKE_PTR(data);
    *ret_size = output.size;
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int take(DerSpan *input, size_t size, DerSpan *ret)
{
    if (size > input->size)
        return -EBADMSG;
    *ret = (DerSpan){input->data, size};
    *input = (DerSpan){input->data + size, input->size - size};
    return 0;
}

static int take_sized(DerSpan *input, size_t max, DerSpan *ret)
{
    DerSpan number;
    size_t size;
    int r;

    r = take(input, sizeof(uint16_t), &number);
    if (r < 0)
        return r;
    size = (size_t)number.data[0] << 8 | number.data[1];
    return size > max ? -EBADMSG : take(input, size, ret);
}

static int take_string(DerSpan *input, size_t max, char *ret)
{
    DerSpan text;
    int r;

    r = take_sized(input, max, &text);
    if (r < 0)
        return r;
    if (memchr(text.data, 0, text.size))
        return -EBADMSG;
    memcpy(ret, text.data, text.size);
    ret[text.size] = 0;
    return 0;
}

static int take_version(DerSpan *input, unsigned *ret)
{
    DerSpan span;
    int r;

    r = take(input, MAGIC_SIZE, &span);
    if (r < 0)
        return r;
    if (!der_equal(span, MAGIC, MAGIC_SIZE) || take(input, 1, &span) < 0 ||
        span.data[0] < FORMAT_FIRST || span.data[0] > FORMAT)
        return -EBADMSG;
    *ret = span.data[0];
    return 0;
}

/* A flag that this program does not know may forbid something. */
static int take_flags(DerSpan *input, uint32_t *ret)
{
    uint32_t flags;
    DerSpan span;
    int r;

    r = take(input, sizeof flags, &span);
    if (r < 0)
        return r;
    memcpy(&flags, span.data, sizeof flags);
    *ret = be32toh(flags);
    return *ret & ~(FLAG_EXPORTABLE | FLAGS_SLOT) || (*ret & FLAGS_SLOT) == FLAGS_SLOT ? -EBADMSG
                                                                                       : 0;
}

static int take_header(DerSpan *input, Header *ret)
{
    unsigned version;
    DerSpan span;
    int r;

    r = take_version(input, &version);
    if (r < 0)
        return r;
    ret->flags = 0;
    r = take(input, KEK_ID_SIZE, &span);
    if (r < 0)
        return r;
    memcpy(ret->kek_id, span.data, KEK_ID_SIZE);
    if (take_string(input, ALGORITHM_NAME_MAX, ret->algorithm) < 0 ||
        take_string(input, LABEL_MAX, ret->label) < 0 ||
        take_string(input, USAGE_MAX, ret->usage) < 0 ||
        (version > FORMAT_FIRST && take_flags(input, &ret->flags) < 0) ||
        take(input, sizeof ret->created, &span) < 0)
        return -EBADMSG;
    memcpy(&ret->created, span.data, sizeof ret->created);
    ret->created = be64toh(ret->created);
    ret->public_keys[1] = (DerSpan){NULL, 0};
    r = take_sized(input, PUBLIC_KEY_MAX, &ret->public_keys[0]);
    if (r < 0 || version == FORMAT_FIRST)
        return r;
    return take_sized(input, PUBLIC_KEY_MAX, &ret->public_keys[1]);
}

/* *ret is in OpenSSL's memory, which is memory for secrets. */
static int decrypt(const Kek *kek, DerSpan associated, DerSpan sealed, uint8_t **ret,
                   size_t *ret_size)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    _cleanup_openssl_free_ uint8_t *plain = NULL;
    DerSpan nonce, tag;
    uint8_t expected[TAG_SIZE];
    int n, m;

    if (take(&sealed, NONCE_SIZE, &nonce) < 0 || sealed.size <= TAG_SIZE)
        return -EBADMSG;
    sealed.size -= TAG_SIZE;
    tag = (DerSpan){sealed.data + sealed.size, TAG_SIZE};
    memcpy(expected, tag.data, TAG_SIZE);
    plain = OPENSSL_malloc(sealed.size);
    if (!context || !plain)
        return -ENOMEM;
    if (EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, kek->key, nonce.data) != 1 ||
        EVP_DecryptUpdate(context, NULL, &n, associated.data, (int)associated.size) != 1 ||
        EVP_DecryptUpdate(context, plain, &n, sealed.data, (int)sealed.size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, expected) != 1)
        return -EIO;
    if (EVP_DecryptFinal_ex(context, plain + n, &m) != 1)
        return -EKEYREJECTED;
    *ret = TAKE_PTR(plain);
    *ret_size = sealed.size;
    return 0;
}

/* Takes one from what is left. */
static int private_key_decode(DerSpan *plain, EVP_PKEY **ret)
{
    const uint8_t *p = plain->data;
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info =
        d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)plain->size);

    if (!info)
        return -EBADMSG;
    plain->size -= (size_t)(p - plain->data);
    plain->data = p;
    *ret = EVP_PKCS82PKEY(info);
    return *ret ? 0 : -EBADMSG;
}

/* The parts have been authenticated; that they belong together is checked all the same. */
static int pair_assemble(const Header *header, const char *usage, DerSpan public_key,
                         DerSpan *plain, Key **ret)
{
    const KeyAlgorithm *algorithm = key_algorithm_find(header->algorithm);
    _cleanup_(key_unrefp) Key *key = NULL;
    EVP_PKEY *pkey = NULL;
    int r;

    if (!algorithm)
        return -EBADMSG;
    r = private_key_decode(plain, &pkey);
    if (r < 0)
        return r;
    r = key_new(algorithm, header->label, usage, header->created, pkey, &key);
    if (r < 0)
        return r == -EINVAL ? -EBADMSG : r;
    if (!der_equal(public_key, key->public_key, key->public_key_size))
        return -EBADMSG;
    key->exportable = header->flags & FLAG_EXPORTABLE;
    key->slot = header->flags & FLAG_NEXT       ? KEY_NEXT
                : header->flags & FLAG_PREVIOUS ? KEY_PREVIOUS
                                                : KEY_CURRENT;
    *ret = TAKE_PTR(key);
    return 0;
}

static int key_assemble(const Header *header, DerSpan plain, Key **ret)
{
    bool two = header->public_keys[1].size > 0;
    _cleanup_(key_unrefp) Key *key = NULL;
    Key *encryption = NULL;
    int r;

    if (!streq(header->usage, two ? KEY_USAGE_SIGNATURE : KEY_USAGE_GENERAL))
        return -EBADMSG;
    r = pair_assemble(header, header->usage, header->public_keys[0], &plain, &key);
    if (r >= 0 && two) {
        r = pair_assemble(header, KEY_USAGE_ENCRYPTION, header->public_keys[1], &plain,
                          &encryption);
        if (r >= 0)
            r = key_join(key, encryption);
    }
    if (r < 0)
        return r;
    if (plain.size > 0)
        return -EBADMSG;
    *ret = TAKE_PTR(key);
    return 0;
}

static const uint8_t no_kek[KEK_ID_SIZE];

int key_file_describe(const Key *key, void **ret_data, size_t *ret_size)
{
    _cleanup_free_ void *data = malloc(KEY_FILE_SIZE_MAX);
    Output output = {data, 0, false};

    if (!data)
        return -ENOMEM;
    put_header(&output, no_kek, key);
    if (output.full)
        return -EMSGSIZE;
    *ret_data = TAKE_PTR(data);
    *ret_size = output.size;
    return 0;
}

int key_file_assemble(DerSpan description, DerSpan private_keys, Key **ret)
{
    Header header;
    int r;

    r = take_header(&description, &header);
    if (r < 0)
        return r;
    if (description.size > 0 || memcmp(header.kek_id, no_kek, KEK_ID_SIZE) != 0 ||
        header.flags & FLAGS_SLOT)
        return -EBADMSG;
    return key_assemble(&header, private_keys, ret);
}

int key_file_open(const Kek *kek, const void *data, size_t size, Key **ret)
{
    _cleanup_openssl_free_ uint8_t *plain = NULL;
    unsigned failures = secure_memory_failures();
    DerSpan input = {data, size};
    size_t plain_size;
    Header header;
    int r;

    if (size > KEY_FILE_SIZE_MAX)
        return -EBADMSG;
    r = take_header(&input, &header);
    if (r < 0)
        return r;
    if (memcmp(header.kek_id, kek->id, KEK_ID_SIZE) != 0)
        return -ENOKEY;
    r = decrypt(kek, (DerSpan){data, size - input.size}, input, &plain, &plain_size);
    if (r >= 0)
        r = key_assemble(&header, (DerSpan){plain, plain_size}, ret);
    if (r < 0)
        ERR_clear_error();
    return r < 0 && secure_memory_failures() != failures ? -ENOMEM : r;
}
