/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "key-file.h"
#include "label.h"
#include "log.h"

typedef struct Claim {
    const KeyAlgorithm *algorithm;
    char label[LABEL_MAX + 1];
    struct Claim *next;
} Claim;

struct Store {
    int dirfd;
    Kek *kek;
    Key *keys[STORE_KEYS_MAX];
    size_t n_keys;
    Key *aside[STORE_ASIDE_MAX]; /* not current */
    size_t n_aside;
    Claim *claims;
    size_t n_claims;
};

/* --- Loading ---------------------------------------------------------------------------------- */

bool store_is_file_name(const char *name)
{
    return strlen(name) == LABEL_FILE_NAME_SIZE - 1 &&
           strspn(name, "0123456789abcdef") == LABEL_FILE_NAME_SIZE - 1;
}

/* A kind of its own for each slot, so that no file is overwritten by another slot's. */
static int file_name(const KeyAlgorithm *algorithm, const char *label, KeySlot slot,
                     char ret[LABEL_FILE_NAME_SIZE])
{
    static const char *const suffixes[] = {
        [KEY_CURRENT] = "", [KEY_NEXT] = ":next", [KEY_PREVIOUS] = ":previous"};
    char kind[64];

    (void)snprintf(kind, sizeof kind, "%s%s", algorithm->name, suffixes[slot]);
    return label_file_name(kind, label, ret);
}

static int load_file(Store *s, const char *name, Key **ret)
{
    _cleanup_free_ void *data = NULL;
    _cleanup_(key_unrefp) Key *key = NULL;
    char expected[LABEL_FILE_NAME_SIZE];
    size_t size;
    int r;

    r = read_file_at(s->dirfd, name, KEY_FILE_SIZE_MAX, &data, &size);
    if (r < 0)
        return r;
    r = s->kek ? key_file_open(s->kek, data, size, &key) : -ENOKEY;
    if (r < 0)
        return r;
    r = file_name(key->algorithm, key->label, key->slot, expected);
    if (r < 0)
        return r;
    /* A good file under the name of another. */
    if (!streq(expected, name))
        return -EKEYREJECTED;
    *ret = TAKE_PTR(key);
    return 0;
}

static const char *damage_to_string(int error)
{
    switch (-error) {
    case EBADMSG:
        return "is not a key file";
    case EKEYREJECTED:
        return "was changed, or renamed, since it was written";
    case EFBIG:
        return "is too large";
    case EBADF:
    case ELOOP:
        return "is not a regular file";
    default:
        return NULL;
    }
}

static void report_file(Store *s, const char *name, int error)
{
    static const LogEvent event = {LOG_STATE_CORRUPT}, unreadable = {LOG_STATE_UNREADABLE};
    const char *damage = damage_to_string(error);
    int r;

    if (error == -ENOKEY) {
        log_event(&event, LOG_FIELDS("FILE", name),
                  "The key file %s is sealed with another key-encryption key, ignoring; restore "
                  "that credential, or replace the key",
                  name);
        return;
    }
    if (!damage) {
        log_event(&unreadable, LOG_FIELDS("FILE", name),
                  "The key file %s cannot be read, and stays: %s; its key is not there until the "
                  "daemon starts again and can read it, the others are",
                  name, strerror(-error));
        return;
    }
    r = quarantine_at(s->dirfd, name);
    if (r < 0)
        log_error_errno(r, "Failed to move the key file %s aside, ignoring: %m", name);
    log_event(&event, LOG_FIELDS("FILE", name), "The key file %s %s, moved aside as %s.corrupt",
              name, damage, name);
}

/* What is left when a rotation, or its undoing, was killed after it had taken effect. */
static void drop_copies(Store *s)
{
    for (size_t i = 0; i < s->n_aside;) {
        Key *key = s->aside[i];
        const Key *current = store_find(s, key->algorithm->name, key->label);

        if (current && key_is_same_pair(current, key) && store_erase(s, key) >= 0) {
            s->aside[i] = s->aside[--s->n_aside];
            key_unref(key);
        } else
            i++;
    }
}

static int load_one(Store *s, const char *name)
{
    Key *key;
    int r = load_file(s, name, &key);

    if (r < 0)
        return r;
    if (key->slot == KEY_CURRENT ? s->n_keys >= STORE_KEYS_MAX : s->n_aside >= STORE_ASIDE_MAX) {
        log_error("More than %u keys, ignoring the key file %s", STORE_KEYS_MAX, name);
        key_unref(key);
    } else if (key->slot == KEY_CURRENT)
        s->keys[s->n_keys++] = key;
    else
        s->aside[s->n_aside++] = key;
    return 0;
}

static int store_load(Store *s)
{
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder_at(s->dirfd, ".", &dir);

    if (r < 0)
        return r;
    while (errno = 0, (entry = readdir(dir))) {
        if (!store_is_file_name(entry->d_name))
            continue;
        r = load_one(s, entry->d_name);
        if (r < 0 && (s->kek || r != -ENOKEY)) /* without any, it has been said already */
            report_file(s, entry->d_name, r);
    }
    r = -errno;
    drop_copies(s);
    return r;
}

int store_open(int dirfd, Kek *kek, Store **ret)
{
    _cleanup_(store_freep) Store *s = calloc(1, sizeof *s);
    int r;

    if (!s) {
        closep(&dirfd);
        kek_free(kek);
        return -ENOMEM;
    }
    s->dirfd = dirfd;
    s->kek = kek;
    r = remove_leftovers_at(s->dirfd);
    if (r < 0)
        log_warning_errno(r, "Failed to remove what a killed process left behind, ignoring: %m");
    r = store_load(s);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

Store *store_free(Store *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; i < s->n_keys; i++)
        key_unref(s->keys[i]);
    for (size_t i = 0; i < s->n_aside; i++)
        key_unref(s->aside[i]);
    while (s->claims) {
        Claim *next = s->claims->next;

        free(s->claims);
        s->claims = next;
    }
    kek_free(s->kek);
    closep(&s->dirfd);
    free(s);
    return NULL;
}

