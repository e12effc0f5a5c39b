/* SPDX-License-Identifier: Apache-2.0 */
#include "pool-search.h"

#include <ctype.h>
#include <strings.h>

#define PREFIX_DIGITS 16U

/* The beginning of one of the fingerprints of an item. */
typedef struct Entry {
    uint64_t prefix;
    uint32_t item;
} Entry;

struct PoolSearch {
    const AuthorityList *list; /* borrowed */
    Entry *entries;            /* two for each item, sorted */
    /* All subjects in lower case, each with a line feed behind it, which is in none of them. */
    char *subjects;
    size_t *starts; /* of each subject, and the end of the last */
};

PoolSearch *pool_search_free(PoolSearch *search)
{
    if (search) {
        free(search->entries);
        free(search->subjects);
        free(search->starts);
        free(search);
    }
    return NULL;
}

/* --- Making ----------------------------------------------------------------------------------- */

/* The first digits as a number, with `rest` for those that are not there. Returns how many of them
 * there were, or -EINVAL for what is not hex. */
static int read_prefix(const char *text, unsigned rest, uint64_t *ret)
{
    uint64_t value = 0;
    unsigned n = 0;

    for (; n < PREFIX_DIGITS && text[n]; n++) {
        int c = tolower((unsigned char)text[n]);

        if (!isxdigit(c))
            return -EINVAL;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    for (unsigned i = n; i < PREFIX_DIGITS; i++)
        value = value << 4 | rest;
    *ret = value;
    return (int)n;
}

static int compare_entries(const void *a, const void *b)
{
    const Entry *x = a, *y = b;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

static int index_fingerprints(PoolSearch *search)
{
    const AuthorityList *list = search->list;

    search->entries = calloc(2 * list->n + 1, sizeof *search->entries);
    if (!search->entries)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        const CertificateSummary *s = &list->items[i]->summary;
        Entry *e = &search->entries[2 * i];

        e[0].item = e[1].item = (uint32_t)i;
        if (read_prefix(s->sha256_fingerprint, 0, &e[0].prefix) < 0 ||
            read_prefix(s->sha1_fingerprint, 0, &e[1].prefix) < 0)
            return -EINVAL;
    }
    qsort(search->entries, 2 * list->n, sizeof *search->entries, compare_entries);
    return 0;
}

static int index_subjects(PoolSearch *search)
{
    const AuthorityList *list = search->list;
    size_t size = 0;

    search->starts = calloc(list->n + 1, sizeof *search->starts);
    if (!search->starts)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        search->starts[i] = size;
        size += strlen(list->items[i]->summary.subject) + 1;
    }
    search->starts[list->n] = size;
    search->subjects = malloc(size + 1);
    if (!search->subjects)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        const char *from = list->items[i]->summary.subject;
        char *to = search->subjects + search->starts[i];

        for (; *from; from++)
            *to++ = (char)tolower((unsigned char)*from);
        *to = '\n';
    }
    return 0;
}

int pool_search_new(const AuthorityList *list, PoolSearch **ret)
{
    _cleanup_(pool_search_freep) PoolSearch *search = calloc(1, sizeof *search);
    int r;

    if (!search)
        return -ENOMEM;
    search->list = list;
    r = index_fingerprints(search);
    if (r >= 0)
        r = index_subjects(search);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(search);
    return 0;
}

/* --- Searching -------------------------------------------------------------------------------- */

static size_t first_from(const PoolSearch *search, uint64_t prefix)
{
    size_t low = 0, high = 2 * search->list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (search->entries[middle].prefix < prefix)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static int compare_items(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

int pool_search_fingerprint(const PoolSearch *search, const char *prefix, pool_search_found_t found,
                            void *userdata)
{
    _cleanup_free_ uint32_t *items = NULL;
    uint64_t low, high;
    size_t first, n = 0;
    int r = 0;

    if (read_prefix(prefix, 0, &low) < 0 || read_prefix(prefix, 0xf, &high) < 0)
        return 0;
    first = first_from(search, low);
    while (first + n < 2 * search->list->n && search->entries[first + n].prefix <= high)
        n++;
    items = calloc(n + 1, sizeof *items);
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        items[i] = search->entries[first + i].item;
    qsort(items, n, sizeof *items, compare_items);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        const CertificateSummary *s = &search->list->items[items[i]]->summary;

        if ((i == 0 || items[i] != items[i - 1]) && (begins_with(s->sha256_fingerprint, prefix) ||
                                                     begins_with(s->sha1_fingerprint, prefix)))
            r = found(userdata, items[i]);
    }
    return r < 0 ? r : 0;
}

static size_t item_at(const PoolSearch *search, size_t place)
{
    size_t low = 0, high = search->list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (search->starts[middle + 1] <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int pool_search_subject(const PoolSearch *search, const char *part, pool_search_found_t found,
                        void *userdata)
{
    const size_t end = search->starts[search->list->n], length = strlen(part);
    _cleanup_free_ char *lower = strdup(part);
    size_t at = 0;
    int r = 0;

    if (!lower)
        return -ENOMEM;
    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (strchr(lower, '\n'))
        return 0;
    while (r >= 0 && at < end) {
        const char *place = memmem(search->subjects + at, end - at, lower, length);
        size_t item;

        if (!place)
            break;
        item = item_at(search, (size_t)(place - search->subjects));
        r = found(userdata, item);
        at = search->starts[item + 1];
    }
    return r < 0 ? r : 0;
}
