/* SPDX-License-Identifier: Apache-2.0 */
/* Which dossiers this process has collected itself. Whoever may sign may have any bytes signed,
 * also ones that look like a dossier; only an envelope around bytes that were collected here says
 * so in its header, and a collector tells the two apart by that. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PROVENANCE_DIGEST_SIZE 32U
/* Long enough to carry a dossier from one command to the next, too short to seal yesterday's as
 * today's. */
#define PROVENANCE_SECONDS 600U
#define PROVENANCE_MAX 128U

typedef struct ProvenanceEntry {
    uint8_t digest[PROVENANCE_DIGEST_SIZE]; /* SHA-256 of all its bytes */
    int64_t collected;                      /* CLOCK_BOOTTIME, seconds; 0: the entry is free */
} ProvenanceEntry;

typedef struct Provenance {
    pthread_mutex_t lock;
    ProvenanceEntry entries[PROVENANCE_MAX]; /* a ring */
    unsigned next;
} Provenance;

void provenance_init(Provenance *p);
void provenance_done(Provenance *p);

/* To be called before the reader can see the end of the dossier. Thread-safe, like the next one. */
void provenance_add(Provenance *p, const uint8_t digest[PROVENANCE_DIGEST_SIZE]);
bool provenance_has(Provenance *p, const uint8_t digest[PROVENANCE_DIGEST_SIZE]);
