/* SPDX-License-Identifier: Apache-2.0 */
#include "nonce-log.h"

#include <openssl/evp.h>

#include "atomic-file.h"
#include "cleanup.h"
#include "eat.h"

void nonce_log_init(NonceLog *l)
{
    memset(l, 0, sizeof *l);
    (void)pthread_mutex_init(&l->lock, NULL);
}

void nonce_log_done(NonceLog *l)
{
    (void)pthread_mutex_destroy(&l->lock);
}

static void put(NonceLog *l, const uint8_t *digest)
{
    memcpy(l->digests[l->next++ % NONCE_LOG_MAX], digest, NONCE_LOG_DIGEST_SIZE);
    l->n += l->n < NONCE_LOG_MAX;
}

static int add(NonceLog *l, const void *nonce, size_t size, bool *ret)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool found = false;

    if (EVP_Digest(nonce, size, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    (void)pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < l->n && !found; i++)
        found = memcmp(l->digests[i], digest, NONCE_LOG_DIGEST_SIZE) == 0;
    if (!found)
        put(l, digest);
    (void)pthread_mutex_unlock(&l->lock);
    *ret = found;
    return 0;
}

/* An envelope has the text as it was given. A token has the bytes of the number, which begin with
 * the byte that no text has. */
int nonce_log_add(NonceLog *l, const char *nonce, bool is_number, bool *ret)
{
    uint8_t number[1 + EAT_NONCE_MAX] = {0};
    bool was_text = false, was_number = false;
    size_t size;
    int r = add(l, nonce, strlen(nonce), &was_text);

    if (r >= 0 && is_number && eat_nonce_from_text(nonce, number + 1, &size) >= 0)
        r = add(l, number, 1 + size, &was_number);
    if (r < 0)
        return r;
    *ret = was_text || was_number;
    return 0;
}

/* The digests one after the other, the oldest first. */
static void copy_in_order(const NonceLog *l, uint8_t *to)
{
    unsigned first = l->n == NONCE_LOG_MAX ? l->next : 0;

    for (unsigned i = 0; i < l->n; i++)
        memcpy(to + (size_t)i * NONCE_LOG_DIGEST_SIZE, l->digests[(first + i) % NONCE_LOG_MAX],
               NONCE_LOG_DIGEST_SIZE);
}

int nonce_log_save(NonceLog *l, int dirfd)
{
    _cleanup_free_ uint8_t *data = malloc(sizeof l->digests);
    int r;

    if (!data)
        return -ENOMEM;
    (void)pthread_mutex_lock(&l->lock);
    copy_in_order(l, data);
    /* With the lock: who saves later has more to save. */
    r = l->unread;
    if (r == 0)
        r = atomic_write_at(dirfd, NONCE_LOG_FILE, data, (size_t)l->n * NONCE_LOG_DIGEST_SIZE,
                            0600);
    (void)pthread_mutex_unlock(&l->lock);
    return r;
}

static int read_file(int dirfd, void **ret_data, size_t *ret_size)
{
    int r = read_state_at(dirfd, NONCE_LOG_FILE, NONCE_LOG_MAX * NONCE_LOG_DIGEST_SIZE, ret_data,
                          ret_size);

    if (r == -ENOENT) {
        *ret_size = 0;
        return 0;
    }
    if (r == -EBADMSG || (r >= 0 && *ret_size % NONCE_LOG_DIGEST_SIZE != 0)) {
        (void)quarantine_at(dirfd, NONCE_LOG_FILE);
        return -EBADMSG;
    }
    return r;
}

/* What is known already came after what is in the file. */
static int load(NonceLog *l, int dirfd)
{
    _cleanup_free_ uint8_t *known = malloc((size_t)l->n * NONCE_LOG_DIGEST_SIZE + 1);
    const unsigned n_known = l->n;
    _cleanup_free_ void *data = NULL;
    size_t size = 0;
    int r = known ? read_file(dirfd, &data, &size) : -ENOMEM;

    l->unread = r < 0 && r != -EBADMSG ? r : 0;
    if (r < 0)
        return r;
    copy_in_order(l, known);
    if (size > 0)
        memcpy(l->digests, data, size);
    l->n = l->next = (unsigned)(size / NONCE_LOG_DIGEST_SIZE);
    for (unsigned i = 0; i < n_known; i++)
        put(l, known + (size_t)i * NONCE_LOG_DIGEST_SIZE);
    return 0;
}

int nonce_log_load(NonceLog *l, int dirfd)
{
    int r;

    (void)pthread_mutex_lock(&l->lock);
    r = load(l, dirfd);
    (void)pthread_mutex_unlock(&l->lock);
    return r;
}

int nonce_log_load_again(NonceLog *l, int dirfd)
{
    int r;

    (void)pthread_mutex_lock(&l->lock);
    r = l->unread == 0 ? 0 : load(l, dirfd);
    (void)pthread_mutex_unlock(&l->lock);
    return r;
}
