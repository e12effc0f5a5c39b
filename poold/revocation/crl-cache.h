/* SPDX-License-Identifier: Apache-2.0 */
/* The one cache of CRLs, those of trustpoints and those of the trustpool: a file for each, none of
 * them replaced by an older one. It belongs to the main loop; workers get the lists themselves,
 * which never change, and write the files: in the order of the changes, whoever does it. */
#pragma once

#include <pthread.h>

#include "crl-schedule.h"
#include "crl.h"

#define CRL_CACHE_ENTRIES_MAX 256U
#define CRL_CACHE_SIZE_MAX (64U << 20)
#define CRL_FILE_PREFIX "crl-"

typedef struct CrlEntry {
    Crl *crl;
    CrlTimes times;
    uint64_t used; /* the larger, the later */
    bool wanted;   /* somebody has used it since it came, so that it is fetched again in time */
} CrlEntry;

/* A URL that has failed, and is left alone for a while. */
typedef struct CrlFailure {
    char *url;
    int64_t at;
    unsigned failures;
} CrlFailure;

#define CRL_FAILURES_MAX 64U

/* What is to be done to the files. */
typedef struct CrlChange {
    struct CrlChange *next;
    Crl *crl;
    int64_t fetched;
    bool removed;
} CrlChange;

typedef struct CrlCache {
    int state_fd; /* borrowed */
    CrlEntry entries[CRL_CACHE_ENTRIES_MAX];
    size_t n, size;
    uint64_t uses;
    CrlFailure failures[CRL_FAILURES_MAX];
    size_t n_failures;

    pthread_mutex_t writing; /* held by who changes files */
    pthread_mutex_t lock;    /* of the changes */
    CrlChange *first, *last;
} CrlCache;

/* Reads what is kept. What does not parse, or is not signed any more, is moved aside, and report()
 * is told (it may be NULL). */
int crl_cache_new(int state_fd, void (*report)(const char *file, int error), CrlCache **ret);
CrlCache *crl_cache_free(CrlCache *cache);
DEFINE_TRIVIAL_CLEANUP_FUNC(CrlCache *, crl_cache_free);

/* Keeps a list that has just come. Returns 1 when it is new, 0 when it was there already, -ESTALE
 * when it is older than the one that is kept, or -ENOMEM; then nothing has changed. */
int crl_cache_put(CrlCache *cache, Crl *crl, int64_t now);
/* Somebody has relied on the list. */
void crl_cache_use(CrlCache *cache, const Crl *crl);
/* All of them, for a worker. */
int crl_cache_list(const CrlCache *cache, CrlList *ret);
/* Removes all of them. Returns how many, or -ENOMEM; then some are left. */
int crl_cache_clear(CrlCache *cache);

/* --- Files ------------------------------------------------------------------------------------ */

/* Is there something to be written? */
bool crl_cache_has_changes(CrlCache *cache);
/* In any thread: what has changed until now is in the files afterwards. A file that cannot be
 * written stays as it was: failed() is told, and the others are written all the same. Returns the
 * first error. */
int crl_cache_write(CrlCache *cache, void (*failed)(const Crl *crl, int error));

/* --- Servers that fail ------------------------------------------------------------------------ */

/* A try has failed: lists from there are tried later, and the URL is left alone for a while. */
void crl_cache_failed(CrlCache *cache, const char *url, int64_t now);
/* A try has brought lists, which were put here already. Whoever is still due hangs on a URL at
 * which another list is by now, of a CA with a new key for one: it is looked for at the pace of
 * failures, too. */
void crl_cache_answered(CrlCache *cache, const char *url, int64_t now);
/* The URLs that are left alone at this moment; the array and its texts belong to the caller. */
int crl_cache_paused(CrlCache *cache, int64_t now, char ***ret);

/* --- Refresh ---------------------------------------------------------------------------------- */

/* When the next wanted list is to be fetched again; 0 for never. */
int64_t crl_cache_next(CrlCache *cache, int64_t now);
/* Those that are due. */
int crl_cache_due(const CrlCache *cache, int64_t now, CrlList *ret);
