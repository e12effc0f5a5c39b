/* SPDX-License-Identifier: Apache-2.0 */
/* What keyd answered about the key of a certificate says nothing about one that came meanwhile. */
#include "test-common.h"

#include "key-view.h"

static StoredCertificate certificates[3];

static int setup(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(certificates); i++)
        certificates[i].x509 = X509_new();
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(certificates); i++)
        X509_free(certificates[i].x509);
    return 0;
}

static void assert_outdated(KeyView *v, const Trustpoint *t)
{
    assert_false(key_view_is_current(v, t, ROLE_ROUTER));
    key_view_done(v);
    *v = key_view_take(t, ROLE_ROUTER);
    assert_true(key_view_is_current(v, t, ROLE_ROUTER));
}

static void test_other_role(void **state)
{
    const Trustpoint t = {.record.certificates = {[ROLE_CA] = &certificates[0],
                                                  [ROLE_ROUTER] = &certificates[1]}};
    KeyView v = key_view_take(&t, ROLE_ROUTER);

    assert_false(key_view_is_current(&v, &t, ROLE_CA));
    assert_true(key_view_is_current(&v, &t, ROLE_ROUTER));
    key_view_done(&v);
}

/* Step by step, as a certificate is replaced, and put back. */
static void test_replacement(void **state)
{
    Trustpoint t = {.record.certificates = {[ROLE_ROUTER] = &certificates[0]}};
    KeyView v = key_view_take(&t, ROLE_ROUTER);

    t.record.staged = &certificates[1];
    assert_outdated(&v, &t);
    t.record.certificates[ROLE_ROUTER] = &certificates[1];
    t.record.staged = NULL;
    t.record.previous = &certificates[0];
    assert_outdated(&v, &t);
    /* Only where the way is back, the previous one counts. */
    t.record.undo = true;
    assert_outdated(&v, &t);
    t.record.certificates[ROLE_ROUTER] = NULL;
    assert_outdated(&v, &t);
    key_view_done(&v);
}

/* What was freed meanwhile is kept: nothing that comes can be in its place. */
static void test_kept(void **state)
{
    StoredCertificate first = {.x509 = X509_new()};
    Trustpoint t = {.record.certificates = {[ROLE_ROUTER] = &first}};
    KeyView v = key_view_take(&t, ROLE_ROUTER);

    X509_free(first.x509);
    first.x509 = X509_new();
    assert_outdated(&v, &t);
    key_view_done(&v);
    X509_free(first.x509);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_role),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_kept),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
