/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of poold's words about a certificate. */
#include "test-common.h"

#include "verdict.h"

static void test_words(void **state)
{
    Verdict v = {.kind = VERDICT_BAD};

    assert_int_equal(verdict_set(&v, "", "ok", 0, NULL), -EBADMSG);
    assert_int_equal(verdict_set(&v, "Good", "ok", 0, NULL), -EBADMSG);
    assert_int_equal(v.kind, VERDICT_BAD);
    assert_int_equal(verdict_set(&v, "bad", "certificate has expired", 0, NULL), 0);
    assert_int_equal(v.kind, VERDICT_BAD);
    assert_string_equal(v.reason, "certificate has expired");
    assert_int_equal(verdict_set(&v, "good", "ok", 0, NULL), 0);
    assert_int_equal(v.kind, VERDICT_GOOD);
    assert_string_equal(v.reason, "");
}

static void test_revoked(void **state)
{
    Verdict v;

    assert_int_equal(verdict_set(&v, "revoked", "certificate revoked", 0, NULL), 0);
    assert_int_equal(v.kind, VERDICT_REVOKED);
    assert_string_equal(v.reason, "its CA has revoked it");
    assert_int_equal(verdict_set(&v, "revoked", "certificate revoked", 1, NULL), 0);
    assert_string_equal(v.reason, "a CA above it is revoked");
}

/* That nobody can be asked is another thing than that he does not answer. */
static void test_unknown(void **state)
{
    Verdict v;

    assert_int_equal(verdict_set(&v, "unknown", "unable to get certificate CRL", 0, NULL), 0);
    assert_int_equal(v.kind, VERDICT_UNKNOWN);
    assert_false(v.unreachable);
    assert_string_equal(v.reason, "unable to get certificate CRL");
    assert_int_equal(verdict_set(&v, "unknown", "unable to get certificate CRL", 0, "x: no"), 0);
    assert_true(v.unreachable);
    assert_string_equal(v.reason, "x: no");
    /* Of a bad one a problem is none. */
    assert_int_equal(verdict_set(&v, "bad", "no", 0, "x: no"), 0);
    assert_false(v.unreachable);
    assert_string_equal(v.reason, "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_revoked),
                                       cmocka_unit_test(test_unknown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
