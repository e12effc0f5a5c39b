/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch-folder.h"

#include <dirent.h>
#include <errno.h>

#include "atomic-file.h"
#include "key-file.h"
#include "label.h"
#include "rekey.h"
#include "secure-memory.h"
#include "store.h"

static const uint8_t kek_bytes[KEK_SIZE] = "this is a key for unit tests...",
                     other_kek_bytes[KEK_SIZE] = {7};

static Kek *kek_for_test(const uint8_t bytes[KEK_SIZE])
{
    Kek *kek = NULL;

    assert_int_equal(kek_new(bytes, &kek), 0);
    return kek;
}

static Store *store_at(Folder *f, const uint8_t bytes[KEK_SIZE])
{
    Store *s = NULL;

    assert_int_equal(store_open(dup(f->fd), kek_for_test(bytes), &s), 0);
    return s;
}

static Key *key_for_test(const char *name, const char *label)
{
    const KeyAlgorithm *algorithm = key_algorithm_find(name);
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    assert_int_equal(key_generate(algorithm, 512, NULL, NULL, &pkey), 0);
    assert_int_equal(key_new(algorithm, label, KEY_USAGE_GENERAL, 1700000000123456, pkey, &key), 0);
    return key;
}

static void put_key(Store *s, const char *algorithm, const char *label)
{
    _cleanup_(key_unrefp) Key *key = key_for_test(algorithm, label);

    assert_int_equal(store_write(s, key), 0);
    assert_true(store_publish(s, key) >= 0);
}

static bool file_exists(Folder *f, const char *name)
{
    return faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_labels_and_claims_refused(void **state)
{
    _cleanup_(store_freep) Store *s = store_at(*state, kek_bytes);
    const KeyAlgorithm *rsa = key_algorithm_find("rsa"), *ed25519 = key_algorithm_find("ed25519");
    EVP_PKEY *pkey = NULL;
    Key *key = NULL;

    /* F15 */
    assert_int_equal(store_claim(s, rsa, "../x", false), -EILSEQ);
    assert_int_equal(store_claim(s, rsa, "", false), -EILSEQ);
    assert_int_equal(key_generate(ed25519, 0, NULL, NULL, &pkey), 0);
    assert_int_equal(EVP_PKEY_up_ref(pkey), 1);
    assert_int_equal(key_new(ed25519, "a/b", KEY_USAGE_GENERAL, 0, pkey, &key), -EINVAL);
    assert_int_equal(key_new(rsa, "a", KEY_USAGE_GENERAL, 0, pkey, &key), -EINVAL);

    put_key(s, "ed25519", "one");
    assert_int_equal(store_claim(s, ed25519, "one", false), -EEXIST);
    assert_int_equal(store_claim(s, ed25519, "one", true), 0);
    assert_int_equal(store_claim(s, ed25519, "one", true), -EBUSY);
    store_unclaim(s, ed25519, "one");
    assert_int_equal(store_claim(s, ed25519, "one", true), 0);
    assert_int_equal(store_claim(s, rsa, "one", false), 0);
}

static void test_round_trip(void **state)
{
    static const char *const algorithms[] = {"rsa",           "ecdsanistp256", "ecdsanistp384",
                                             "ecdsanistp521", "ed25519",       "dsa"};
    Store *s = store_at(*state, kek_bytes), *again;

    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        put_key(s, algorithms[i], "same-label");
    again = store_at(*state, kek_bytes);
    assert_int_equal(store_count(again), ELEMENTSOF(algorithms));
    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++) {
        Key *old = store_find(s, algorithms[i], "same-label"),
            *new = store_find(again, algorithms[i], "same-label");

        assert_non_null(new);
        assert_int_equal(new->created, 1700000000123456);
        assert_string_equal(new->usage, KEY_USAGE_GENERAL);
        assert_true(new->bits == old->bits &&EVP_PKEY_eq(new->pkey, old->pkey) == 1);
    }
    assert_null(store_find(again, "rsa", "other-label"));
    store_free(s);
    store_free(again);
}

