/* SPDX-License-Identifier: Apache-2.0 */
#include "crl-cache.h"

#include "crl-store.h"
#include "fetch-url.h"

static CrlEntry *find_slot(CrlCache *cache, const uint8_t slot[CRL_DIGEST_SIZE])
{
    for (size_t i = 0; i < cache->n; i++)
        if (memcmp(cache->entries[i].crl->slot, slot, CRL_DIGEST_SIZE) == 0)
            return &cache->entries[i];
    return NULL;
}

static void forget(CrlCache *cache, CrlEntry *entry)
{
    cache->size -= entry->crl->der_size;
    crl_free(entry->crl);
    *entry = cache->entries[--cache->n];
}

static int note_change(CrlCache *cache, Crl *crl, int64_t fetched, bool removed)
{
    CrlChange *change = calloc(1, sizeof *change);

    if (!change)
        return -ENOMEM;
    *change = (CrlChange){.crl = crl_ref(crl), .fetched = fetched, .removed = removed};
    (void)pthread_mutex_lock(&cache->lock);
    if (cache->last)
        cache->last->next = change;
    else
        cache->first = change;
    cache->last = change;
    (void)pthread_mutex_unlock(&cache->lock);
    return 0;
}

/* The one that was of no use for the longest time goes. */
static int make_room(CrlCache *cache, size_t size)
{
    while (cache->n == CRL_CACHE_ENTRIES_MAX || cache->size + size > CRL_CACHE_SIZE_MAX) {
        CrlEntry *oldest = &cache->entries[0];
        int r;

        for (size_t i = 1; i < cache->n; i++)
            if (cache->entries[i].used < oldest->used)
                oldest = &cache->entries[i];
        r = note_change(cache, oldest->crl, 0, true);
        if (r < 0)
            return r;
        forget(cache, oldest);
    }
    return 0;
}

static void succeeded(CrlCache *cache, const char *url)
{
    for (size_t i = 0; i < cache->n_failures; i++)
        if (streq(cache->failures[i].url, url)) {
            free(cache->failures[i].url);
            cache->failures[i] = cache->failures[--cache->n_failures];
            return;
        }
}

static void set(CrlCache *cache, CrlEntry *entry, Crl *crl, int64_t fetched, bool wanted)
{
    *entry = (CrlEntry){.crl = crl_ref(crl),
                        .times = {.next_update = crl->next_update, .fetched = fetched},
                        .used = ++cache->uses,
                        .wanted = wanted};
    cache->size += crl->der_size;
}

int crl_cache_put(CrlCache *cache, Crl *crl, int64_t now)
{
    CrlEntry *entry = find_slot(cache, crl->slot);
    int order = entry ? crl_compare(crl, entry->crl) : 1, r;

    if (order < 0)
        return -ESTALE;
    succeeded(cache, crl->url);
    if (order == 0) {
        /* The next one is not there yet: it is looked for at the pace of failures. */
        entry->times.attempt = now;
        entry->times.failures += entry->times.failures < 16;
        return 0;
    }
    r = entry ? 0 : make_room(cache, crl->der_size);
    if (r >= 0)
        r = note_change(cache, crl, now, false);
    if (r < 0)
        return r;
    if (entry) {
        cache->size -= entry->crl->der_size;
        crl_free(entry->crl);
        set(cache, entry, crl, now, false);
        return 1;
    }
    set(cache, &cache->entries[cache->n++], crl, now, false);
    return 1;
}

void crl_cache_use(CrlCache *cache, const Crl *crl)
{
    CrlEntry *entry = find_slot(cache, crl->slot);

    if (!entry)
        return;
    entry->used = ++cache->uses;
    entry->wanted = true;
}

int crl_cache_list(const CrlCache *cache, CrlList *ret)
{
    for (size_t i = 0; i < cache->n; i++) {
        int r = crl_list_append(ret, crl_ref(cache->entries[i].crl));

        if (r < 0) {
            crl_free(cache->entries[i].crl);
            return r;
        }
    }
    return 0;
}

int crl_cache_clear(CrlCache *cache)
{
    int removed = 0;

    while (cache->n > 0) {
        int r = note_change(cache, cache->entries[0].crl, 0, true);

        if (r < 0)
            return r;
        forget(cache, &cache->entries[0]);
        removed++;
    }
    while (cache->n_failures > 0)
        free(cache->failures[--cache->n_failures].url);
    return removed;
}

/* --- Files ------------------------------------------------------------------------------------ */

static CrlChange *take_change(CrlCache *cache)
{
    CrlChange *change;

    (void)pthread_mutex_lock(&cache->lock);
    change = cache->first;
    if (change)
        cache->first = change->next;
    if (!cache->first)
        cache->last = NULL;
    (void)pthread_mutex_unlock(&cache->lock);
    return change;
}

static void change_free(CrlChange *change)
{
    crl_free(change->crl);
    free(change);
}

bool crl_cache_has_changes(CrlCache *cache)
{
    bool has;

    (void)pthread_mutex_lock(&cache->lock);
    has = cache->first;
    (void)pthread_mutex_unlock(&cache->lock);
    return has;
}

int crl_cache_write(CrlCache *cache, void (*failed)(const Crl *crl, int error))
{
    CrlChange *change;
    int first = 0;

    /* Whoever comes second waits for what the first one has taken. */
    (void)pthread_mutex_lock(&cache->writing);
    while ((change = take_change(cache))) {
        int r = change->removed ? crl_store_remove(cache->state_fd, change->crl)
                                : crl_store_write(cache->state_fd, change->crl, change->fetched);

        if (r < 0 && failed)
            failed(change->crl, r);
        if (r < 0 && first == 0)
            first = r;
        change_free(change);
    }
    (void)pthread_mutex_unlock(&cache->writing);
    return first;
}

