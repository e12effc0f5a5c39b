/* SPDX-License-Identifier: Apache-2.0 */
#include "known-grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TASK "crypto.execute"

static KnownGrants *make(void)
{
    KnownGrants *grants;

    assert_int_equal(known_grants_new(NULL, &grants), 0);
    return grants;
}

static void test_for_one_connection_and_task(void **state)
{
    KnownGrants *grants = make();

    assert_false(known_grants_has(grants, ":1.7", TASK, 1));
    assert_false(known_grants_has(grants, "", "", 0));
    known_grants_add(grants, ":1.7", TASK, 1);
    assert_false(known_grants_has(grants, ":1.70", TASK, 1));
    assert_false(known_grants_has(grants, ":1.", TASK, 1));
    assert_false(known_grants_has(grants, ":1.7", "crypto.write", 1));
    assert_false(known_grants_has(grants, ":1.7", "crypto.exec", 1));
    assert_true(known_grants_has(grants, ":1.7", TASK, 1));
    known_grants_free(grants);
}

static void test_for_a_while(void **state)
{
    KnownGrants *grants = make();

    known_grants_add(grants, ":1.7", TASK, 100);
    assert_false(known_grants_has(grants, ":1.7", TASK, 100 + KNOWN_GRANTS_USEC));
    assert_true(known_grants_has(grants, ":1.7", TASK, 99 + KNOWN_GRANTS_USEC));
    known_grants_free(grants);
}

static void test_until_something_changes(void **state)
{
    KnownGrants *grants = make();

    known_grants_add(grants, ":1.7", TASK, 1);
    known_grants_add(grants, ":1.8", TASK, 1);
    known_grants_forget(grants);
    assert_false(known_grants_has(grants, ":1.7", TASK, 1));
    assert_false(known_grants_has(grants, ":1.8", TASK, 1));
    known_grants_add(grants, ":1.8", TASK, 1);
    assert_true(known_grants_has(grants, ":1.8", TASK, 1));
    known_grants_free(grants);
}

/* A name that has an owner may get another one, and what is cut short is something else. */
static void test_what_is_not_kept(void **state)
{
    static const char long_name[] = ":1.123456789012345678901", long_task[] =
        "a-task-with-a-name-that-nobody-would-ever.execute";
    KnownGrants *grants = make();

    known_grants_add(grants, "org.example.Somebody", TASK, 1);
    known_grants_add(grants, long_name, TASK, 1);
    known_grants_add(grants, ":1.7", long_task, 1);
    assert_false(known_grants_has(grants, "org.example.Somebody", TASK, 1));
    assert_false(known_grants_has(grants, long_name, TASK, 1));
    assert_false(known_grants_has(grants, ":1.7", long_task, 1));
    known_grants_free(grants);
}

static void test_the_oldest_go(void **state)
{
    KnownGrants *grants = make();
    char name[24];

    for (unsigned i = 0; i <= KNOWN_GRANTS_MAX; i++) {
        (void)snprintf(name, sizeof(name), ":1.%u", i);
        known_grants_add(grants, name, TASK, 1);
    }
    assert_false(known_grants_has(grants, ":1.0", TASK, 1));
    assert_true(known_grants_has(grants, ":1.1", TASK, 1));
    assert_true(known_grants_has(grants, name, TASK, 1));
    known_grants_free(grants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_one_connection_and_task),
        cmocka_unit_test(test_for_a_while),
        cmocka_unit_test(test_until_something_changes),
        cmocka_unit_test(test_what_is_not_kept),
        cmocka_unit_test(test_the_oldest_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
