/* SPDX-License-Identifier: Apache-2.0 */
#include "nonce-log.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

void nonce_log_init(NonceLog *l)
{
    memset(l, 0, sizeof *l);
    (void)pthread_mutex_init(&l->lock, NULL);
}

void nonce_log_done(NonceLog *l)
{
    (void)pthread_mutex_destroy(&l->lock);
}

int nonce_log_add(NonceLog *l, const char *nonce, bool *ret)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    bool found = false;

    if (EVP_Digest(nonce, strlen(nonce), digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    (void)pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < l->n && !found; i++)
        found = memcmp(l->digests[i], digest, NONCE_LOG_DIGEST_SIZE) == 0;
    if (!found) {
        memcpy(l->digests[l->next++ % NONCE_LOG_MAX], digest, NONCE_LOG_DIGEST_SIZE);
        l->n += l->n < NONCE_LOG_MAX;
    }
    (void)pthread_mutex_unlock(&l->lock);
    *ret = found;
    return 0;
}
