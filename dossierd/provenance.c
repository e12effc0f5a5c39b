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

static void ring_add(Provenance *p, ProvenanceRing *ring, const uint8_t digest[CONTENT_HASH_SIZE])
{
    ProvenanceEntry *entry;

    (void)pthread_mutex_lock(&p->lock);
    entry = &ring->entries[ring->next++ % PROVENANCE_MAX];
    memcpy(entry->digest, digest, CONTENT_HASH_SIZE);
    entry->collected = boot_seconds();
    (void)pthread_mutex_unlock(&p->lock);
}

static bool ring_has(Provenance *p, const ProvenanceRing *ring,
                     const uint8_t digest[CONTENT_HASH_SIZE])
{
    int64_t oldest = boot_seconds() - (int64_t)PROVENANCE_SECONDS;
    bool found = false;

    (void)pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < PROVENANCE_MAX && !found; i++)
        found = ring->entries[i].collected != 0 && ring->entries[i].collected >= oldest &&
                memcmp(ring->entries[i].digest, digest, CONTENT_HASH_SIZE) == 0;
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}

void provenance_add(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE])
{
    ring_add(p, &p->whole, digest);
}

void provenance_add_begin(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE])
{
    ring_add(p, &p->begun, digest);
}

bool provenance_has(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE])
{
    return ring_has(p, &p->whole, digest);
}

bool provenance_has_begin(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE])
{
    return ring_has(p, &p->begun, digest);
}
