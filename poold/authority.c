/* SPDX-License-Identifier: Apache-2.0 */
#include "authority.h"

#define WEAK_RSA_BITS 1024U

const char *authority_rejection_to_string(AuthorityRejection rejection)
{
    switch (rejection) {
    case AUTHORITY_MALFORMED:
        return "malformed";
    case AUTHORITY_NOT_CA:
        return "without CA rights";
    case AUTHORITY_EXPIRED:
        return "expired";
    case AUTHORITY_WEAK:
        return "with an RSA key of 1024 bits or less";
    case AUTHORITY_DUPLICATE:
        return "twice in it";
    case _AUTHORITY_REJECTION_MAX:
        break;
    }
    return "rejected";
}

const char *authority_rejection_to_word(AuthorityRejection rejection)
{
    static const char *const words[_AUTHORITY_REJECTION_MAX] = {
        [AUTHORITY_MALFORMED] = "malformed", [AUTHORITY_NOT_CA] = "not-a-ca",
        [AUTHORITY_EXPIRED] = "expired",     [AUTHORITY_WEAK] = "weak",
        [AUTHORITY_DUPLICATE] = "duplicate",
    };

    return words[rejection];
}

/* --- One -------------------------------------------------------------------------------------- */

Authority *authority_ref(Authority *authority)
{
    (void)__atomic_add_fetch(&authority->references, 1, __ATOMIC_RELAXED);
    return authority;
}

Authority *authority_free(Authority *authority)
{
    if (authority && __atomic_sub_fetch(&authority->references, 1, __ATOMIC_ACQ_REL) == 0) {
        certificate_summary_done(&authority->summary);
        free(authority->der);
        X509_free(authority->certificate);
        X509_NAME_free(authority->subject);
        free(authority);
    }
    return NULL;
}

static int digest_of(const void *data, size_t size, uint8_t ret[AUTHORITY_DIGEST_SIZE])
{
    return EVP_Digest(data, size, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static int read_key(Authority *authority, X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    _cleanup_openssl_free_ unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der), bits;

    if (size <= 0)
        return -ENOMEM;
    if (key && EVP_PKEY_is_a(key, "RSA"))
        authority->rsa_bits = (unsigned)EVP_PKEY_get_bits(key);
    bits = key ? EVP_PKEY_get_security_bits(key) : 0;
    authority->security_bits = bits > 0 ? (unsigned)bits : 0;
    return digest_of(der, (size_t)size, authority->key_digest);
}

/* The values that X509_check_ca() documents: 1 is basicConstraints with CA:TRUE, 3 a self-signed
 * version 1 certificate. The others are guesses from keyUsage or from an extension of the nineties.
 */
static void read_rights(Authority *authority, X509 *certificate)
{
    int kind = X509_check_ca(certificate);

    authority->is_ca = kind == 1 && !(X509_get_extension_flags(certificate) & EXFLAG_INVALID);
    authority->is_v1_root = kind == 3;
}

int authority_hash_name(const X509_NAME *name, unsigned long *ret)
{
    int ok = 1;

    *ret = X509_NAME_hash_ex(name, NULL, NULL, &ok);
    return ok ? 0 : -ENOMEM;
}

static int authority_fill(Authority *authority, X509 *certificate)
{
    int r;

    authority->subject = X509_NAME_dup(X509_get_subject_name(certificate));
    if (!authority->subject)
        return -ENOMEM;
    r = authority_hash_name(authority->subject, &authority->subject_hash);
    if (r < 0)
        return r;
    read_rights(authority, certificate);
    r = read_key(authority, certificate);
    return r < 0 ? r : certificate_summarize(certificate, &authority->summary);
}

static int new_of(X509 *certificate, const void *der, size_t size, Authority **ret)
{
    _cleanup_(authority_freep) Authority *authority = calloc(1, sizeof *authority);
    int r;

    if (!authority)
        return -ENOMEM;
    authority->references = 1;
    authority->der = malloc(size);
    if (!authority->der)
        return -ENOMEM;
    memcpy(authority->der, der, size);
    authority->der_size = size;
    r = digest_of(der, size, authority->digest);
    if (r >= 0)
        r = authority_fill(authority, certificate);
    ERR_clear_error();
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    *ret = TAKE_PTR(authority);
    return 0;
}

int authority_new(const void *der, size_t size, Authority **ret)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    int r = certificate_parse(der, size, &certificate);

    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    return new_of(certificate, der, size, ret);
}