/* --- Access ----------------------------------------------------------------------------------- */

static Key **store_slot(Store *s, const char *algorithm, const char *label, KeySlot slot)
{
    Key **keys = slot == KEY_CURRENT ? s->keys : s->aside;
    size_t n = slot == KEY_CURRENT ? s->n_keys : s->n_aside;

    for (size_t i = 0; i < n; i++)
        if (keys[i]->slot == slot && key_is(keys[i], algorithm, label))
            return &keys[i];
    return NULL;
}

bool store_is_open(const Store *s)
{
    return s->kek;
}

Key *store_find_slot(Store *s, const char *algorithm, const char *label, KeySlot slot)
{
    Key **found = store_slot(s, algorithm, label, slot);

    return found ? *found : NULL;
}

Key *store_find(Store *s, const char *algorithm, const char *label)
{
    return store_find_slot(s, algorithm, label, KEY_CURRENT);
}

size_t store_count(Store *s)
{
    return s->n_keys;
}

Key *store_get(Store *s, size_t i)
{
    return s->keys[i];
}

static bool claim_is(const Claim *c, const KeyAlgorithm *algorithm, const char *label)
{
    return c->algorithm == algorithm && streq(c->label, label);
}

/* A file without a key was sealed by another KEK: worth a question as well before it is
 * overwritten. */
static bool name_is_taken(Store *s, const KeyAlgorithm *algorithm, const char *label)
{
    char name[LABEL_FILE_NAME_SIZE];

    if (store_find(s, algorithm->name, label))
        return true;
    return label_file_name(algorithm->name, label, name) >= 0 &&
           faccessat(s->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_claim(Store *s, const KeyAlgorithm *algorithm, const char *label, bool replace)
{
    Claim *c;

    if (!label_is_valid(label))
        return -EILSEQ;
    if (!s->kek)
        return -ENOKEY;
    for (c = s->claims; c; c = c->next)
        if (claim_is(c, algorithm, label))
            return -EBUSY;
    if (!replace && name_is_taken(s, algorithm, label))
        return -EEXIST;
    if (s->n_keys + s->n_claims >= STORE_KEYS_MAX && !store_find(s, algorithm->name, label))
        return -EDQUOT;
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->algorithm = algorithm;
    (void)snprintf(c->label, sizeof c->label, "%s", label); /* a valid label fits */
    c->next = s->claims;
    s->claims = c;
    s->n_claims++;
    return 0;
}

void store_unclaim(Store *s, const KeyAlgorithm *algorithm, const char *label)
{
    for (Claim **p = &s->claims; *p; p = &(*p)->next)
        if (claim_is(*p, algorithm, label)) {
            Claim *c = *p;

            *p = c->next;
            free(c);
            s->n_claims--;
            return;
        }
}

int store_write(Store *s, const Key *key)
{
    char name[LABEL_FILE_NAME_SIZE];
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    r = file_name(key->algorithm, key->label, key->slot, name);
    if (r < 0)
        return r;
    r = s->kek ? key_file_seal(s->kek, key, &data, &size) : -ENOKEY;
    if (r < 0)
        return r;
    return atomic_write_at(s->dirfd, name, data, size, 0600);
}

int store_publish(Store *s, Key *key)
{
    Key **slot = store_slot(s, key->algorithm->name, key->label, key->slot);

    if (slot) {
        Key *old = *slot;

        *slot = key_ref(key);
        key_unref(old);
        return 1;
    }
    if (key->slot == KEY_CURRENT ? s->n_keys >= STORE_KEYS_MAX : s->n_aside >= STORE_ASIDE_MAX)
        return -EDQUOT;
    if (key->slot == KEY_CURRENT)
        s->keys[s->n_keys++] = key_ref(key);
    else
        s->aside[s->n_aside++] = key_ref(key);
    return 0;
}

static int erase_slot(Store *s, const KeyAlgorithm *algorithm, const char *label, KeySlot slot)
{
    char name[LABEL_FILE_NAME_SIZE];
    int r = file_name(algorithm, label, slot, name);

    return r < 0 ? r : atomic_erase_at(s->dirfd, name);
}

int store_erase(Store *s, const Key *key)
{
    return erase_slot(s, key->algorithm, key->label, key->slot);
}

int store_erase_aside(Store *s, const KeyAlgorithm *algorithm, const char *label)
{
    static const KeySlot slots[] = {KEY_NEXT, KEY_PREVIOUS};

    for (size_t i = 0; i < ELEMENTSOF(slots); i++) {
        int r = erase_slot(s, algorithm, label, slots[i]);

        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

void store_forget_slot(Store *s, const KeyAlgorithm *algorithm, const char *label, KeySlot slot)
{
    Key **found = store_slot(s, algorithm->name, label, slot);

    if (!found)
        return;
    key_unref(*found);
    *found = slot == KEY_CURRENT ? s->keys[--s->n_keys] : s->aside[--s->n_aside];
}

void store_forget(Store *s, const KeyAlgorithm *algorithm, const char *label)
{
    store_forget_slot(s, algorithm, label, KEY_CURRENT);
    store_forget_slot(s, algorithm, label, KEY_NEXT);
    store_forget_slot(s, algorithm, label, KEY_PREVIOUS);
}
