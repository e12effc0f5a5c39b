/* SPDX-License-Identifier: Apache-2.0 */
#include "authority.h"

const char *authority_rejection_to_string(AuthorityRejection rejection)
{
    switch (rejection) {
    case AUTHORITY_MALFORMED:
        return "malformed";
    case AUTHORITY_NOT_CA:
        return "without CA rights";
    case AUTHORITY_EXPIRED:
        return "expired";
    case AUTHORITY_DUPLICATE:
        return "twice in it";
    case _AUTHORITY_REJECTION_MAX:
        break;
    }
    return "rejected";
}

Authority *authority_free(Authority *authority)
{
    if (authority) {
        certificate_summary_done(&authority->summary);
        free(authority->der);
        X509_NAME_free(authority->subject);
        free(authority);
    }
    return NULL;
}

static bool is_ca(X509 *certificate, bool allow_v1)
{
    /* The values that X509_check_ca() documents: 1 is basicConstraints with CA:TRUE, 3 a self-signed version 1 certificate. The others are
     * guesses from keyUsage or from an extension of the nineties. */
    switch (X509_check_ca(certificate)) {
    case 1:
        return !(X509_get_extension_flags(certificate) & EXFLAG_INVALID);
    case 3:
        return allow_v1;
    default:
        return false;
    }
}

static int authority_fill(Authority *authority, X509 *certificate)
{
    int ok = 1;

    authority->subject = X509_NAME_dup(X509_get_subject_name(certificate));
    if (!authority->subject)
        return -ENOMEM;
    authority->subject_hash = X509_NAME_hash_ex(authority->subject, NULL, NULL, &ok);
    return ok ? certificate_summarize(certificate, &authority->summary) : -ENOMEM;
}

int authority_new(const void *der, size_t size, const AuthorityRules *rules, Authority **ret,
                  AuthorityRejection *ret_rejection)
{
    _cleanup_(authority_freep) Authority *authority = NULL;
    _cleanup_(X509_freep) X509 *certificate = NULL;
    int r;

    r = certificate_parse(der, size, &certificate);
    if (r == -ENOMEM)
        return r;
    *ret_rejection = AUTHORITY_MALFORMED;
    if (r < 0)
        return 0;
    authority = calloc(1, sizeof *authority);
    if (!authority)
        return -ENOMEM;
    authority->der = malloc(size);
    if (!authority->der)
        return -ENOMEM;
    memcpy(authority->der, der, size);
    authority->der_size = size;
    r = authority_fill(authority, certificate);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    *ret_rejection = AUTHORITY_NOT_CA;
    if (!is_ca(certificate, rules->allow_v1))
        return 0;
    *ret_rejection = AUTHORITY_EXPIRED;
    if (!rules->allow_expired && authority->summary.not_after < rules->now)
        return 0;
    *ret = TAKE_PTR(authority);
    return 1;
}

bool authority_same_subject(const Authority *a, const Authority *b)
{
    return a->subject_hash == b->subject_hash && X509_NAME_cmp(a->subject, b->subject) == 0;
}

AuthorityList *authority_list_new(void)
{
    return calloc(1, sizeof(AuthorityList));
}

AuthorityList *authority_list_free(AuthorityList *list)
{
    if (list) {
        for (size_t i = 0; i < list->n; i++)
            authority_free(list->items[i]);
        free(list->items);
        free(list);
    }
    return NULL;
}

static bool list_has(const AuthorityList *list, const void *der, size_t size)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->der_size == size && memcmp(list->items[i]->der, der, size) == 0)
            return true;
    return false;
}

static int list_append(AuthorityList *list, Authority **authority)
{
    Authority **grown = reallocarray(list->items, list->n + 1, sizeof *grown);

    if (!grown)
        return -ENOMEM;
    list->items = grown;
    list->items[list->n++] = TAKE_PTR(*authority);
    return 0;
}

int authority_list_take(AuthorityList *list, AuthorityList *from)
{
    size_t kept = 0;
    int r = 0;

    for (size_t i = 0; i < from->n; i++) {
        Authority *authority = from->items[i];

        if (r >= 0 && !list_has(list, authority->der, authority->der_size))
            r = list_append(list, &authority);
        if (authority)
            from->items[kept++] = authority;
    }
    from->n = kept;
    return r;
}

int authority_list_add(AuthorityList *list, const void *der, size_t size, const AuthorityRules *rules)
{
    _cleanup_(authority_freep) Authority *authority = NULL;
    AuthorityRejection rejection;
    int r;

    /* Before it is parsed, which costs a hundred times as much. */
    if (list_has(list, der, size)) {
        list->rejected[AUTHORITY_DUPLICATE]++;
        return 0;
    }
    r = authority_new(der, size, rules, &authority, &rejection);
    if (r < 0)
        return r;
    if (r == 0) {
        list->rejected[rejection]++;
        return 0;
    }
    return list_append(list, &authority);
}

size_t authority_list_rejected(const AuthorityList *list)
{
    size_t sum = 0;

    for (size_t i = 0; i < _AUTHORITY_REJECTION_MAX; i++)
        sum += list->rejected[i];
    return sum;
}

char *authority_list_describe_rejected(const AuthorityList *list)
{
    char *text = strdup("");

    for (int i = 0; text && i < _AUTHORITY_REJECTION_MAX; i++) {
        _cleanup_free_ char *before = text;

        if (list->rejected[i] == 0) {
            (void)TAKE_PTR(before);
            continue;
        }
        if (asprintf(&text, "%s%s%zu %s", before, *before ? ", " : "", list->rejected[i],
                     authority_rejection_to_string((AuthorityRejection)i)) < 0)
            text = NULL;
    }
    return text;
}