int authority_parse(const Authority *authority, X509 **ret)
{
    if (!authority->certificate)
        return certificate_parse(authority->der, authority->der_size, ret);
    if (X509_up_ref(authority->certificate) != 1)
        return -ENOMEM;
    *ret = authority->certificate;
    return 0;
}

bool authority_same_subject(const Authority *a, const Authority *b)
{
    return a->subject_hash == b->subject_hash && X509_NAME_cmp(a->subject, b->subject) == 0;
}

bool authority_is_weak(const Authority *authority)
{
    return authority->rsa_bits > 0 && authority->rsa_bits <= WEAK_RSA_BITS;
}

/* Returns _AUTHORITY_REJECTION_MAX for what may be taken. */
static AuthorityRejection judge(const Authority *authority, const AuthorityRules *rules)
{
    if (!authority->is_ca && !(authority->is_v1_root && rules->allow_v1))
        return AUTHORITY_NOT_CA;
    if (!rules->allow_expired && authority->summary.not_after < rules->now)
        return AUTHORITY_EXPIRED;
    if (rules->refuse_weak && authority_is_weak(authority))
        return AUTHORITY_WEAK;
    return _AUTHORITY_REJECTION_MAX;
}

/* --- Many ------------------------------------------------------------------------------------- */

AuthorityList *authority_list_new(void)
{
    AuthorityList *list = calloc(1, sizeof *list);

    if (list)
        list->references = 1;
    return list;
}

/* Constant but for the number of its references. */
static AuthorityList *mutable(const AuthorityList *list)
{
    AuthorityList *one;

    memcpy(&one, &list, sizeof one);
    return one;
}

const AuthorityList *authority_list_ref(const AuthorityList *list)
{
    (void)__atomic_add_fetch(&mutable(list)->references, 1, __ATOMIC_RELAXED);
    return list;
}

const AuthorityList *authority_list_unref(const AuthorityList *list)
{
    return authority_list_free(mutable(list));
}

AuthorityList *authority_list_free(AuthorityList *list)
{
    if (list && __atomic_sub_fetch(&list->references, 1, __ATOMIC_ACQ_REL) == 0) {
        for (size_t i = 0; i < list->n; i++)
            authority_free(list->items[i]);
        for (size_t i = 0; i < list->n_reports; i++)
            authority_free(list->reports[i].authority);
        free(list->items);
        free(list->slots);
        free(list->subject_heads);
        free(list->subject_next);
        free(list->reports);
        free(list);
    }
    return NULL;
}

/* The slot that holds the digest, or the free one where it would be. The digest is somebody's
 * certificate's: making many that fall together costs that somebody as many SHA-256 as finding them
 * costs us comparisons. */
static size_t find_slot(const AuthorityList *list, const uint8_t *digest)
{
    size_t i;

    memcpy(&i, digest, sizeof i);
    for (i %= list->n_slots; list->slots[i] != 0; i = (i + 1) % list->n_slots)
        if (memcmp(list->items[list->slots[i] - 1]->digest, digest, AUTHORITY_DIGEST_SIZE) == 0)
            break;
    return i;
}

Authority *authority_list_find(const AuthorityList *list,
                               const uint8_t digest[AUTHORITY_DIGEST_SIZE])
{
    uint32_t item = list->n_slots > 0 ? list->slots[find_slot(list, digest)] : 0;

    return item > 0 ? list->items[item - 1] : NULL;
}

const Authority *authority_list_next_named(const AuthorityList *list, const X509_NAME *name,
                                           unsigned long hash, size_t *at)
{
    uint32_t item;

    if (list->n_slots == 0)
        return NULL;
    item = *at > 0 ? list->subject_next[*at - 1] : list->subject_heads[hash % list->n_slots];
    for (; item > 0; item = list->subject_next[item - 1]) {
        const Authority *authority = list->items[item - 1];

        *at = item;
        if (authority->subject_hash == hash && X509_NAME_cmp(authority->subject, name) == 0)
            return authority;
    }
    return NULL;
}

static void list_index(AuthorityList *list, size_t i)
{
    const Authority *authority = list->items[i];
    uint32_t *head = &list->subject_heads[authority->subject_hash % list->n_slots];

    list->slots[find_slot(list, authority->digest)] = (uint32_t)i + 1;
    list->subject_next[i] = *head;
    *head = (uint32_t)i + 1;
}

