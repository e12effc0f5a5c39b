/* SPDX-License-Identifier: Apache-2.0 */
#include "test-common.h"

#include "quota.h"

static void test_user(void **state)
{
    Quota q;

    quota_init(&q);
    assert_int_equal(quota_take(&q, 1, QUOTA_USER_MAX + 1), -EDQUOT);
    assert_int_equal(quota_take(&q, 1, UINT64_MAX), -EDQUOT);
    assert_int_equal(quota_take(&q, 1, QUOTA_USER_MAX), 0);
    assert_int_equal(quota_take(&q, 1, 1), -EDQUOT);
    assert_int_equal(quota_take(&q, 2, 1), 0);
    quota_release(&q, 1, 1);
    assert_int_equal(quota_take(&q, 1, 1), 0);
    quota_release(&q, 1, QUOTA_USER_MAX);
    quota_release(&q, 2, 1);
    assert_int_equal(q.all, 0);
    quota_done(&q);
}

static void test_all(void **state)
{
    Quota q;

    quota_init(&q);
    assert_int_equal(quota_take(&q, 1, QUOTA_USER_MAX), 0);
    assert_int_equal(quota_take(&q, 2, QUOTA_USER_MAX), 0);
    assert_int_equal(quota_take(&q, 3, QUOTA_USER_MAX), -EDQUOT);
    assert_int_equal(quota_take(&q, 3, QUOTA_ALL_MAX - 2 * QUOTA_USER_MAX), 0);
    quota_done(&q);
}

/* When every entry is in use, the next user is told to wait. */
static void test_users(void **state)
{
    Quota q;

    quota_init(&q);
    for (uid_t uid = 0; uid < QUOTA_USERS_MAX; uid++)
        assert_int_equal(quota_take(&q, uid, 1), 0);
    assert_int_equal(quota_take(&q, QUOTA_USERS_MAX, 1), -EDQUOT);
    quota_release(&q, 7, 1);
    assert_int_equal(quota_take(&q, QUOTA_USERS_MAX, 1), 0);
    assert_int_equal(q.all, QUOTA_USERS_MAX);
    quota_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
