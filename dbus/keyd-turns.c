/* SPDX-License-Identifier: Apache-2.0 */
#include "keyd-turns.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static unsigned n_taken; /* behind the lock */

bool keyd_turn_take(void)
{
    (void)pthread_mutex_lock(&lock);
    while (n_taken == KEYD_TURNS_MAX)
        (void)pthread_cond_wait(&given, &lock);
    n_taken++;
    (void)pthread_mutex_unlock(&lock);
    return true;
}

void keyd_turn_givep(const bool *turn)
{
    (void)pthread_mutex_lock(&lock);
    n_taken -= *turn;
    (void)pthread_cond_signal(&given);
    (void)pthread_mutex_unlock(&lock);
}
