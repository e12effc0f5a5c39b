/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "atomic-file.h"
#include "user-keys.h"

/* One key of 1024 bits, in base64. */
static const char text[] =
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQCx6jGRczoJ9cyAMLx0GdSRdPBKSRSb8DDDXoL4DwVaVurpE2G0"
    "7AVmZVavoAoONibHs4BaE/IVnQPep6mGCtu9ciGko+bZtgVilR2nt4wVrNhHzn65Gxz0tGokaCpaRT83"
    "D1UBMufvkbxcTULZNRWfg42ZVQzFt5Hj23U/VdXIsQ==";

static void parse(const char *form, UserKey *ret)
{
    assert_int_equal(user_key_parse(form, strlen(form), ret), 0);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "ssh-rsa",
        "ssh-rsa ",
        "ssh-rsa AAAA",
        "ssh-ed25519 AAAA",
        "command=\"x\" ssh-rsa AAAA",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==",
        "ssh-rsa\nAAAA",
    };
    UserKey key, good;
    char longer[sizeof text + 8], two[2 * sizeof text + 32];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(user_key_parse(bad[i], strlen(bad[i]), &key), -EBADMSG);
    parse(text, &good);
    for (size_t n = 4; n < good.blob_size; n++)
        assert_int_equal(user_key_parse(good.blob, n, &key), -EBADMSG);
    user_key_done(&good);
    (void)snprintf(longer, sizeof longer, "%s!", text);
    assert_int_equal(user_key_parse(longer, strlen(longer), &key), -EBADMSG);
    /* A second line would be a second key, that nobody sees. */
    (void)snprintf(two, sizeof two, "ssh-rsa %s a\nssh-rsa %s b", text, text);
    assert_int_equal(user_key_parse(two, strlen(two), &key), -EBADMSG);
    assert_int_equal(user_key_parse(text, USER_KEY_INPUT_MAX + 1, &key), -EMSGSIZE);
}

static void test_weak_keys_refused(void **state)
{
    /* e 3, n of 16 bits */
    static const uint8_t small[] = "\0\0\0\7ssh-rsa\0\0\0\1\3\0\0\0\3\0\xff\xff";
    UserKey key;

    assert_int_equal(user_key_parse(small, sizeof small - 1, &key), -EINVAL);
}

static void test_forms(void **state)
{
    char line[2 * sizeof text];
    UserKey key, again;

    parse(text, &key);
    assert_int_equal(key.bits, 1024);
    assert_int_equal(user_key_parse(key.blob, key.blob_size, &again), 0);
    assert_memory_equal(key.blob, again.blob, key.blob_size);
    assert_memory_equal(key.public_key, again.public_key, key.public_key_size);
    user_key_done(&again);
    (void)snprintf(line, sizeof line, "  ssh-rsa %s some body\n", text);
    parse(line, &again);
    assert_int_equal(again.blob_size, key.blob_size);
    assert_memory_equal(key.blob, again.blob, key.blob_size);
    user_key_done(&again);
    user_key_done(&key);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"",     "root",     "-a",
                                      ".a",   "a b",      "a/b",
                                      "a\nb", "\xc3\xa9", "abcdefghijklmnopqrstuvwxyz012345"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(user_key_name_is_valid(bad[i]));
    assert_true(user_key_name_is_valid("admin"));
    assert_true(user_key_name_is_valid("_a.b-c"));
}

static UserKeys *with(UserKeys *u, const char *user, unsigned slot)
{
    UserKeyEntry entry = {.slot = slot, .imported = 17};
    UserKeys *more = NULL;

    (void)snprintf(entry.user, sizeof entry.user, "%s", user);
    parse(text, &entry.key);
    assert_int_equal(user_keys_with(u, &entry, &more), 0);
    user_keys_free(u);
    return more;
}

static void test_list(void **state)
{
    char path[] = "/tmp/test-user-keys.XXXXXX", expected[2 * sizeof text];
    _cleanup_(user_keys_freep) UserKeys *u = NULL, *again = NULL, *less = NULL;
    _cleanup_free_ void *data = NULL;
    struct stat st;
    size_t size;
    int fd;

    assert_non_null(mkdtemp(path));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(user_keys_load(fd, &u), 0);
    assert_int_equal(u->n, 0);
    u = with(with(with(with(u, "a", 1), "a", 2), "b", 1), "a", 1);
    assert_int_equal(u->n, 3);
    assert_int_equal(user_keys_save(fd, u), 0);
    assert_int_equal(user_keys_load(fd, &again), 0);
    assert_int_equal(again->n, 3);
    assert_int_equal(user_keys_find(again, "a", 2)->imported, 17);
    assert_null(user_keys_find(again, "b", 2));

    assert_int_equal(user_keys_without(u, "a", 0, &less), 0);
    assert_int_equal(less->n, 1);
    assert_int_equal(user_keys_export(fd, less), 0);
    assert_int_equal(fstatat(fd, USER_KEYS_EXPORT, &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(read_file_at(fd, USER_KEYS_EXPORT, 65536, &data, &size), 0);
    (void)snprintf(expected, sizeof expected, "b ssh-rsa %s\n", text);
    assert_string_equal(data, expected);

    assert_int_equal(atomic_write_at(fd, USER_KEYS_FILE, "{\"user-keys\":[{}]}", 18, 0600), 0);
    again = user_keys_free(again);
    assert_int_equal(user_keys_load(fd, &again), -EBADMSG);
    (void)unlinkat(fd, USER_KEYS_FILE, 0);
    (void)unlinkat(fd, USER_KEYS_EXPORT, 0);
    (void)close(fd);
    (void)rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_weak_keys_refused),
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
