/* SPDX-License-Identifier: Apache-2.0 */
/* Which dossiers this process has collected itself. Whoever may sign may have any bytes signed,
 * also ones that look like a dossier; only an envelope around bytes that were collected here says
 * so in its header, and a collector tells the two apart by that. An envelope of a large one says so
 * before its end is known: by how it begins, and is not signed if it goes on differently. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "content-hash.h"

/* Long enough to carry a dossier from one command to the next, too short to seal yesterday's as
 * today's. */
#define PROVENANCE_SECONDS 600U
#define PROVENANCE_MAX 128U

typedef struct ProvenanceEntry {
    uint8_t digest[CONTENT_HASH_SIZE];
    int64_t collected; /* CLOCK_BOOTTIME, seconds; 0: the entry is free */
} ProvenanceEntry;

typedef struct ProvenanceRing {
    ProvenanceEntry entries[PROVENANCE_MAX];
    unsigned next;
} ProvenanceRing;

typedef struct Provenance {
    pthread_mutex_t lock;
    ProvenanceRing whole, begun;
} Provenance;

void provenance_init(Provenance *p);
void provenance_done(Provenance *p);

/* To be called before the reader can see the end of the dossier, or of its begin. Thread-safe, like
 * the next two. */
void provenance_add(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE]);
void provenance_add_begin(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE]);
bool provenance_has(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE]);
/* Is it the begin of a dossier from here, which may not have ended yet? */
bool provenance_has_begin(Provenance *p, const uint8_t digest[CONTENT_HASH_SIZE]);
