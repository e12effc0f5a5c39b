/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "atomic-file.h"
#include "cleanup.h"
#include "few-descriptors.h"
#include "nonce-log.h"

static bool add(NonceLog *l, const char *nonce)
{
    bool seen;

    assert_return_code(nonce_log_add(l, nonce, false, &seen), 0);
    return seen;
}

/* F17 */
static void test_known_and_unknown(void **state)
{
    static NonceLog l;

    nonce_log_init(&l);
    assert_false(add(&l, "1580"));
    assert_true(add(&l, "1580"));
    assert_false(add(&l, "158"));
    assert_false(add(&l, "01580")); /* another text, which no verifier takes for the first */
    assert_true(add(&l, "158"));
    nonce_log_done(&l);
}

/* A token has the number: a verifier takes one text of it for the other. */
static void test_number(void **state)
{
    static NonceLog l;
    bool seen;

    nonce_log_init(&l);
    assert_return_code(nonce_log_add(&l, "1580", true, &seen), 0);
    assert_false(seen);
    assert_return_code(nonce_log_add(&l, "0x062C", true, &seen), 0);
    assert_true(seen);
    assert_return_code(nonce_log_add(&l, "1581", true, &seen), 0);
    assert_false(seen);
    assert_true(add(&l, "1581"));
    assert_false(add(&l, "0x62d"));
    assert_false(add(&l, "0xabc"));
    assert_return_code(nonce_log_add(&l, "0xabc", true, &seen), 0);
    assert_true(seen);
    nonce_log_done(&l);
}

static void test_oldest_goes_first(void **state)
{
    static NonceLog l;
    char nonce[16];

    nonce_log_init(&l);
    for (unsigned i = 0; i <= NONCE_LOG_MAX; i++) {
        (void)snprintf(nonce, sizeof nonce, "%u", i);
        assert_false(add(&l, nonce));
    }
    assert_true(add(&l, nonce));
    assert_true(add(&l, "1"));
    assert_false(add(&l, "0"));
    assert_false(add(&l, "1")); /* it went when that one came back */
    nonce_log_done(&l);
}

static NonceLog *fresh(NonceLog *l, int dirfd, int expected)
{
    nonce_log_init(l);
    assert_int_equal(nonce_log_load(l, dirfd), expected);
    return l;
}

/* A restart forgets nothing, and keeps the order; what is no list is moved aside. */
static void test_saved(void **state)
{
    static NonceLog l, again;
    char path[32], nonce[16];
    _cleanup_close_ int fd = scratch_open(path);
    struct rlimit before;

    (void)fresh(&l, fd, 0);
    assert_false(add(&l, "1580"));
    assert_int_equal(nonce_log_save(&l, fd), 0);
    assert_true(add(fresh(&again, fd, 0), "1580"));
    for (unsigned i = 0; i < NONCE_LOG_MAX; i++) {
        (void)snprintf(nonce, sizeof nonce, "0x%x", i);
        assert_false(add(&l, nonce));
    }
    assert_int_equal(nonce_log_save(&l, fd), 0);
    (void)fresh(&again, fd, 0);
    assert_true(add(&again, "0x0"));
    assert_true(add(&again, nonce));
    assert_false(add(&again, "1580"));
    assert_false(add(&again, "0x0")); /* the oldest, for which that one came */
    assert_true(add(&again, "0x2"));
    before = descriptors_leave(0);
    (void)fresh(&again, fd, -EMFILE);
    assert_int_equal(nonce_log_load_again(&again, fd), -EMFILE);
    descriptors_restore(before);
    assert_false(add(&again, "meanwhile"));
    assert_int_equal(nonce_log_save(&again, fd), -EMFILE);
    assert_true(add(fresh(&l, fd, 0), "0x2") && !add(&l, "other"));
    assert_int_equal(nonce_log_load_again(&again, fd), 0);
    assert_true(add(&again, "0x2") && add(&again, "meanwhile"));
    assert_int_equal(nonce_log_save(&again, fd), 0);
    assert_true(add(fresh(&again, fd, 0), "0x2") && add(&again, "meanwhile"));
    assert_int_equal(atomic_write_at(fd, "nonces", "short", 5, 0600), 0);
    assert_false(add(fresh(&again, fd, -EBADMSG), "0x2"));
    assert_int_equal(faccessat(fd, "nonces.corrupt", F_OK, 0), 0);
    (void)fresh(&again, fd, 0);
    assert_int_equal(unlinkat(fd, "nonces.corrupt", 0), 0);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_and_unknown),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_oldest_goes_first),
        cmocka_unit_test(test_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
