/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at, and a failure of, each system call by which keys are generated, replaced, zeroized,
 * imported and sealed anew: the old or the new state, whole, and nothing beside it. */
#include "scratch-folder.h"

#include "atomic-file.h"
#include "interruptions.h"
#include "key-file.h"
#include "rekey.h"
#include "rotation.h"
#include "secure-memory.h"
#include "store.h"
#include "user-keys.h"

#define LABEL "one"
#define TIME_OLD 1700000000000001
#define TIME_NEW 1700000000000002

static const uint8_t kek_bytes[KEK_SIZE] = "this is a key for unit tests...",
                     next_kek_bytes[KEK_SIZE] = {7};

/* --- What the steps are made of; they run in processes of their own --------------------------- */

static void folder_clear(const Folder *f)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    struct dirent *entry;

    while ((entry = readdir(dir)))
        (void)unlinkat(f->fd, entry->d_name, 0);
}

static Store *store_at(const Folder *f, const uint8_t bytes[KEK_SIZE])
{
    Store *s = NULL;
    Kek *kek;

    return kek_new(bytes, &kek) < 0 || store_open(dup(f->fd), kek, &s) < 0 ? NULL : s;
}

static int pair_new(const char *name, const char *label, const char *usage, uint64_t created,
                    Key **ret)
{
    const KeyAlgorithm *algorithm = key_algorithm_find(name);
    EVP_PKEY *pkey;
    int r = key_generate(algorithm, 512, NULL, NULL, &pkey);

    return r < 0 ? r : key_new(algorithm, label, usage, created, pkey, ret);
}

/* As the daemon does it. */
static int make_key(Store *s, const char *algorithm, const char *label, uint64_t created)
{
    _cleanup_(key_unrefp) Key *key = NULL;
    int r;

    r = store_claim(s, key_algorithm_find(algorithm), label, true);
    if (r >= 0)
        r = pair_new(algorithm, label, KEY_USAGE_GENERAL, created, &key);
    if (r >= 0)
        r = store_write(s, key);
    return r < 0 ? r : store_publish(s, key);
}

static int make_usage_keys(Store *s, const char *label, uint64_t created)
{
    _cleanup_(key_unrefp) Key *key = NULL;
    Key *encryption = NULL;
    int r;

    r = pair_new("rsa", label, KEY_USAGE_SIGNATURE, created, &key);
    if (r >= 0)
        r = pair_new("rsa", label, KEY_USAGE_ENCRYPTION, created, &encryption);
    if (r >= 0)
        r = key_join(key, encryption);
    return r < 0 ? r : store_write(s, key);
}

/* --- Keys ------------------------------------------------------------------------------------- */

static Store *begun;

static int begin(void *userdata)
{
    int r = secure_memory_init();

    begun = r < 0 ? NULL : store_at(userdata, kek_bytes);
    return r < 0 ? r : begun ? 0 : -EIO;
}

/* A bystander, to whom nothing may happen. */
static int prepare_none(void *userdata)
{
    int r;

    folder_clear(userdata);
    r = begin(userdata);
    return r < 0 ? r : make_key(begun, "ecdsanistp256", LABEL, TIME_OLD);
}

static int prepare_one(void *userdata)
{
    int r = prepare_none(userdata);

    return r < 0 ? r : make_key(begun, "ed25519", LABEL, TIME_OLD);
}

static int prepare_usage_keys(void *userdata)
{
    int r = prepare_none(userdata);

    return r < 0 ? r : make_usage_keys(begun, LABEL, TIME_OLD);
}

static int generate(void *userdata)
{
    return make_key(begun, "ed25519", LABEL, TIME_NEW);
}

static int generate_usage_keys(void *userdata)
{
    return make_usage_keys(begun, LABEL, TIME_NEW);
}

static int generate_rsa(void *userdata)
{
    return make_key(begun, "rsa", LABEL, TIME_NEW);
}

static int zeroize(void *userdata)
{
    Key *key = store_find(begun, "ed25519", LABEL);

    return key ? store_erase(begun, key) : -ENOENT;
}

