/* SPDX-License-Identifier: Apache-2.0 */
/* What the SNMP agent has told of: each notice once, whatever restarts, and none is lost. */
#include "test-common.h"

#include "atomic-file.h"
#include "pki-told.h"

static unsigned n_told;
static const PkiCertificate *last;

static void tell(const PkiCertificate *c)
{
    n_told++;
    last = c;
}

static PkiCertificate certificate(const char *trustpoint, const char *fingerprint, int64_t notice)
{
    return (PkiCertificate){.trustpoint = (char *)(uintptr_t)trustpoint,
                            .fingerprint = (char *)(uintptr_t)fingerprint,
                            .notice = notice};
}

/* Returns how many were told. */
static unsigned update(PkiTold *told, PkiCertificate *list, size_t n, int expected)
{
    const PkiView view = {.certificates = list, .n_certificates = n};

    n_told = 0;
    assert_int_equal(pki_told_update(told, &view, tell), expected);
    return n_told;
}

static void test_each_once(void **state)
{
    PkiCertificate list[] = {certificate("one", "AA", 0), certificate("one", "BB", 3),
                             certificate("two", "BB", 3)};
    char path[32];
    int fd = scratch_open(path);
    PkiTold told = {}, again = {};

    assert_int_equal(pki_told_load_at(&told, fd), 0);
    assert_int_equal(update(&told, list, 3, 1), 2);
    assert_int_equal(update(&told, list, 3, 0), 0);
    list[0].notice = 1;
    assert_int_equal(update(&told, list, 3, 1), 1);
    assert_ptr_equal(last, &list[0]);
    /* Remembered by who comes next, who tells what has come in between. */
    assert_int_equal(pki_told_save_at(&told, fd), 0);
    assert_int_equal(pki_told_load_at(&again, fd), 0);
    assert_int_equal(update(&again, list, 3, 0), 0);
    list[2].notice = 5;
    assert_int_equal(update(&again, list, 3, 1), 1);
    assert_ptr_equal(last, &list[2]);
    pki_told_done(&again);
    pki_told_done(&told);
    scratch_remove(fd, path);
}

static void test_taken_back_and_gone(void **state)
{
    PkiCertificate list[] = {certificate("one", "AA", 16), certificate("one", "AA", 16)};
    PkiTold told = {};

    /* One certificate in two places of a trustpoint has one notice. */
    assert_int_equal(update(&told, list, 2, 1), 1);
    list[0].notice = 3;
    assert_int_equal(update(&told, list, 1, 1), 0);
    list[0].notice = 4;
    assert_int_equal(update(&told, list, 1, 1), 1);
    assert_int_equal(update(&told, NULL, 0, 1), 0);
    assert_int_equal(update(&told, list, 1, 1), 1);
    pki_told_done(&told);
}

static void test_damaged(void **state)
{
    static const char *const bad[] = {"", "{", "[]", "{\"a\":\"1\"}", "{\"a\":-1}"};
    char path[32];
    int fd = scratch_open(path);

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        PkiTold told = {};

        assert_int_equal(atomic_write_at(fd, PKI_TOLD_FILE, bad[i], strlen(bad[i]), 0600), 0);
        assert_int_equal(pki_told_load_at(&told, fd), -EBADMSG);
        assert_null(told.notices);
        /* Out of the way. */
        assert_int_equal(pki_told_load_at(&told, fd), 0);
        pki_told_done(&told);
    }
    scratch_remove(fd, path);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_taken_back_and_gone),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
