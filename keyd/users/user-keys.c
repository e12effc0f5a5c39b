/* SPDX-License-Identifier: Apache-2.0 */
#include "user-keys.h"

#include <openssl/crypto.h>

#include "atomic-file.h"
#include "json-util.h"

/* Base64 of the largest key, and the names around it. */
#define ENTRY_SIZE_MAX 2048U
#define FILE_SIZE_MAX (USER_KEYS_MAX * ENTRY_SIZE_MAX)

static UserKeys *list_new(size_t n)
{
    return calloc(1, sizeof(UserKeys) + n * sizeof(UserKeyEntry));
}

UserKeys *user_keys_free(UserKeys *u)
{
    if (!u)
        return NULL;
    for (size_t i = 0; i < u->n; i++)
        user_key_done(&u->entries[i].key);
    free(u);
    return NULL;
}

static int entry_copy(const UserKeyEntry *entry, UserKeys *to)
{
    UserKeyEntry *copy = &to->entries[to->n];

    *copy = *entry;
    copy->key.blob = OPENSSL_memdup(entry->key.blob, entry->key.blob_size);
    copy->key.public_key = OPENSSL_memdup(entry->key.public_key, entry->key.public_key_size);
    to->n++;
    return copy->key.blob && copy->key.public_key ? 0 : -ENOMEM;
}

static bool entry_is(const UserKeyEntry *entry, const char *user, unsigned slot)
{
    return (!user || streq(entry->user, user)) && (slot == 0 || entry->slot == slot);
}

const UserKeyEntry *user_keys_find(const UserKeys *u, const char *user, unsigned slot)
{
    for (size_t i = 0; i < u->n; i++)
        if (entry_is(&u->entries[i], user, slot))
            return &u->entries[i];
    return NULL;
}

int user_keys_without(const UserKeys *u, const char *user, unsigned slot, UserKeys **ret)
{
    _cleanup_(user_keys_freep) UserKeys *copy = list_new(u->n + 1); /* one more may be added */
    int r;

    if (!copy)
        return -ENOMEM;
    for (size_t i = 0; i < u->n; i++) {
        if (entry_is(&u->entries[i], user, slot))
            continue;
        r = entry_copy(&u->entries[i], copy);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(copy);
    return 0;
}

int user_keys_with(const UserKeys *u, UserKeyEntry *entry, UserKeys **ret)
{
    _cleanup_(user_keys_freep) UserKeys *copy = NULL;
    int r;

    r = user_keys_without(u, entry->user, entry->slot, &copy);
    if (r < 0)
        return r;
    if (copy->n >= USER_KEYS_MAX)
        return -EDQUOT;
    copy->entries[copy->n++] = *entry;
    entry->key = (UserKey){0};
    *ret = TAKE_PTR(copy);
    return 0;
}

/* --- The state -------------------------------------------------------------------------------- */

static int entry_read(json_object *o, UserKeys *to)
{
    static const char *const members[] = {"user", "slot", "imported", "key", NULL};
    UserKeyEntry *entry = &to->entries[to->n];
    const char *user, *key;
    uint64_t slot;

    if (!json_object_is_type(o, json_type_object) || json_only_members(o, members) < 0 ||
        json_get_string(o, "user", &user) < 0 || json_get_uint64(o, "slot", &slot) < 0 ||
        json_get_uint64(o, "imported", &entry->imported) < 0 ||
        json_get_string(o, "key", &key) < 0 || !user_key_name_is_valid(user) || slot < 1 ||
        slot > USER_KEY_SLOTS || user_keys_find(to, user, (unsigned)slot))
        return -EBADMSG;
    (void)snprintf(entry->user, sizeof entry->user, "%s", user); /* a valid name fits */
    entry->slot = (unsigned)slot;
    if (user_key_parse(key, strlen(key), &entry->key) < 0)
        return -EBADMSG;
    to->n++;
    return 0;
}

static int list_parse(json_object *document, UserKeys **ret)
{
    _cleanup_(user_keys_freep) UserKeys *u = NULL;
    json_object *array;
    size_t n;
    int r;

    if (!json_object_is_type(document, json_type_object) ||
        json_get_array(document, "user-keys", &array) < 0)
        return -EBADMSG;
    n = json_object_array_length(array);
    if (n > USER_KEYS_MAX)
        return -EBADMSG;
    u = list_new(n);
    if (!u)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        r = entry_read(json_object_array_get_idx(array, i), u);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(u);
    return 0;
}

UserKeys *user_keys_new_empty(void)
{
    return list_new(0);
}

int user_keys_load(int dirfd, UserKeys **ret)
{
    _cleanup_json_ json_object *document = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    r = read_state_at(dirfd, USER_KEYS_FILE, FILE_SIZE_MAX, &data, &size);
    if (r == -ENOENT) {
        *ret = list_new(0);
        return *ret ? 0 : -ENOMEM;
    }
    if (r < 0)
        return r;
    r = json_parse(data, size, &document);
    return r < 0 ? r : list_parse(document, ret);
}

static json_object *entry_write(const UserKeyEntry *entry)
{
    _cleanup_free_ char *key = base64_encode(entry->key.blob, entry->key.blob_size);
    json_object *o = key ? json_object_new_object() : NULL;

    if (!o)
        return NULL;
    json_object_object_add(o, "user", json_object_new_string(entry->user));
    json_object_object_add(o, "slot", json_object_new_int64(entry->slot));
    json_object_object_add(o, "imported", json_object_new_uint64(entry->imported));
    json_object_object_add(o, "key", json_object_new_string(key));
    return o;
}

int user_keys_save(int dirfd, const UserKeys *u)
{
    _cleanup_json_ json_object *document = json_object_new_object();
    json_object *array = json_object_new_array();
    const char *text;

    if (!document || !array) {
        json_object_put(array);
        return -ENOMEM;
    }
    json_object_object_add(document, "user-keys", array);
    for (size_t i = 0; i < u->n; i++) {
        json_object *o = entry_write(&u->entries[i]);

        if (!o || json_object_array_add(array, o) < 0)
            return -ENOMEM;
    }
    text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
    return text ? atomic_write_at(dirfd, USER_KEYS_FILE, text, strlen(text), 0600) : -ENOMEM;
}

/* --- For sshd --------------------------------------------------------------------------------- */

int user_keys_export(int dirfd, const UserKeys *u)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return -ENOMEM;
    for (size_t i = 0; i < u->n; i++) {
        const UserKeyEntry *entry = &u->entries[i];
        _cleanup_free_ char *key = base64_encode(entry->key.blob, entry->key.blob_size);

        if (key)
            fprintf(f, "%s ssh-rsa %s\n", entry->user, key);
    }
    if (fclose(f) != 0)
        return -ENOMEM;
    (void)remove_leftovers_at(dirfd); /* systemd keeps the folder across restarts */
    return atomic_write_at(dirfd, USER_KEYS_EXPORT, text, size, 0644);
}

int user_keys_put(int state_fd, int runtime_fd, const UserKeys *u, bool *ret_saved)
{
    int r = user_keys_save(state_fd, u);

    *ret_saved = r >= 0;
    if (r < 0)
        return r;
    if (runtime_fd < 0)
        return -ENXIO;
    r = user_keys_export(runtime_fd, u);
    if (r < 0)
        (void)atomic_unlink_at(runtime_fd, USER_KEYS_EXPORT);
    return r;
}
