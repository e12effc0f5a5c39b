/* SPDX-License-Identifier: Apache-2.0 */
/* Services find the certificates that are there, and no others, whenever enrolld was killed. */
#include "scratch-folder.h"
#include "test-certificates.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "consumers.h"

#define NOT_BEFORE INT64_C(1700000000)
#define NOT_AFTER (NOT_BEFORE + INT64_C(4000) * 86400)

typedef struct Fixture {
    void *state, *runtime; /* folders */
    Trustpoints trustpoints;
} Fixture;

static int fd_of(void *folder)
{
    return ((const Folder *)folder)->fd;
}

static void keep(int dirfd, const char *name, const TestCertificate *ca, const TestCertificate *own)
{
    const KeyName key = {(char[]){"ed25519"}, (char[]){"core-key"}};
    Record record = {.name = (char *)(uintptr_t)name};

    assert_int_equal(
        stored_certificate_new(ca->der, (size_t)ca->der_size, NULL, &record.certificates[ROLE_CA]),
        0);
    if (own)
        assert_int_equal(stored_certificate_new(own->der, (size_t)own->der_size, &key,
                                                &record.certificates[ROLE_ROUTER]),
                         0);
    assert_int_equal(record_write_at(dirfd, &record), 0);
    stored_certificate_free(record.certificates[ROLE_CA]);
    stored_certificate_free(record.certificates[ROLE_ROUTER]);
}

/* "core" is enrolled, "edge" has the CA's certificate only. */
static int set_up(void **state)
{
    Fixture *f = calloc(1, sizeof(*f));
    TestCertificate ca, own;

    assert_non_null(f);
    (void)folder_setup(&f->state);
    (void)folder_setup(&f->runtime);
    pki_make(&ca, NULL,
             &(TestCertificateSpec){"ca", "ed25519", "keyCertSign", true, NOT_BEFORE, NOT_AFTER});
    pki_make(&own, &ca,
             &(TestCertificateSpec){"core", "ed25519", "digitalSignature", false, NOT_BEFORE,
                                    NOT_AFTER});
    keep(fd_of(f->state), "core", &ca, &own);
    keep(fd_of(f->state), "edge", &ca, NULL);
    pki_free(&ca);
    pki_free(&own);
    assert_int_equal(trustpoints_init(&f->trustpoints, dup(fd_of(f->state)), 0, NULL), 0);
    for (const Trustpoint *t = f->trustpoints.first; t; t = t->next)
        assert_int_equal(consumers_export(fd_of(f->runtime), t), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *f = *state;

    trustpoints_done(&f->trustpoints);
    (void)folder_teardown(&f->state);
    (void)folder_teardown(&f->runtime);
    free(f);
    return 0;
}

static bool is_there(const Fixture *f, const char *name)
{
    return faccessat(fd_of(f->runtime), name, F_OK, 0) >= 0;
}

static void put(const Fixture *f, const char *name)
{
    int fd = openat(fd_of(f->runtime), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    (void)close(fd);
}

static void test_those_that_are_there(void **state)
{
    const Fixture *f = *state;

    assert_true(is_there(f, "core.pem") && is_there(f, "core.ca") && is_there(f, "edge.ca"));
    assert_int_equal(folder_count(fd_of(f->runtime)), 3);
    assert_int_equal(consumers_sweep(fd_of(f->runtime), &f->trustpoints), 0);
    assert_int_equal(folder_count(fd_of(f->runtime)), 3);
}

static ino_t place_of(const Fixture *f, const char *name)
{
    struct stat st;

    assert_int_equal(fstatat(fd_of(f->runtime), name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_ino;
}

/* What is right already stays as it is; what is longer, shorter, different or no file is written
 * anew. */
static void test_written_when_needed(void **state)
{
    const Fixture *f = *state;
    const Trustpoint *t = trustpoint_find(&f->trustpoints, "core");
    _cleanup_free_ void *good = NULL, *again = NULL;
    ino_t before = place_of(f, "core.ca");
    int runtime = fd_of(f->runtime);
    size_t size, n;

    assert_int_equal(consumers_export(runtime, t), 0);
    assert_true(place_of(f, "core.ca") == before);
    assert_int_equal(read_file_at(runtime, "core.ca", 65536, &good, &size), 0);
    for (size_t cut = 0; cut < 2; cut++) {
        _cleanup_free_ char *bad = malloc(size);

        memcpy(bad, good, size);
        bad[size / 2] ^= 1;
        assert_int_equal(atomic_write_at(runtime, "core.ca", cut ? good : bad, size - cut, 0644),
                         0);
        assert_int_equal(consumers_export(runtime, t), 0);
        assert_int_equal(read_file_at(runtime, "core.ca", 65536, &again, &n), 0);
        assert_int_equal(n, size);
        assert_memory_equal(again, good, size);
        free(TAKE_PTR(again));
    }
    assert_int_equal(unlinkat(runtime, "core.ca", 0), 0);
    assert_int_equal(symlinkat("core.pem", runtime, "core.ca"), 0);
    assert_int_equal(consumers_export(runtime, t), 0);
    assert_int_equal(read_file_at(runtime, "core.ca", 65536, &again, &n), 0);
    assert_int_equal(n, size);
}

/* Killed after the record was removed, and before the files were. */
static void test_those_of_another_time(void **state)
{
    Fixture *f = *state;

    assert_int_equal(record_remove_at(fd_of(f->state), "core"), 0);
    trustpoints_done(&f->trustpoints);
    assert_int_equal(trustpoints_init(&f->trustpoints, dup(fd_of(f->state)), 0, NULL), 0);
    put(f, "edge.pem");
    put(f, "never-was.pem");
    put(f, ".tmp-0123456789abcdef");
    put(f, "pem");
    assert_int_equal(consumers_sweep(fd_of(f->runtime), &f->trustpoints), 0);
    assert_true(is_there(f, "edge.ca") && is_there(f, "pem"));
    assert_int_equal(folder_count(fd_of(f->runtime)), 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_those_that_are_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_written_when_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_those_of_another_time, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
