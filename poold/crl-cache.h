/* SPDX-License-Identifier: Apache-2.0 */
/* The one cache of CRLs, those of trustpoints and those of the trustpool: a file for each, none of
 * them replaced by an older one. It belongs to the main loop; workers get the lists themselves,
 * which never change. */
#pragma once

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

typedef struct CrlCache {
    int state_fd; /* borrowed */
    CrlEntry entries[CRL_CACHE_ENTRIES_MAX];
    size_t n, size;
    uint64_t uses;
    CrlFailure failures[CRL_FAILURES_MAX];
    size_t n_failures;
} CrlCache;

/* Reads what is kept. What does not parse, or is not signed any more, is moved aside, and corrupt()
 * is told (it may be NULL). */
int crl_cache_new(int state_fd, void (*corrupt)(const char *file, int error), CrlCache **ret);
CrlCache *crl_cache_free(CrlCache *cache);
DEFINE_TRIVIAL_CLEANUP_FUNC(CrlCache *, crl_cache_free);

/* Keeps a list that has just come. Returns 1 when it is new, 0 when it was there already, -ESTALE
 * when it is older than the one that is kept, or what went wrong with its file: then nothing has
 * changed. */
int crl_cache_put(CrlCache *cache, Crl *crl, int64_t now);
/* Somebody has relied on the list. */
void crl_cache_use(CrlCache *cache, const Crl *crl);
/* All of them, for a worker. */
int crl_cache_list(const CrlCache *cache, CrlList *ret);
/* Removes all of them, and their files. Returns how many. */
int crl_cache_clear(CrlCache *cache);

/* --- Servers that fail ------------------------------------------------------------------------ */

/* A try has failed: lists from there are tried later, and the URL is left alone for a while. */
void crl_cache_failed(CrlCache *cache, const char *url, int64_t now);
/* A try has brought lists, which were put here already. Whoever is still due hangs on a URL at
 * which another list is by now, of a CA with a new key for one: it is looked for at the pace of
 * failures, too. */
void crl_cache_answered(CrlCache *cache, const char *url, int64_t now);
/* The URLs that are left alone at this moment; the array and its texts belong to the caller. */
int crl_cache_paused(const CrlCache *cache, int64_t now, char ***ret);

/* --- Refresh ---------------------------------------------------------------------------------- */

/* When the next wanted list is to be fetched again; 0 for never. */
int64_t crl_cache_next(const CrlCache *cache, int64_t now);
/* Those that are due. */
int crl_cache_due(const CrlCache *cache, int64_t now, CrlList *ret);
