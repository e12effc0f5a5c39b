/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict-cache.h"

/* The key says which set a verdict belongs to: nothing is searched for beyond it. */
#define WAYS 4U
#define SETS (VERDICT_CACHE_MAX / WAYS)

struct VerdictCache {
    KeptVerdict *sets[SETS]; /* of WAYS; NULL as long as it has none */
    uint64_t uses;
};

VerdictCache *verdict_cache_new(void)
{
    return calloc(1, sizeof(VerdictCache));
}

static void forget(KeptVerdict *verdict)
{
    free(verdict->path);
    free(verdict->trustpoint);
    *verdict = (KeptVerdict){.used = 0};
}

void verdict_cache_clear(VerdictCache *cache)
{
    for (size_t i = 0; i < SETS; i++) {
        for (size_t k = 0; cache->sets[i] && k < WAYS; k++)
            forget(&cache->sets[i][k]);
        free(cache->sets[i]);
        cache->sets[i] = NULL;
    }
}

VerdictCache *verdict_cache_free(VerdictCache *cache)
{
    if (cache)
        verdict_cache_clear(cache);
    free(cache);
    return NULL;
}

static bool add(EVP_MD_CTX *context, const void *data, size_t size)
{
    const uint64_t length = size; /* one after the other they would not tell where they end */

    return EVP_DigestUpdate(context, &length, sizeof length) == 1 &&
           EVP_DigestUpdate(context, data ?: "", size) == 1;
}

int verdict_cache_key(const VerifyRequest *request, const char *revocation, const char *trustpoint,
                      uint8_t ret[VERDICT_KEY_SIZE])
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    const char *name = request->name ?: "";

    return context && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1 &&
                   add(context, request->purpose, strlen(request->purpose)) &&
                   add(context, name, strlen(name)) &&
                   add(context, revocation, strlen(revocation)) &&
                   add(context, trustpoint, trustpoint ? strlen(trustpoint) : 0) &&
                   add(context, &request->lenient, sizeof request->lenient) &&
                   add(context, request->staple.data, request->staple.size) &&
                   add(context, request->data, request->size) &&
                   EVP_DigestFinal_ex(context, ret, NULL) == 1
               ? 0
               : -ENOMEM;
}

static KeptVerdict **set_of(VerdictCache *cache, const uint8_t key[VERDICT_KEY_SIZE])
{
    uint32_t number;

    memcpy(&number, key, sizeof number);
    return &cache->sets[number % SETS];
}

const KeptVerdict *verdict_cache_get(VerdictCache *cache, const uint8_t key[VERDICT_KEY_SIZE],
                                     int64_t now)
{
    KeptVerdict *set = *set_of(cache, key);

    for (size_t i = 0; set && i < WAYS; i++) {
        if (set[i].used == 0 || memcmp(set[i].key, key, VERDICT_KEY_SIZE) != 0)
            continue;
        /* The clock may have been set back. */
        if (now < set[i].since || now >= set[i].until)
            return NULL;
        set[i].used = ++cache->uses;
        return &set[i];
    }
    return NULL;
}

static KeptVerdict *find_place(KeptVerdict *set, const uint8_t key[VERDICT_KEY_SIZE])
{
    KeptVerdict *place = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].used > 0 && memcmp(set[i].key, key, VERDICT_KEY_SIZE) == 0)
            return &set[i];
        if (set[i].used < place->used)
            place = &set[i];
    }
    return place;
}

int verdict_cache_put(VerdictCache *cache, const uint8_t key[VERDICT_KEY_SIZE], int64_t since,
                      int64_t until, const char *path, const char *trustpoint)
{
    KeptVerdict **set = set_of(cache, key), *place;
    _cleanup_free_ char *path_copy = strdup(path), *name = trustpoint ? strdup(trustpoint) : NULL;

    if (!path_copy || (trustpoint && !name))
        return -ENOMEM;
    if (!*set)
        *set = calloc(WAYS, sizeof **set);
    if (!*set)
        return -ENOMEM;
    place = find_place(*set, key);
    forget(place);
    *place = (KeptVerdict){.since = since,
                           .until = until,
                           .used = ++cache->uses,
                           .path = TAKE_PTR(path_copy),
                           .trustpoint = TAKE_PTR(name)};
    memcpy(place->key, key, VERDICT_KEY_SIZE);
    return 0;
}