static void test_replace(void **state)
{
    _cleanup_(store_freep) Store *s = store_at(*state, kek_bytes), *again = NULL;
    _cleanup_(key_unrefp) Key *old = NULL;

    put_key(s, "ed25519", "one");
    old = key_ref(store_find(s, "ed25519", "one"));
    put_key(s, "ed25519", "one");
    assert_int_equal(store_count(s), 1);
    assert_int_equal(EVP_PKEY_eq(old->pkey, store_get(s, 0)->pkey), 0);
    again = store_at(*state, kek_bytes);
    assert_int_equal(store_count(again), 1);
    assert_int_equal(EVP_PKEY_eq(store_get(again, 0)->pkey, store_get(s, 0)->pkey), 1);
}

static void test_erased_and_forgotten(void **state)
{
    _cleanup_(store_freep) Store *s = store_at(*state, kek_bytes), *again = NULL;
    const KeyAlgorithm *ed25519 = key_algorithm_find("ed25519");
    _cleanup_(key_unrefp) Key *used = NULL;
    char name[LABEL_FILE_NAME_SIZE];

    put_key(s, "ed25519", "one");
    put_key(s, "ed25519", "two");
    used = key_ref(store_find(s, "ed25519", "one"));
    assert_int_equal(store_erase(s, used), 0);
    assert_int_equal(store_erase(s, used), -ENOENT);
    store_forget(s, ed25519, "one");
    store_forget(s, ed25519, "one");
    assert_null(store_find(s, "ed25519", "one"));
    assert_non_null(store_find(s, "ed25519", "two"));
    assert_int_equal(label_file_name("ed25519", "one", name), 0);
    assert_false(file_exists(*state, name));
    assert_int_equal(store_claim(s, ed25519, "one", false), 0);
    again = store_at(*state, kek_bytes);
    assert_int_equal(store_count(again), 1);
    /* Whoever signs with it goes on. */
    assert_non_null(used->pkey);
}

static Key *usage_keys_for_test(const char *label)
{
    static const char *const usages[] = {KEY_USAGE_SIGNATURE, KEY_USAGE_ENCRYPTION};
    const KeyAlgorithm *rsa = key_algorithm_find("rsa");
    Key *keys[2] = {NULL, NULL};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *pkey = NULL;

        assert_int_equal(key_generate(rsa, 512, NULL, NULL, &pkey), 0);
        assert_int_equal(key_new(rsa, label, usages[i], 1700000000123456, pkey, &keys[i]), 0);
    }
    assert_int_equal(key_join(keys[0], keys[1]), 0);
    return keys[0];
}

static void test_usages_refused(void **state)
{
    const KeyAlgorithm *ed25519 = key_algorithm_find("ed25519");
    _cleanup_(key_unrefp) Key *pair = usage_keys_for_test("one"), *other = NULL;
    EVP_PKEY *pkey = NULL;

    assert_int_equal(key_generate(ed25519, 0, NULL, NULL, &pkey), 0);
    assert_int_equal(EVP_PKEY_up_ref(pkey), 1);
    assert_int_equal(key_new(ed25519, "a", KEY_USAGE_SIGNATURE, 0, pkey, &other), -EINVAL);
    assert_int_equal(key_new(ed25519, "a", "any", 0, pkey, &other), -EINVAL);
    assert_true(key_signs(pair));
    assert_false(key_signs(pair->encryption));
    assert_int_equal(key_join(pair, usage_keys_for_test("one")), -EINVAL);
}

static void test_usage_keys_are_one_file(void **state)
{
    _cleanup_(store_freep) Store *s = store_at(*state, kek_bytes), *again = NULL, *third = NULL;
    _cleanup_(key_unrefp) Key *pair = usage_keys_for_test("one");
    Key *found;

    put_key(s, "rsa", "one");
    assert_int_equal(store_write(s, pair), 0);
    assert_int_equal(store_publish(s, pair), 1);
    again = store_at(*state, kek_bytes);
    assert_int_equal(store_count(again), 1);
    found = store_find(again, "rsa", "one");
    assert_string_equal(found->usage, KEY_USAGE_SIGNATURE);
    assert_string_equal(found->encryption->usage, KEY_USAGE_ENCRYPTION);
    assert_int_equal(EVP_PKEY_eq(found->pkey, pair->pkey), 1);
    assert_int_equal(EVP_PKEY_eq(found->encryption->pkey, pair->encryption->pkey), 1);
    /* and a general one in its place leaves no encryption pair behind */
    put_key(again, "rsa", "one");
    third = store_at(*state, kek_bytes);
    assert_string_equal(store_find(third, "rsa", "one")->usage, KEY_USAGE_GENERAL);
    assert_null(store_find(third, "rsa", "one")->encryption);
}

