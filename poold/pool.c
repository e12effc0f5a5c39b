/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <strings.h>

#include "pool-search.h"

struct Pool {
    const AuthorityList *built_in;
    AuthorityList *downloaded;
    PoolSearch *built_in_search, *downloaded_search;
    unsigned references; /* atomic */
    PoolState *built_in_states, *downloaded_states;
    const AuthorityList *active;
};

Pool *pool_ref(Pool *pool)
{
    (void)__atomic_add_fetch(&pool->references, 1, __ATOMIC_RELAXED);
    return pool;
}

Pool *pool_free(Pool *pool)
{
    if (pool && __atomic_sub_fetch(&pool->references, 1, __ATOMIC_ACQ_REL) == 0) {
        pool_search_free(pool->built_in_search);
        pool_search_free(pool->downloaded_search);
        authority_list_free(pool->downloaded);
        free(pool->built_in_states);
        free(pool->downloaded_states);
        authority_list_unref(pool->active);
        free(pool);
    }
    return NULL;
}

/* --- Which are active ------------------------------------------------------------------------- */

/* Has one of the downloaded ones that count its subject? */
static bool is_superseded(const Pool *pool, const Authority *authority)
{
    size_t at = 0;

    while (authority_list_next_named(pool->downloaded, authority->subject, authority->subject_hash,
                                     &at))
        if (pool->downloaded_states[at - 1] == POOL_ACTIVE)
            return true;
    return false;
}

/* A weak one that was downloaded takes no place away from a built-in one. */
static int set_states(Pool *pool, bool refuse_weak)
{
    pool->built_in_states = calloc(pool->built_in->n + 1, sizeof *pool->built_in_states);
    pool->downloaded_states = calloc(pool->downloaded->n + 1, sizeof *pool->downloaded_states);
    if (!pool->built_in_states || !pool->downloaded_states)
        return -ENOMEM;
    for (size_t i = 0; i < pool->downloaded->n; i++)
        if (refuse_weak && authority_is_weak(pool->downloaded->items[i]))
            pool->downloaded_states[i] = POOL_WEAK;
    for (size_t i = 0; i < pool->built_in->n; i++) {
        const Authority *authority = pool->built_in->items[i];

        if (refuse_weak && authority_is_weak(authority))
            pool->built_in_states[i] = POOL_WEAK;
        else if (is_superseded(pool, authority))
            pool->built_in_states[i] = POOL_SUPERSEDED;
    }
    return 0;
}

static int add_active(AuthorityList *active, const AuthorityList *list, const PoolState *states)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < list->n; i++)
        if (states[i] == POOL_ACTIVE)
            r = authority_list_append(active, list->items[i]);
    return r;
}

static int set_active(Pool *pool)
{
    _cleanup_(authority_list_freep) AuthorityList *active = authority_list_new();
    int r = active ? add_active(active, pool->built_in, pool->built_in_states) : -ENOMEM;

    if (r >= 0)
        r = add_active(active, pool->downloaded, pool->downloaded_states);
    if (r < 0)
        return r;
    pool->active = TAKE_PTR(active);
    return 0;
}

int pool_new(const AuthorityList *built_in, AuthorityList *downloaded, bool refuse_weak, Pool **ret)
{
    _cleanup_(pool_freep) Pool *pool = calloc(1, sizeof *pool);
    int r;

    if (!pool) {
        authority_list_free(downloaded);
        return -ENOMEM;
    }
    pool->references = 1;
    pool->built_in = built_in;
    pool->downloaded = downloaded;
    r = set_states(pool, refuse_weak);
    if (r >= 0)
        r = set_active(pool);
    if (r >= 0)
        r = pool_search_new(built_in, &pool->built_in_search);
    if (r >= 0)
        r = pool_search_new(downloaded, &pool->downloaded_search);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(pool);
    return 0;
}

size_t pool_built_in(const Pool *pool)
{
    return pool->built_in->n;
}

size_t pool_downloaded(const Pool *pool)
{
    return pool->downloaded->n;
}

size_t pool_active(const Pool *pool)
{
    return pool->active->n;
}

const AuthorityList *pool_get_downloaded(const Pool *pool)
{
    return pool->downloaded;
}

const AuthorityList *pool_get_active(const Pool *pool)
{
    return pool->active;
}

int64_t pool_next_expiry(const Pool *pool, int64_t after)
{
    int64_t earliest = 0;
    bool found = false;

    for (size_t i = 0; i < pool->active->n; i++) {
        int64_t not_after = pool->active->items[i]->summary.not_after;

        if (not_after > after && (!found || not_after < earliest)) {
            earliest = not_after;
            found = true;
        }
    }
    return earliest;
}

/* --- The list --------------------------------------------------------------------------------- */

static void write_authority(JsonWriter *w, const Authority *authority, const char *source,
                            PoolState state)
{
    static const char *const words[] = {
        [POOL_ACTIVE] = "active", [POOL_SUPERSEDED] = "superseded", [POOL_WEAK] = "weak"};
    const CertificateSummary *s = &authority->summary;
    _cleanup_free_ char *der = base64_encode(authority->der, authority->der_size);

    json_begin_object(w, NULL);
    json_write_string(w, "source", source);
    json_write_bool(w, "active", state == POOL_ACTIVE);
    json_write_string(w, "state", words[state]);
    json_write_string(w, "serial-number", s->serial_number);
    json_write_string(w, "subject", s->subject);
    json_write_string(w, "issuer", s->issuer);
    json_write_int64(w, "not-before", s->not_before);
    json_write_int64(w, "not-after", s->not_after);
    json_write_string(w, "sha1-fingerprint", s->sha1_fingerprint);
    json_write_string(w, "sha256-fingerprint", s->sha256_fingerprint);
    json_write_uint64(w, "security-bits", authority->security_bits);
    if (authority->distrust_after != 0)
        json_write_int64(w, "distrust-after", authority->distrust_after);
    json_write_string(w, "certificate", der);
    json_end_object(w);
}

typedef struct Part {
    JsonWriter *w;
    const AuthorityList *list;
    const PoolState *states;
    const char *source, *subject; /* NULL: any */
} Part;

static int write_found(void *userdata, size_t item)
{
    const Part *part = userdata;
    const Authority *authority = part->list->items[item];

    if (!part->subject || strcasestr(authority->summary.subject, part->subject))
        write_authority(part->w, authority, part->source, part->states[item]);
    return 0;
}

static int write_part(Part *part, const PoolSearch *search, const PoolFilter *filter)
{
    part->subject = filter->subject;
    if (filter->fingerprint)
        return pool_search_fingerprint(search, filter->fingerprint, write_found, part);
    if (filter->subject)
        return pool_search_subject(search, filter->subject, write_found, part);
    for (size_t i = 0; i < part->list->n; i++)
        (void)write_found(part, i);
    return 0;
}

int pool_write_list(const Pool *pool, const PoolFilter *filter, JsonWriter *w)
{
    Part built_in = {w, pool->built_in, pool->built_in_states, "built-in", NULL},
         downloaded = {w, pool->downloaded, pool->downloaded_states, "downloaded", NULL};
    int r;

    json_begin_array(w, NULL);
    r = write_part(&built_in, pool->built_in_search, filter);
    if (r >= 0)
        r = write_part(&downloaded, pool->downloaded_search, filter);
    json_end_array(w);
    return r;
}