/* The bystander, that key or none, and no other file. Returns the key's time, 0 for none. */
static int inspect_key(const Folder *f, const char *algorithm, uint64_t *ret_created, Key **ret)
{
    const Key *bystander;
    Key *key;
    int r = begin((void *)(uintptr_t)f);

    if (r < 0)
        return r;
    bystander = store_find(begun, "ecdsanistp256", LABEL);
    key = store_find(begun, algorithm, LABEL);
    if (!bystander || bystander->created != TIME_OLD || folder_count(f->fd) != (key ? 2 : 1))
        return -EUCLEAN;
    *ret_created = key ? key->created : 0;
    *ret = key;
    return 0;
}

static int inspect_generated(void *userdata)
{
    uint64_t created;
    Key *key;
    int r = inspect_key(userdata, "ed25519", &created, &key);

    return r < 0 ? r : created == 0 ? STATE_OLD : created == TIME_NEW ? STATE_NEW : -EBADMSG;
}

static int inspect_replaced(void *userdata)
{
    uint64_t created;
    Key *key;
    int r = inspect_key(userdata, "ed25519", &created, &key);

    if (r < 0)
        return r;
    return created == TIME_OLD ? STATE_OLD : created == TIME_NEW ? STATE_NEW : -EBADMSG;
}

static int inspect_zeroized(void *userdata)
{
    uint64_t created;
    Key *key;
    int r = inspect_key(userdata, "ed25519", &created, &key);

    return r < 0 ? r : created == TIME_OLD ? STATE_OLD : created == 0 ? STATE_NEW : -EBADMSG;
}

/* Two pairs are of the same moment. */
static int inspect_usage_keys(void *userdata)
{
    uint64_t created;
    Key *key;
    int r = inspect_key(userdata, "rsa", &created, &key);

    if (r < 0)
        return r;
    if (!key || !key->encryption || key->encryption->created != created)
        return -EBADMSG;
    return created == TIME_OLD ? STATE_OLD : STATE_NEW;
}

static int inspect_usage_keys_replaced(void *userdata)
{
    uint64_t created;
    Key *key;
    int r = inspect_key(userdata, "rsa", &created, &key);

    if (r < 0)
        return r;
    if (!key || !key->encryption != (created == TIME_NEW))
        return -EBADMSG;
    return created == TIME_OLD ? STATE_OLD : STATE_NEW;
}

/* Calls is how many file operations there are. */
static void assert_atomic(const Operation *o, int calls)
{
    assert_int_equal(operation_kill_everywhere(o, NULL), calls);
    assert_int_equal(operation_fail_everywhere(o, ENOSPC, NULL), calls);
}

static void test_generate(void **state)
{
    assert_atomic(&(const Operation){prepare_none, begin, generate, inspect_generated, *state}, 6);
}

static void test_replace(void **state)
{
    assert_atomic(&(const Operation){prepare_one, begin, generate, inspect_replaced, *state}, 6);
}

static void test_replace_usage_keys(void **state)
{
    assert_int_equal(
        operation_kill_everywhere(&(const Operation){prepare_usage_keys, begin, generate_usage_keys,
                                                     inspect_usage_keys, *state},
                                  NULL),
        6);
    assert_int_equal(
        operation_kill_everywhere(&(const Operation){prepare_usage_keys, begin, generate_rsa,
                                                     inspect_usage_keys_replaced, *state},
                                  NULL),
        6);
}

static void test_zeroize(void **state)
{
    assert_atomic(&(const Operation){prepare_one, begin, zeroize, inspect_zeroized, *state}, 7);
}

/* --- A renewal -------------------------------------------------------------------------------- */

/* An old key and, in the other slot, one that is to take its place. */
static int prepare_pair(void *userdata, KeySlot slot)
{
    _cleanup_(key_unrefp) Key *key = NULL;
    int r = prepare_one(userdata);

    if (r >= 0)
        r = pair_new("ed25519", LABEL, KEY_USAGE_GENERAL, TIME_NEW, &key);
    if (r < 0)
        return r;
    key->slot = slot;
    return store_write(begun, key);
}