/* At least half of the slots are free afterwards, also with one item more. */
static int list_grow(AuthorityList *list)
{
    size_t n = list->n_allocated > 0 ? list->n_allocated * 2 : 64;
    _cleanup_free_ uint32_t *slots = NULL, *heads = NULL, *next = NULL;
    Authority **items;

    if (list->n < list->n_allocated)
        return 0;
    items = reallocarray(list->items, n, sizeof *items);
    if (!items)
        return -ENOMEM;
    list->items = items;
    slots = calloc(2 * n, sizeof *slots);
    heads = calloc(2 * n, sizeof *heads);
    next = calloc(n, sizeof *next);
    if (!slots || !heads || !next)
        return -ENOMEM;
    free(list->slots);
    free(list->subject_heads);
    free(list->subject_next);
    list->slots = TAKE_PTR(slots);
    list->subject_heads = TAKE_PTR(heads);
    list->subject_next = TAKE_PTR(next);
    list->n_slots = 2 * n;
    list->n_allocated = n;
    for (size_t i = 0; i < list->n; i++)
        list_index(list, i);
    return 0;
}

/* Takes a reference of its own; the item must not be there yet. */
static int list_append(AuthorityList *list, Authority *authority)
{
    int r = list_grow(list);

    if (r < 0)
        return r;
    list->items[list->n] = authority_ref(authority);
    list_index(list, list->n++);
    return 0;
}

int authority_list_append(AuthorityList *list, const Authority *authority)
{
    Authority *one;

    memcpy(&one, &authority, sizeof one); /* constant but for the number of its references */
    return authority_list_find(list, authority->digest) ? 0 : list_append(list, one);
}

int authority_list_join(AuthorityList *list, const AuthorityList *other)
{
    for (size_t i = 0; i < other->n; i++) {
        int r = authority_list_append(list, other->items[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

static int reject(AuthorityList *list, AuthorityRejection reason, Authority *authority)
{
    AuthorityReport *grown;

    list->rejected[reason]++;
    if (list->n_reports >= AUTHORITY_REPORTS_MAX)
        return 0;
    grown = reallocarray(list->reports, list->n_reports + 1, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    list->reports = grown;
    grown[list->n_reports++] =
        (AuthorityReport){reason, list->seen, authority ? authority_ref(authority) : NULL};
    return 0;
}

int authority_list_add_malformed(AuthorityList *list)
{
    list->seen++;
    return reject(list, AUTHORITY_MALFORMED, NULL);
}

int authority_list_add(AuthorityList *list, const void *der, size_t size,
                       const AuthorityRules *rules)
{
    _cleanup_(authority_freep) Authority *authority = NULL;
    uint8_t digest[AUTHORITY_DIGEST_SIZE];
    AuthorityRejection rejection;
    Authority *found;
    int r;

    list->seen++;
    r = digest_of(der, size, digest);
    if (r < 0)
        return r;
    /* Before it is parsed, which costs a hundred times as much. */
    found = authority_list_find(list, digest);
    if (found)
        return reject(list, AUTHORITY_DUPLICATE, found);
    found = rules->known ? authority_list_find(rules->known, digest) : NULL;
    if (found)
        authority = authority_ref(found);
    else
        r = authority_new(der, size, &authority);
    if (r == -EBADMSG)
        return reject(list, AUTHORITY_MALFORMED, NULL);
    if (r < 0)
        return r;
    rejection = judge(authority, rules);
    return rejection == _AUTHORITY_REJECTION_MAX ? list_append(list, authority)
                                                 : reject(list, rejection, authority);
}

int authority_list_add_parsed(AuthorityList *list, X509 *certificate, const AuthorityRules *rules)
{
    _cleanup_(authority_freep) Authority *authority = NULL;
    _cleanup_free_ void *der = NULL;
    AuthorityRejection rejection;
    const Authority *found;
    size_t size;
    int r = certificate_encode(certificate, &der, &size);

    list->seen++;
    if (r >= 0)
        r = new_of(certificate, der, size, &authority);
    if (r < 0)
        return r == -EBADMSG ? reject(list, AUTHORITY_MALFORMED, NULL) : r;
    if (X509_up_ref(certificate) != 1)
        return -ENOMEM;
    authority->certificate = certificate;
    found = authority_list_find(list, authority->digest);
    rejection = found ? AUTHORITY_DUPLICATE : judge(authority, rules);
    return rejection == _AUTHORITY_REJECTION_MAX ? list_append(list, authority)
                                                 : reject(list, rejection, authority);
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
