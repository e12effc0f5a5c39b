/* SPDX-License-Identifier: Apache-2.0 */
/* Which nonces have been signed for, the last ones of them, over restarts too. A nonce that comes
 * again lets an old envelope pass for a new one: it is the collector's to choose, so that is said,
 * to the caller and in the journal, and not refused. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define NONCE_LOG_FILE "nonces"
#define NONCE_LOG_MAX 4096U
#define NONCE_LOG_DIGEST_SIZE 16U

typedef struct NonceLog {
    pthread_mutex_t lock;
    uint8_t digests[NONCE_LOG_MAX][NONCE_LOG_DIGEST_SIZE]; /* a ring of the last ones */
    unsigned n, next;
    int unread; /* why the file cannot be read, which is not written then; 0: it was */
} NonceLog;

void nonce_log_init(NonceLog *l);
void nonce_log_done(NonceLog *l);

/* Notes a nonce, and says in *ret whether it was there already: the same text, or, of a token
 * (is_number), one that is the same number. Thread-safe. Returns 0 or -ENOMEM. */
int nonce_log_add(NonceLog *l, const char *nonce, bool is_number, bool *ret);

/* From and to a file of the folder; thread-safe. Loading returns -EBADMSG, and nothing is known
 * then, for what is no such file, which is moved aside. When it cannot be read now, the last ones
 * are known of this run only, until it can be: saving fails, and says why. */
int nonce_log_load(NonceLog *l, int dirfd);
int nonce_log_load_again(NonceLog *l, int dirfd); /* if need be */
int nonce_log_save(NonceLog *l, int dirfd);