static int prepare_next(void *userdata)
{
    return prepare_pair(userdata, KEY_NEXT);
}

static int prepare_previous(void *userdata)
{
    return prepare_pair(userdata, KEY_PREVIOUS);
}

static int commit(void *userdata)
{
    const Key *next = store_find_slot(begun, "ed25519", LABEL, KEY_NEXT);
    _cleanup_(key_unrefp) Key *current = NULL, *previous = NULL;

    return next ? rotation_commit(begun, store_find(begun, "ed25519", LABEL), next, &current,
                                  &previous)
                : -ENOENT;
}

static int undo(void *userdata)
{
    const Key *previous = store_find_slot(begun, "ed25519", LABEL, KEY_PREVIOUS);
    _cleanup_(key_unrefp) Key *current = NULL;

    return previous ? rotation_undo(begun, previous, &current) : -ENOENT;
}

/* The key's time in that slot, 0 for none. */
static uint64_t created_in(KeySlot slot)
{
    const Key *key = store_find_slot(begun, "ed25519", LABEL, slot);

    return key ? key->created : 0;
}

/* The current key with the other one in its slot, or the other one in its place; once it is, only
 * the old key is kept, as the previous one. */
static int inspect_rotated(void *userdata, KeySlot slot, bool keeps)
{
    uint64_t current, other;
    int r = begin(userdata);

    if (r < 0)
        return r;
    current = created_in(KEY_CURRENT);
    other = created_in(slot);
    if (current == TIME_OLD && other == TIME_NEW &&
        folder_count(((const Folder *)userdata)->fd) == 3)
        return STATE_OLD;
    if (current != TIME_NEW || other != 0 ||
        folder_count(((const Folder *)userdata)->fd) != (keeps ? 3 : 2) ||
        created_in(KEY_PREVIOUS) != (keeps ? TIME_OLD : 0))
        return -EBADMSG;
    return STATE_NEW;
}

static int inspect_committed(void *userdata)
{
    return inspect_rotated(userdata, KEY_NEXT, true);
}

static int inspect_undone(void *userdata)
{
    return inspect_rotated(userdata, KEY_PREVIOUS, false);
}

static void test_commit(void **state)
{
    assert_atomic(&(const Operation){prepare_next, begin, commit, inspect_committed, *state}, 19);
}

static void test_undo(void **state)
{
    assert_atomic(&(const Operation){prepare_previous, begin, undo, inspect_undone, *state}, 13);
}

/* --- Another key-encryption key --------------------------------------------------------------- */

static int rekey(const Folder *f, RekeyCount *ret)
{
    Kek *from, *to;

    if (kek_new(kek_bytes, &from) < 0 || kek_new(next_kek_bytes, &to) < 0)
        return -ENOMEM;
    return rekey_folder(f->fd, from, to, ret);
}

static int begin_rekey(void *userdata)
{
    return secure_memory_init();
}

static int operate_rekey(void *userdata)
{
    RekeyCount count;
    int r = rekey(userdata, &count);

    return r < 0 || count.resealed == 2 ? r : -EIO;
}

/* Nothing is lost at any time: another run finds each key, the old or the new, and comes to the
 * end. */
static int inspect_rekeyed(void *userdata)
{
    RekeyCount count;
    Store *s;
    int r = secure_memory_init();

    if (r >= 0)
        r = rekey(userdata, &count);
    if (r < 0)
        return r;
    s = store_at(userdata, next_kek_bytes);
    if (count.resealed + count.already != 2 || count.left != 0 || !s || store_count(s) != 2 ||
        folder_count(((const Folder *)userdata)->fd) != 2)
        return -EUCLEAN;
    return count.already == 2 ? STATE_NEW : STATE_OLD;
}

static void test_rekey(void **state)
{
    assert_atomic(
        &(const Operation){prepare_one, begin_rekey, operate_rekey, inspect_rekeyed, *state}, 12);
}