/* A file as the first release wrote it, sealed with a key-encryption key of zeros. */
static void test_first_format(void **state)
{
    static const uint8_t zeros[KEK_SIZE];
    static const char file[] =
        "\x43\x48\x41\x4e\x4b\x45\x59\x01\xd8\xfd\xea\x5d\x21\x15\x32\x02\xdd\xa9\x1d\xdc"
        "\x52\x02\x6a\x24\x00\x07\x65\x64\x32\x35\x35\x31\x39\x00\x11\x73\x79\x73\x74\x65"
        "\x6d\x2d\x65\x6e\x72\x6f\x6c\x6c\x2d\x6b\x65\x79\x00\x07\x67\x65\x6e\x65\x72\x61"
        "\x6c\x00\x06\x0a\x24\x18\x1e\x40\x00\x00\x2c\x30\x2a\x30\x05\x06\x03\x2b\x65\x70"
        "\x03\x21\x00\x43\xbe\xe6\x08\x57\xb4\xe4\xa5\x27\x0f\x91\x27\x1a\x69\x82\x64\x90"
        "\xe9\x54\xba\x3b\x6a\x5b\x77\x21\xb8\x1e\x01\x4f\xf6\xe2\x2b\x77\x7c\x49\x11\xa6"
        "\x9d\xfe\x41\x33\x4b\x99\xad\xce\x3a\x9b\x9c\x0a\xb3\x7c\xb4\x5f\x51\x04\x69\xdc"
        "\x8c\x1d\x9b\x54\xd6\xe3\x71\x13\x33\xbf\xd9\x8e\x5d\x7b\xc1\x2e\x88\x53\x90\xd6"
        "\xf6\xac\xb7\xf7\x3e\xe6\x7a\x26\xc2\x8c\x0a\xa2\xf4\xa8\x04\x6d\xc7\xcc\xd9\x5c"
        "\x76\x64\x29\xe8\xcd\xcc\x6a\x9a\x25\x86\xe2";
    _cleanup_(kek_freep) Kek *kek = kek_for_test(zeros);
    _cleanup_(key_unrefp) Key *key = NULL;
    _cleanup_free_ uint8_t *data = malloc(STRLEN(file));

    memcpy(data, file, STRLEN(file));
    assert_int_equal(key_file_open(kek, data, STRLEN(file), &key), 0);
    assert_string_equal(key->usage, KEY_USAGE_GENERAL);
    assert_string_equal(key->algorithm->name, "ed25519");
    key = key_unref(key);
    /* The version is bound as well. */
    data[7] = 2;
    assert_int_equal(key_file_open(kek, data, STRLEN(file), &key), -EBADMSG);
    data[7] = 0;
    assert_int_equal(key_file_open(kek, data, STRLEN(file), &key), -EBADMSG);
}

