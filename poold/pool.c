/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#define PEM_LINE 64U

struct Pool {
    const AuthorityList *built_in;
    AuthorityList *downloaded;
    bool *built_in_active;
    size_t n_active;
    int64_t earliest_expiry;
    char *bundle;
    size_t bundle_size;
};

Pool *pool_free(Pool *pool)
{
    if (pool) {
        authority_list_free(pool->downloaded);
        free(pool->built_in_active);
        free(pool->bundle);
        free(pool);
    }
    return NULL;
}

static bool is_superseded(const Authority *authority, const AuthorityList *downloaded)
{
    for (size_t i = 0; i < downloaded->n; i++)
        if (authority_same_subject(authority, downloaded->items[i]))
            return true;
    return false;
}

static bool is_active(const Pool *pool, const AuthorityList *list, size_t i)
{
    return list == pool->downloaded || pool->built_in_active[i];
}

/* One certificate in PEM, after a line that tells people which one it is. */
static int write_pem(FILE *f, const Authority *authority)
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

static int take_in(Pool *pool, const AuthorityList *list, FILE *f)
{
    for (size_t i = 0; i < list->n; i++) {
        int64_t not_after = list->items[i]->summary.not_after;
        int r;

        if (!is_active(pool, list, i))
            continue;
        if (pool->n_active == 0 || not_after < pool->earliest_expiry)
            pool->earliest_expiry = not_after;
        pool->n_active++;
        r = write_pem(f, list->items[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int pool_fill(Pool *pool)
{
    FILE *f = open_memstream(&pool->bundle, &pool->bundle_size);
    int r;

    if (!f)
        return -ENOMEM;
    r = take_in(pool, pool->built_in, f);
    if (r >= 0)
        r = take_in(pool, pool->downloaded, f);
    return fclose(f) == EOF && r >= 0 ? -ENOMEM : r;
}

int pool_new(const AuthorityList *built_in, AuthorityList *downloaded, Pool **ret)
{
    _cleanup_(pool_freep) Pool *pool = calloc(1, sizeof *pool);
    int r;

    if (!pool) {
        authority_list_free(downloaded);
        return -ENOMEM;
    }
    pool->built_in = built_in;
    pool->downloaded = downloaded;
    pool->built_in_active = calloc(built_in->n + 1, sizeof *pool->built_in_active);
    if (!pool->built_in_active)
        return -ENOMEM;
    for (size_t i = 0; i < built_in->n; i++)
        pool->built_in_active[i] = !is_superseded(built_in->items[i], downloaded);
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

int64_t pool_earliest_expiry(const Pool *pool)
{
    return pool->earliest_expiry;
}

const char *pool_bundle(const Pool *pool, size_t *ret_size)
{
    *ret_size = pool->bundle_size;
    return pool->bundle;
}

static void write_authority(JsonWriter *w, const Authority *authority, const char *source, bool active)
{
    const CertificateSummary *s = &authority->summary;
    _cleanup_free_ char *der = base64_encode(authority->der, authority->der_size);

    json_begin_object(w, NULL);
    json_write_string(w, "source", source);
    json_write_bool(w, "active", active);
    json_write_string(w, "serial-number", s->serial_number);
    json_write_string(w, "subject", s->subject);
    json_write_string(w, "issuer", s->issuer);
    json_write_int64(w, "not-before", s->not_before);
    json_write_int64(w, "not-after", s->not_after);
    json_write_string(w, "sha1-fingerprint", s->sha1_fingerprint);
    json_write_string(w, "sha256-fingerprint", s->sha256_fingerprint);
    json_write_string(w, "certificate", der);
    json_end_object(w);
}

void pool_write_list(const Pool *pool, JsonWriter *w)
{
    json_begin_array(w, NULL);
    for (size_t i = 0; i < pool->built_in->n; i++)
        write_authority(w, pool->built_in->items[i], "built-in", is_active(pool, pool->built_in, i));
    for (size_t i = 0; i < pool->downloaded->n; i++)
        write_authority(w, pool->downloaded->items[i], "downloaded", true);
    json_end_array(w);
}
