/* SPDX-License-Identifier: Apache-2.0 */
#include "content-hash.h"

#include "openssl-util.h"

int content_hash_init(ContentHash *h)
{
    h->all = EVP_MD_CTX_new();
    return h->all && EVP_DigestInit_ex(h->all, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static int finish_begin(ContentHash *h)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *begin = EVP_MD_CTX_new();

    return begin && EVP_MD_CTX_copy_ex(begin, h->all) == 1 &&
                   EVP_DigestFinal_ex(begin, h->begin, NULL) == 1
               ? 0
               : -ENOMEM;
}

static int add(ContentHash *h, const void *data, size_t size)
{
    h->size += size;
    return EVP_DigestUpdate(h->all, data, size) == 1 ? 0 : -ENOMEM;
}

int content_hash_add(ContentHash *h, const void *data, size_t size)
{
    size_t n = h->size < CONTENT_BEGIN_SIZE ? (size_t)(CONTENT_BEGIN_SIZE - h->size) : 0;
    int r;

    if (n == 0 || size < n)
        return add(h, data, size);
    r = add(h, data, n);
    if (r >= 0)
        r = finish_begin(h);
    return r < 0 ? r : add(h, (const uint8_t *)data + n, size - n);
}

const uint8_t *content_hash_begin(const ContentHash *h)
{
    return h->size < CONTENT_BEGIN_SIZE ? NULL : h->begin;
}

int content_hash_finish(ContentHash *h, uint8_t ret[CONTENT_HASH_SIZE])
{
    return EVP_DigestFinal_ex(h->all, ret, NULL) == 1 ? 0 : -ENOMEM;
}

void content_hash_done(ContentHash *h)
{
    EVP_MD_CTX_free(h->all);
    *h = (ContentHash){NULL};
}
