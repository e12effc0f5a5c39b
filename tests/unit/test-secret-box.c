/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "atomic-file.h"
#include "rekey.h"
#include "secret-box.h"
#include "secure-memory.h"

#define PURPOSE "challenge-password"
#define PASSWORD "canary-5d1f"

static Kek *one, *other;

static int folder_new(void)
{
    char path[] = "/tmp/test-secret-box-XXXXXX";
    int fd;

    assert_non_null(mkdtemp(path));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void folder_done(int fd)
{
    char path[256], link[64];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    (void)unlinkat(fd, SECRET_BOX_FILE, 0);
    assert_int_equal(rmdir(path), 0);
    (void)close(fd);
}

static char *seal(const SecretBox *box, const char *clear)
{
    char *text = NULL;

    assert_int_equal(
        secret_box_seal(box, PURPOSE, (DerSpan){(const uint8_t *)clear, strlen(clear)}, &text), 0);
    return text;
}

static void assert_opens(const SecretBox *box, const char *text, const char *clear)
{
    char *found = NULL;

    assert_int_equal(secret_box_unseal(box, PURPOSE, text, &found), 0);
    assert_string_equal(found, clear);
    secure_free(found);
}

static void test_texts(void **state)
{
    _cleanup_(secret_box_freep) SecretBox *box = NULL;
    _cleanup_free_ char *text = NULL, *again = NULL, *longest = NULL;
    char clear[SECRET_MAX + 2] = {0}, *found = NULL;
    int fd = folder_new();

    assert_int_equal(secret_box_open(fd, one, &box), 0);
    text = seal(box, PASSWORD);
    again = seal(box, PASSWORD);
    assert_string_not_equal(text, again);
    assert_null(strstr(text, PASSWORD));
    assert_opens(box, text, PASSWORD);
    assert_opens(box, again, PASSWORD);
    /* The length of a password does not show in that of its text. */
    memset(clear, 'x', SECRET_MAX);
    longest = seal(box, clear);
    assert_opens(box, longest, clear);
    assert_true(strlen(longest) <= SECRET_TEXT_MAX);
    clear[64] = '\0';
    free(again);
    again = seal(box, clear);
    assert_int_equal(strlen(again), strlen(text));

    assert_int_equal(secret_box_seal(box, PURPOSE, (DerSpan){(const uint8_t *)"", 0}, &found),
                     -EINVAL);
    assert_int_equal(secret_box_seal(box, PURPOSE, (DerSpan){(const uint8_t *)"a\0b", 3}, &found),
                     -EINVAL);
    memset(clear, 'x', SECRET_MAX + 1);
    assert_int_equal(
        secret_box_seal(box, PURPOSE, (DerSpan){(const uint8_t *)clear, SECRET_MAX + 1}, &found),
        -EINVAL);
    assert_int_equal(secret_box_unseal(box, "something-else", text, &found), -EBADMSG);
    folder_done(fd);
}

/* Every text that is one character off, shorter or longer. */
static void test_changed_texts(void **state)
{
    _cleanup_(secret_box_freep) SecretBox *box = NULL, *stranger = NULL;
    int fd = folder_new(), elsewhere = folder_new();
    _cleanup_free_ char *text = NULL;
    char *found = NULL;

    assert_int_equal(secret_box_open(fd, one, &box), 0);
    assert_int_equal(secret_box_open(elsewhere, one, &stranger), 0);
    text = seal(box, PASSWORD);
    assert_int_equal(secret_box_unseal(stranger, PURPOSE, text, &found), -EBADMSG);
    for (size_t i = 0; i < strlen(text); i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(secret_box_unseal(box, PURPOSE, text, &found), -EBADMSG);
        text[i] = was;
    }
    for (size_t n = strlen(text); n-- > 0;) {
        text[n] = '\0';
        assert_int_equal(secret_box_unseal(box, PURPOSE, text, &found), -EBADMSG);
    }
    folder_done(fd);
    folder_done(elsewhere);
}

static void test_file(void **state)
{
    _cleanup_(secret_box_freep) SecretBox *box = NULL, *again = NULL, *rekeyed = NULL, *none = NULL;
    int fd = folder_new();
    _cleanup_free_ char *text = NULL;
    RekeyCount count;
    void *data;
    size_t size;

    assert_int_equal(secret_box_rekey(fd, one, other), 0);
    assert_int_equal(secret_box_open(fd, one, &box), 0);
    text = seal(box, PASSWORD);
    assert_int_equal(secret_box_open(fd, one, &again), 0);
    assert_opens(again, text, PASSWORD);
    assert_int_equal(secret_box_open(fd, other, &none), -ENOKEY);
    /* A change of the key-encryption key, which may be done twice. */
    assert_int_equal(rekey_folder(fd, one, other, &count), 0);
    assert_int_equal(count.resealed, 1);
    assert_int_equal(rekey_folder(fd, one, other, &count), 0);
    assert_int_equal(count.resealed, 0);
    assert_int_equal(count.left, 0);
    assert_int_equal(secret_box_open(fd, other, &rekeyed), 0);
    assert_opens(rekeyed, text, PASSWORD);
    /* Damaged: told, and left alone. */
    assert_int_equal(read_file_at(fd, SECRET_BOX_FILE, 1024, &data, &size), 0);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)data)[i] ^= 1;
        assert_int_equal(atomic_write_at(fd, SECRET_BOX_FILE, data, size, 0600), 0);
        assert_true(secret_box_open(fd, other, &none) < 0);
        ((uint8_t *)data)[i] ^= 1;
    }
    assert_int_equal(atomic_write_at(fd, SECRET_BOX_FILE, data, size - 1, 0600), 0);
    assert_int_equal(secret_box_open(fd, other, &none), -EBADMSG);
    assert_int_equal(rekey_folder(fd, one, other, &count), 0);
    assert_int_equal(count.left, 1);
    free(data);
    folder_done(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_changed_texts),
        cmocka_unit_test(test_file),
    };
    uint8_t key[KEK_SIZE] = {1};
    int r;

    if (secure_memory_init() < 0 || kek_new(key, &one) < 0)
        return EXIT_FAILURE;
    key[0] = 2;
    if (kek_new(key, &other) < 0)
        return EXIT_FAILURE;
    r = cmocka_run_group_tests(tests, NULL, NULL);
    kek_free(one);
    kek_free(other);
    return r;
}