/* --- Servers that fail ------------------------------------------------------------------------ */

static CrlFailure *find_failure(CrlCache *cache, const char *url)
{
    CrlFailure *oldest = NULL;

    for (size_t i = 0; i < cache->n_failures; i++) {
        if (streq(cache->failures[i].url, url))
            return &cache->failures[i];
        if (!oldest || cache->failures[i].at < oldest->at)
            oldest = &cache->failures[i];
    }
    if (cache->n_failures < CRL_FAILURES_MAX)
        oldest = &cache->failures[cache->n_failures++];
    else
        free(oldest->url);
    *oldest = (CrlFailure){.url = strdup(url)};
    if (!oldest->url) {
        *oldest = cache->failures[--cache->n_failures];
        return NULL;
    }
    return oldest;
}

void crl_cache_failed(CrlCache *cache, const char *url, int64_t now)
{
    CrlFailure *failure = find_failure(cache, url);

    if (failure) {
        failure->at = now;
        failure->failures += failure->failures < 16;
    }
    for (size_t i = 0; i < cache->n; i++)
        if (streq(cache->entries[i].crl->url, url)) {
            cache->entries[i].times.attempt = now;
            cache->entries[i].times.failures += cache->entries[i].times.failures < 16;
        }
}

void crl_cache_answered(CrlCache *cache, const char *url, int64_t now)
{
    for (size_t i = 0; i < cache->n; i++) {
        CrlTimes *times = &cache->entries[i].times;

        if (!streq(cache->entries[i].crl->url, url) || crl_schedule_next(times) > now)
            continue;
        times->attempt = now;
        times->failures += times->failures < 16;
    }
}

/* Times in the future are from before the clock was set back. */
static bool is_paused(CrlFailure *failure, int64_t now)
{
    failure->at = failure->at > now ? now : failure->at;
    return now < failure->at + crl_schedule_pause(failure->failures);
}

int crl_cache_paused(CrlCache *cache, int64_t now, char ***ret)
{
    char **urls = calloc(CRL_FAILURES_MAX + 1, sizeof(char *));
    size_t n = 0;

    if (!urls)
        return -ENOMEM;
    for (size_t i = 0; i < cache->n_failures; i++) {
        if (!is_paused(&cache->failures[i], now))
            continue;
        urls[n] = strdup(cache->failures[i].url);
        if (!urls[n]) {
            while (n > 0)
                free(urls[--n]);
            free(urls);
            return -ENOMEM;
        }
        n++;
    }
    *ret = urls;
    return 0;
}

/* --- Refresh ---------------------------------------------------------------------------------- */

static bool is_refreshed(const CrlEntry *entry)
{
    const char *reason;

    return entry->wanted &&
           (crl_is_of_scep(entry->crl) || fetch_url_check_crl(entry->crl->url, &reason) >= 0);
}

int64_t crl_cache_next(CrlCache *cache, int64_t now)
{
    int64_t next = 0;

    for (size_t i = 0; i < cache->n; i++) {
        int64_t at;

        crl_schedule_settle(&cache->entries[i].times, now);
        at = crl_schedule_next(&cache->entries[i].times);
        if (is_refreshed(&cache->entries[i]) && (next == 0 || at < next))
            next = at;
    }
    return next;
}

int crl_cache_due(const CrlCache *cache, int64_t now, CrlList *ret)
{
    for (size_t i = 0; i < cache->n; i++) {
        const CrlEntry *entry = &cache->entries[i];

        if (!is_refreshed(entry) || crl_schedule_next(&entry->times) > now)
            continue;
        if (crl_list_append(ret, crl_ref(entry->crl)) < 0) {
            crl_free(entry->crl);
            return -ENOMEM;
        }
    }
    return 0;
}

/* --- Life ------------------------------------------------------------------------------------- */

static int take_stored(void *userdata, Crl *crl, int64_t fetched)
{
    CrlCache *cache = userdata;

    if (find_slot(cache, crl->slot) || cache->n == CRL_CACHE_ENTRIES_MAX ||
        cache->size + crl->der_size > CRL_CACHE_SIZE_MAX)
        return -EBADMSG;
    set(cache, &cache->entries[cache->n++], crl, fetched, true);
    return 0;
}

int crl_cache_new(int state_fd, void (*report)(const char *file, int error), CrlCache **ret)
{
    _cleanup_(crl_cache_freep) CrlCache *cache = calloc(1, sizeof *cache);
    int r;

    if (!cache)
        return -ENOMEM;
    cache->state_fd = state_fd;
    (void)pthread_mutex_init(&cache->writing, NULL);
    (void)pthread_mutex_init(&cache->lock, NULL);
    r = crl_store_read(state_fd, take_stored, report, cache);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(cache);
    return 0;
}

CrlCache *crl_cache_free(CrlCache *cache)
{
    if (cache) {
        for (CrlChange *change; (change = take_change(cache));)
            change_free(change);
        (void)pthread_mutex_destroy(&cache->writing);
        (void)pthread_mutex_destroy(&cache->lock);
        for (size_t i = 0; i < cache->n; i++)
            crl_free(cache->entries[i].crl);
        for (size_t i = 0; i < cache->n_failures; i++)
            free(cache->failures[i].url);
        free(cache);
    }
    return NULL;
}