/* F31: what is on disk holds no private key in clear, in no encoding that openssl writes. */
static void test_files_are_sealed_and_private(void **state)
{
    _cleanup_(store_freep) Store *s = store_at(*state, kek_bytes);
    _cleanup_free_ void *data = NULL;
    char name[LABEL_FILE_NAME_SIZE];
    uint8_t private[32];
    size_t size = sizeof private;
    struct stat st;

    put_key(s, "ed25519", "one");
    assert_int_equal(EVP_PKEY_get_raw_private_key(store_get(s, 0)->pkey, private, &size), 1);
    assert_int_equal(label_file_name("ed25519", "one", name), 0);
    assert_int_equal(fstatat(((Folder *)*state)->fd, name, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(read_file_at(((Folder *)*state)->fd, name, KEY_FILE_SIZE_MAX, &data, &size),
                     0);
    assert_null(memmem(data, size, private, sizeof private));
    assert_null(memmem(data, size, "PRIVATE KEY", 11));
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    _cleanup_(kek_freep) Kek *kek = kek_for_test(kek_bytes);
    _cleanup_(key_unrefp) Key *key = key_for_test("ecdsanistp256", "one"), *opened = NULL;
    _cleanup_free_ uint8_t *data = NULL;
    size_t size;
    int r;

    assert_int_equal(key_file_seal(kek, key, (void **)&data, &size), 0);
    for (size_t i = 0; i < size * 8; i++) {
        data[i / 8] ^= (uint8_t)(1U << i % 8);
        r = key_file_open(kek, data, size, &opened);
        assert_true(r == -EBADMSG || r == -EKEYREJECTED || r == -ENOKEY);
        data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_int_equal(key_file_open(kek, data, size, &opened), 0);
}

static void test_every_truncation_is_noticed(void **state)
{
    _cleanup_(kek_freep) Kek *kek = kek_for_test(kek_bytes);
    _cleanup_(key_unrefp) Key *key = key_for_test("ecdsanistp256", "one"), *opened = NULL;
    _cleanup_free_ uint8_t *data = NULL;
    size_t size;
    int r;

    assert_int_equal(key_file_seal(kek, key, (void **)&data, &size), 0);
    for (size_t n = 0; n < size; n++) {
        r = key_file_open(kek, data, n, &opened);
        assert_true(r == -EBADMSG || r == -EKEYREJECTED);
    }
    data = realloc(data, size + 1);
    data[size] = 0;
    assert_int_equal(key_file_open(kek, data, size + 1, &opened), -EKEYREJECTED);
}

static void test_nonces_differ(void **state)
{
    _cleanup_(kek_freep) Kek *kek = kek_for_test(kek_bytes);
    _cleanup_(key_unrefp) Key *key = key_for_test("ed25519", "one");
    _cleanup_free_ void *a = NULL, *b = NULL;
    size_t a_size, b_size;

    assert_int_equal(key_file_seal(kek, key, &a, &a_size), 0);
    assert_int_equal(key_file_seal(kek, key, &b, &b_size), 0);
    assert_int_equal(a_size, b_size);
    assert_memory_not_equal(a, b, a_size);
}

/* The header of one file before the secret of another, with the right KEK. */
static void test_spliced_file(void **state)
{
    _cleanup_(kek_freep) Kek *kek = kek_for_test(kek_bytes);
    _cleanup_(key_unrefp) Key *one = key_for_test("ed25519", "one"),
                              *two = key_for_test("ed25519", "two"), *opened = NULL;
    _cleanup_free_ uint8_t *a = NULL, *b = NULL;
    size_t a_size, b_size, sealed;

    assert_int_equal(key_file_seal(kek, one, (void **)&a, &a_size), 0);
    assert_int_equal(key_file_seal(kek, two, (void **)&b, &b_size), 0);
    assert_int_equal(a_size, b_size);
    sealed = a_size - (12 + 48 + 16);
    memcpy(a + sealed, b + sealed, a_size - sealed);
    assert_int_equal(key_file_open(kek, a, a_size, &opened), -EKEYREJECTED);
}

static void test_swapped_and_damaged_files_are_moved_aside(void **state)
{
    Folder *f = *state;
    Store *s = store_at(f, kek_bytes);
    char names[4][LABEL_FILE_NAME_SIZE], aside[64];
    static const char *const labels[] = {"one", "two", "three", "four"};

    for (size_t i = 0; i < ELEMENTSOF(labels); i++) {
        put_key(s, "ed25519", labels[i]);
        assert_int_equal(label_file_name("ed25519", labels[i], names[i]), 0);
    }
    store_free(s);
    assert_int_equal(renameat2(f->fd, names[0], f->fd, names[1], RENAME_EXCHANGE), 0);
    assert_int_equal(atomic_write_at(f->fd, names[2], "-----BEGIN PRIVATE KEY-----", 27, 0600), 0);
    s = store_at(f, kek_bytes);
    assert_int_equal(store_count(s), 1);
    assert_non_null(store_find(s, "ed25519", "four"));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(aside, sizeof aside, "%.32s.corrupt", names[i]);
        assert_false(file_exists(f, names[i]));
        assert_true(file_exists(f, aside));
    }
    store_free(s);
}

static void test_what_is_no_key_file(void **state)
{
    Folder *f = *state;
    Store *s;
    char name[LABEL_FILE_NAME_SIZE], large[LABEL_FILE_NAME_SIZE];
    _cleanup_free_ void *zero = calloc(1, KEY_FILE_SIZE_MAX + 1);

    assert_int_equal(label_file_name("ed25519", "folder", name), 0);
    assert_int_equal(label_file_name("ed25519", "large", large), 0);
    assert_int_equal(mkdirat(f->fd, name, 0700), 0);
    assert_int_equal(atomic_write_at(f->fd, large, zero, KEY_FILE_SIZE_MAX + 1, 0600), 0);
    assert_int_equal(atomic_write_at(f->fd, "README", "x", 1, 0600), 0);
    s = store_at(f, kek_bytes);
    assert_int_equal(store_count(s), 0);
    assert_false(file_exists(f, large));
    assert_true(file_exists(f, "README"));
    store_free(s);
}

static void test_other_kek(void **state)
{
    Store *s = store_at(*state, kek_bytes);
    char name[LABEL_FILE_NAME_SIZE];

    put_key(s, "ed25519", "one");
    store_free(s);
    s = store_at(*state, other_kek_bytes);
    assert_int_equal(store_count(s), 0);
    /* Nothing is lost: not moved, not overwritten by accident, and there again with the right KEK.
     */
    assert_int_equal(label_file_name("ed25519", "one", name), 0);
    assert_true(file_exists(*state, name));
    assert_int_equal(store_claim(s, key_algorithm_find("ed25519"), "one", false), -EEXIST);
    assert_int_equal(store_claim(s, key_algorithm_find("ed25519"), "one", true), 0);
    store_free(s);
    s = store_at(*state, kek_bytes);
    assert_int_equal(store_count(s), 1);
    store_free(s);
}

static void test_no_kek(void **state)
{
    Store *s = store_at(*state, kek_bytes);
    char name[LABEL_FILE_NAME_SIZE];

    put_key(s, "ed25519", "one");
    store_free(s);
    assert_int_equal(store_open(dup(((Folder *)*state)->fd), NULL, &s), 0);
    assert_int_equal(store_count(s), 0);
    assert_false(store_is_open(s));
    assert_int_equal(store_claim(s, key_algorithm_find("ed25519"), "one", true), -ENOKEY);
    assert_int_equal(store_claim(s, key_algorithm_find("ed25519"), "two", false), -ENOKEY);
    store_free(s);
    assert_int_equal(label_file_name("ed25519", "one", name), 0);
    assert_true(file_exists(*state, name));
    s = store_at(*state, kek_bytes);
    assert_int_equal(store_count(s), 1);
    store_free(s);
}

static void test_rekey(void **state)
{
    _cleanup_(kek_freep) Kek *from = kek_for_test(kek_bytes), *to = kek_for_test(other_kek_bytes);
    _cleanup_(key_unrefp) Key *pair = usage_keys_for_test("both");
    Folder *f = *state;
    Store *s = store_at(f, kek_bytes);
    char name[LABEL_FILE_NAME_SIZE];
    RekeyCount count;

    put_key(s, "ed25519", "one");
    put_key(s, "ed25519", "two");
    assert_int_equal(store_write(s, pair), 0);
    store_free(s);
    assert_int_equal(label_file_name("ed25519", "damaged", name), 0);
    assert_int_equal(atomic_write_at(f->fd, name, "CHANKEY", 7, 0600), 0);
    assert_int_equal(rekey_folder(f->fd, from, to, &count), 0);
    assert_true(count.resealed == 3 && count.already == 0 && count.left == 1);
    /* As after a kill, with one of the old still there. */
    s = store_at(f, kek_bytes);
    assert_int_equal(store_count(s), 0);
    put_key(s, "ed25519", "one");
    store_free(s);
    assert_int_equal(rekey_folder(f->fd, from, to, &count), 0);
    assert_true(count.resealed == 1 && count.already == 2);
    s = store_at(f, other_kek_bytes);
    assert_int_equal(store_count(s), 3);
    assert_non_null(store_find(s, "rsa", "both")->encryption);
    store_free(s);
}

/* The limits of keyd are not those of its folder. */
static void test_rekey_of_many(void **state)
{
    _cleanup_(kek_freep) Kek *from = kek_for_test(kek_bytes), *to = kek_for_test(other_kek_bytes);
    const unsigned damaged = STORE_KEYS_MAX + STORE_ASIDE_MAX;
    Folder *f = *state;
    Store *s = store_at(f, kek_bytes);
    char name[LABEL_FILE_NAME_SIZE];
    RekeyCount count;

    put_key(s, "ed25519", "one");
    store_free(s);
    for (unsigned i = 0; i < damaged; i++) {
        (void)snprintf(name, sizeof name, "%0*x", (int)sizeof name - 1, i);
        assert_int_equal(close(openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600)), 0);
    }
    assert_int_equal(rekey_folder(f->fd, from, to, &count), 0);
    assert_true(count.resealed == 1 && count.already == 0 && count.left == damaged);
}

static void test_leftovers(void **state)
{
    Folder *f = *state;
    Store *s;

    assert_int_equal(
        close(openat(f->fd, ".tmp-0123456789abcdef", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    s = store_at(f, kek_bytes);
    assert_false(file_exists(f, ".tmp-0123456789abcdef"));
    store_free(s);
}

static void test_kek_credential(void **state)
{
    Folder *f = *state;
    _cleanup_(kek_freep) Kek *kek = NULL, *expected = kek_for_test(kek_bytes);

    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(kek_load(KEK_CREDENTIAL, &kek), -ENXIO);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->path, 1), 0);
    assert_int_equal(kek_load(KEK_CREDENTIAL, &kek), -ENOENT);
    assert_int_equal(atomic_write_at(f->fd, KEK_CREDENTIAL, kek_bytes, KEK_SIZE - 1, 0400), 0);
    assert_int_equal(kek_load(KEK_CREDENTIAL, &kek), -EBADMSG);
    assert_int_equal(atomic_write_at(f->fd, KEK_CREDENTIAL, "0123456789abcdef0123456789abcdefX",
                                     KEK_SIZE + 1, 0400),
                     0);
    assert_int_equal(kek_load(KEK_CREDENTIAL, &kek), -EBADMSG);
    assert_int_equal(atomic_write_at(f->fd, KEK_CREDENTIAL, kek_bytes, KEK_SIZE, 0400), 0);
    assert_int_equal(kek_load(KEK_CREDENTIAL, &kek), 0);
    assert_memory_equal(kek, expected, sizeof *kek);
}

static bool yes(void *userdata)
{
    return true;
}

static void test_generation_bounds_and_cancel(void **state)
{
    EVP_PKEY *pkey = NULL;

    assert_int_equal(key_generate(key_algorithm_find("rsa"), RSA_BITS_MIN - 1, NULL, NULL, &pkey),
                     -EINVAL);
    assert_int_equal(key_generate(key_algorithm_find("rsa"), RSA_BITS_MAX + 1, NULL, NULL, &pkey),
                     -EINVAL);
    assert_int_equal(key_generate(key_algorithm_find("rsa"), RSA_BITS_MAX, yes, NULL, &pkey),
                     -ECANCELED);
    assert_int_equal(key_generate(key_algorithm_find("dsa"), 3072, NULL, NULL, &pkey), -EINVAL);
    assert_null(key_algorithm_find("RSA"));
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_labels_and_claims_refused),
        FOLDER_TEST(test_round_trip),
        FOLDER_TEST(test_replace),
        FOLDER_TEST(test_erased_and_forgotten),
        cmocka_unit_test(test_usages_refused),
        FOLDER_TEST(test_usage_keys_are_one_file),
        cmocka_unit_test(test_first_format),
        FOLDER_TEST(test_files_are_sealed_and_private),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_every_truncation_is_noticed),
        cmocka_unit_test(test_nonces_differ),
        cmocka_unit_test(test_spliced_file),
        FOLDER_TEST(test_swapped_and_damaged_files_are_moved_aside),
        FOLDER_TEST(test_what_is_no_key_file),
        FOLDER_TEST(test_other_kek),
        FOLDER_TEST(test_no_kek),
        FOLDER_TEST(test_rekey),
        FOLDER_TEST(test_rekey_of_many),
        FOLDER_TEST(test_leftovers),
        FOLDER_TEST(test_kek_credential),
        cmocka_unit_test(test_generation_bounds_and_cancel),
    };

    if (secure_memory_init() < 0)
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
