/* SPDX-License-Identifier: Apache-2.0 */
#include "provenance.h"

#include <string.h>

#include "clock.h"

static int64_t boot_seconds(void)
{
    return clock_sec(CLOCK_BOOTTIME) + 1; /* never 0 */
}

void provenance_init(Provenance *p)
{
    memset(p, 0, sizeof *p);
    (void)pthread_mutex_init(&p->lock, NULL);
}

void provenance_done(Provenance *p)
{
    (void)pthread_mutex_destroy(&p->lock);
}

void provenance_add(Provenance *p, const uint8_t digest[PROVENANCE_DIGEST_SIZE])
{
    ProvenanceEntry *entry;

    (void)pthread_mutex_lock(&p->lock);
    entry = &p->entries[p->next++ % PROVENANCE_MAX];
    memcpy(entry->digest, digest, PROVENANCE_DIGEST_SIZE);
    entry->collected = boot_seconds();
    (void)pthread_mutex_unlock(&p->lock);
}

bool provenance_has(Provenance *p, const uint8_t digest[PROVENANCE_DIGEST_SIZE])
{
    int64_t oldest = boot_seconds() - (int64_t)PROVENANCE_SECONDS;
    bool found = false;

    (void)pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < PROVENANCE_MAX && !found; i++)
        found = p->entries[i].collected != 0 && p->entries[i].collected >= oldest &&
                memcmp(p->entries[i].digest, digest, PROVENANCE_DIGEST_SIZE) == 0;
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}
