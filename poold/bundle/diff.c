/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include "json-util.h"

typedef struct Diff {
    const AuthorityList *before;
    const AuthorityList *after;
    json_object *array;
    size_t n;
} Diff;

static int put_old(json_object *o, const Authority *authority, const Authority *old)
{
    bool same_key = memcmp(authority->key_digest, old->key_digest, sizeof old->key_digest) == 0;
    int r;

    r = json_add(o, "same-key", json_object_new_boolean(same_key));
    if (r >= 0)
        r = json_add(o, "was-not-after", json_object_new_int64(old->summary.not_after));
    return r < 0 ? r : json_add(o, "was-security-bits", json_object_new_int64(old->security_bits));
}

/* old: of a renewed one. */
static int note(Diff *diff, const char *change, const Authority *authority, const Authority *old)
{
    _cleanup_json_ json_object *o = NULL;
    int r;

    if (++diff->n > AUTHORITY_REPORTS_MAX)
        return 0;
    o = json_object_new_object();
    r = o ? json_add(o, "change", json_object_new_string(change)) : -ENOMEM;
    if (r >= 0)
        r = json_add(o, "subject", json_object_new_string(authority->summary.subject));
    if (r >= 0)
        r = json_add(o, "sha256-fingerprint",
                     json_object_new_string(authority->summary.sha256_fingerprint));
    if (r >= 0)
        r = json_add(o, "not-after", json_object_new_int64(authority->summary.not_after));
    if (r >= 0)
        r = json_add(o, "security-bits", json_object_new_int64(authority->security_bits));
    if (r >= 0 && old)
        r = put_old(o, authority, old);
    if (r >= 0 && json_object_array_add(diff->array, o) < 0)
        r = -ENOMEM;
    if (r >= 0)
        (void)TAKE_PTR(o);
    return r;
}

/* One of the list with this subject that the other list has not got. */
static const Authority *find_counterpart(const AuthorityList *list, const AuthorityList *other,
                                         const Authority *authority)
{
    const Authority *found;
    size_t at = 0;

    do
        found = authority_list_next_named(list, authority->subject, authority->subject_hash, &at);
    while (found && authority_list_find(other, found->digest));
    return found;
}

static int compare(Diff *diff)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < diff->after->n; i++) {
        const Authority *authority = diff->after->items[i], *old;

        if (authority_list_find(diff->before, authority->digest))
            continue;
        old = find_counterpart(diff->before, diff->after, authority);
        r = note(diff,
                 !old                                            ? "added"
                 : authority->security_bits < old->security_bits ? "weakened"
                                                                 : "renewed",
                 authority, old);
    }
    for (size_t i = 0; r >= 0 && i < diff->before->n; i++)
        if (!authority_list_find(diff->after, diff->before->items[i]->digest) &&
            !find_counterpart(diff->after, diff->before, diff->before->items[i]))
            r = note(diff, "removed", diff->before->items[i], NULL);
    return r;
}

int pool_diff(const AuthorityList *before, const AuthorityList *after, json_object *array,
              size_t *ret_n)
{
    Diff diff = {.before = before, .after = after, .array = array};
    int r = compare(&diff);

    if (r >= 0)
        *ret_n = diff.n;
    return r;
}