/* --- Keys of users ---------------------------------------------------------------------------- */

/* One key of 1024 bits, in base64. */
static const char user_key[] =
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQCx6jGRczoJ9cyAMLx0GdSRdPBKSRSb8DDDXoL4DwVaVurpE2G0"
    "7AVmZVavoAoONibHs4BaE/IVnQPep6mGCtu9ciGko+bZtgVilR2nt4wVrNhHzn65Gxz0tGokaCpaRT83"
    "D1UBMufvkbxcTULZNRWfg42ZVQzFt5Hj23U/VdXIsQ==";

static int put_user_keys(const Folder *f, bool second)
{
    static const char *const users[] = {"ann", "bob"};
    _cleanup_(user_keys_freep) UserKeys *list = NULL;
    bool saved;
    int r;

    r = user_keys_load(f->fd, &list);
    for (size_t i = 0; r >= 0 && i < (second ? 2 : 1); i++) {
        UserKeyEntry entry = {.slot = 1, .imported = TIME_OLD};
        UserKeys *more;

        (void)snprintf(entry.user, sizeof entry.user, "%s", users[i]);
        r = user_key_parse(user_key, strlen(user_key), &entry.key);
        if (r >= 0)
            r = user_keys_with(list, &entry, &more);
        if (r >= 0) {
            user_keys_free(list);
            list = more;
        }
    }
    return r < 0 ? r : user_keys_put(f->fd, f->fd, list, &saved);
}

static int prepare_user(void *userdata)
{
    folder_clear(userdata);
    return put_user_keys(userdata, false);
}

static int prepare_users(void *userdata)
{
    folder_clear(userdata);
    return put_user_keys(userdata, true);
}

static int import_user(void *userdata)
{
    return put_user_keys(userdata, true);
}

static int remove_user(void *userdata)
{
    _cleanup_(user_keys_freep) UserKeys *list = NULL, *less = NULL;
    const Folder *f = userdata;
    bool saved;
    int r;

    r = user_keys_load(f->fd, &list);
    if (r >= 0)
        r = user_keys_without(list, "bob", 0, &less);
    return r < 0 ? r : user_keys_put(f->fd, f->fd, less, &saved);
}

/* As at a start; what sshd is told is what is known. Returns how many. */
static int count_users(const Folder *f)
{
    _cleanup_(user_keys_freep) UserKeys *list = NULL;
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r;

    r = user_keys_load(f->fd, &list);
    if (r >= 0)
        r = user_keys_export(f->fd, list);
    if (r >= 0)
        r = read_file_at(f->fd, USER_KEYS_EXPORT, 65536, (void **)&text, &size);
    if (r < 0)
        return r;
    if (!user_keys_find(list, "ann", 1) || !strstr(text, "ann ssh-rsa ") ||
        !user_keys_find(list, "bob", 1) != !strstr(text, "bob ssh-rsa ") ||
        folder_count(f->fd) != 2)
        return -EUCLEAN;
    return (int)list->n;
}

static int inspect_imported(void *userdata)
{
    int n = count_users(userdata);

    return n < 0 ? n : n == 1 ? STATE_OLD : STATE_NEW;
}

static int inspect_removed(void *userdata)
{
    int n = count_users(userdata);

    return n < 0 ? n : n == 2 ? STATE_OLD : STATE_NEW;
}

static void test_user_keys(void **state)
{
    assert_atomic(&(const Operation){prepare_user, NULL, import_user, inspect_imported, *state},
                  12);
    assert_atomic(&(const Operation){prepare_users, NULL, remove_user, inspect_removed, *state},
                  12);
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_generate),
        FOLDER_TEST(test_replace),
        FOLDER_TEST(test_replace_usage_keys),
        FOLDER_TEST(test_commit),
        FOLDER_TEST(test_undo),
        FOLDER_TEST(test_zeroize),
        FOLDER_TEST(test_rekey),
        FOLDER_TEST(test_user_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
