/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <strings.h>

#define PEM_LINE 64U

struct Pool {
    const AuthorityList *built_in;
    AuthorityList *downloaded;
    PoolState *built_in_states, *downloaded_states;
    size_t n_active;
    char *bundle;
    size_t bundle_size;
};

Pool *pool_free(Pool *pool)
{
    if (pool) {
        authority_list_free(pool->downloaded);
        free(pool->built_in_states);
        free(pool->downloaded_states);
        free(pool->bundle);
        free(pool);
    }
    return NULL;
}

/* --- Which are active ------------------------------------------------------------------------- */

static int compare_subjects(const void *a, const void *b)
{
    const Authority *const *x = a, *const *y = b;

    return (*x)->subject_hash < (*y)->subject_hash ? -1 : (*x)->subject_hash > (*y)->subject_hash;
}

/* sorted: by the hash of the subject. */
static bool is_superseded(const Authority *authority, Authority *const *sorted, size_t n)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sorted[middle]->subject_hash < authority->subject_hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n && sorted[low]->subject_hash == authority->subject_hash; low++)
        if (authority_same_subject(authority, sorted[low]))
            return true;
    return false;
}

/* A weak one that was downloaded takes no place away from a built-in one. */
static int set_states(Pool *pool, bool refuse_weak)
{
    _cleanup_free_ Authority **sorted = calloc(pool->downloaded->n + 1, sizeof *sorted);
    size_t n = 0;

    pool->built_in_states = calloc(pool->built_in->n + 1, sizeof *pool->built_in_states);
    pool->downloaded_states = calloc(pool->downloaded->n + 1, sizeof *pool->downloaded_states);
    if (!sorted || !pool->built_in_states || !pool->downloaded_states)
        return -ENOMEM;
    for (size_t i = 0; i < pool->downloaded->n; i++)
        if (refuse_weak && authority_is_weak(pool->downloaded->items[i]))
            pool->downloaded_states[i] = POOL_WEAK;
        else
            sorted[n++] = pool->downloaded->items[i];
    qsort(sorted, n, sizeof(Authority *), compare_subjects);
    for (size_t i = 0; i < pool->built_in->n; i++) {
        const Authority *authority = pool->built_in->items[i];

        if (refuse_weak && authority_is_weak(authority))
            pool->built_in_states[i] = POOL_WEAK;
        else if (is_superseded(authority, sorted, n))
            pool->built_in_states[i] = POOL_SUPERSEDED;
    }
    return 0;
}

int pool_each_active(const Pool *pool, pool_callback_t callback, void *userdata)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < pool->built_in->n; i++)
        if (pool->built_in_states[i] == POOL_ACTIVE)
            r = callback(pool->built_in->items[i], userdata);
    for (size_t i = 0; r >= 0 && i < pool->downloaded->n; i++)
        if (pool->downloaded_states[i] == POOL_ACTIVE)
            r = callback(pool->downloaded->items[i], userdata);
    return r < 0 ? r : 0;
}

/* --- The bundle ------------------------------------------------------------------------------- */

/* After a line that tells people which one it is. */
int authority_write_pem(FILE *f, const Authority *authority)
{
    _cleanup_free_ char *text = base64_encode(authority->der, authority->der_size);
    size_t length;

    if (!text)
        return -ENOMEM;
    length = strlen(text);
    (void)fprintf(f, "# %s\n-----BEGIN CERTIFICATE-----\n", authority->summary.subject);
    for (size_t i = 0; i < length; i += PEM_LINE)
        (void)fprintf(f, "%.*s\n", (int)PEM_LINE, text + i);
    (void)fputs("-----END CERTIFICATE-----\n", f);
    return 0;
}

typedef struct Filling {
    Pool *pool;
    FILE *f;
} Filling;

static int take_in(const Authority *authority, void *userdata)
{
    const Filling *filling = userdata;

    filling->pool->n_active++;
    return authority_write_pem(filling->f, authority);
}

static int pool_fill(Pool *pool)
{
    FILE *f = open_memstream(&pool->bundle, &pool->bundle_size);
    Filling filling = {pool, f};
    int r;

    if (!f)
        return -ENOMEM;
    r = pool_each_active(pool, take_in, &filling);
    return fclose(f) == EOF && r >= 0 ? -ENOMEM : r;
}

int pool_new(const AuthorityList *built_in, AuthorityList *downloaded, bool refuse_weak, Pool **ret)
{
    _cleanup_(pool_freep) Pool *pool = calloc(1, sizeof *pool);
    int r;

    if (!pool) {
        authority_list_free(downloaded);
        return -ENOMEM;
    }
    pool->built_in = built_in;
    pool->downloaded = downloaded;
    r = set_states(pool, refuse_weak);
    if (r < 0)
        return r;
    r = pool_fill(pool);
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
    return pool->n_active;
}

const AuthorityList *pool_get_downloaded(const Pool *pool)
{
    return pool->downloaded;
}

typedef struct Expiry {
    int64_t after, earliest;
    bool found;
} Expiry;

static int note_expiry(const Authority *authority, void *userdata)
{
    int64_t not_after = authority->summary.not_after;
    Expiry *expiry = userdata;

    if (not_after > expiry->after && (!expiry->found || not_after < expiry->earliest)) {
        expiry->earliest = not_after;
        expiry->found = true;
    }
    return 0;
}

int64_t pool_next_expiry(const Pool *pool, int64_t after)
{
    Expiry expiry = {.after = after};

    (void)pool_each_active(pool, note_expiry, &expiry);
    return expiry.earliest;
}

int64_t pool_earliest_expiry(const Pool *pool)
{
    return pool_next_expiry(pool, INT64_MIN);
}

const char *pool_bundle(const Pool *pool, size_t *ret_size)
{
    *ret_size = pool->bundle_size;
    return pool->bundle;
}

/* --- The list --------------------------------------------------------------------------------- */

static bool matches(const Authority *authority, const PoolFilter *filter)
{
    const CertificateSummary *s = &authority->summary;

    if (filter->subject && !strcasestr(s->subject, filter->subject))
        return false;
    if (!filter->fingerprint)
        return true;
    return strncasecmp(s->sha256_fingerprint, filter->fingerprint, strlen(filter->fingerprint)) ==
               0 ||
           strncasecmp(s->sha1_fingerprint, filter->fingerprint, strlen(filter->fingerprint)) == 0;
}

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
    json_write_string(w, "certificate", der);
    json_end_object(w);
}

void pool_write_list(const Pool *pool, const PoolFilter *filter, JsonWriter *w)
{
    json_begin_array(w, NULL);
    for (size_t i = 0; i < pool->built_in->n; i++)
        if (matches(pool->built_in->items[i], filter))
            write_authority(w, pool->built_in->items[i], "built-in", pool->built_in_states[i]);
    for (size_t i = 0; i < pool->downloaded->n; i++)
        if (matches(pool->downloaded->items[i], filter))
            write_authority(w, pool->downloaded->items[i], "downloaded",
                            pool->downloaded_states[i]);
    json_end_array(w);
}
