/* SPDX-License-Identifier: Apache-2.0 */
/* What keyd answered about the key of a certificate says nothing about one that came meanwhile. */
#include "test-certificates.h"

#include "key-view.h"

static StoredCertificate *certificates[3];

static StoredCertificate *make(void)
{
    static const TestCertificateSpec spec = {"a", "ecdsanistp256", NULL, true, 0, 4000000000};
    StoredCertificate *c;
    TestCertificate made;

    pki_make(&made, NULL, &spec);
    assert_int_equal(stored_certificate_new(made.der, (size_t)made.der_size, NULL, &c), 0);
    pki_free(&made);
    return c;
}

static int setup(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(certificates); i++)
        certificates[i] = make();
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < ELEMENTSOF(certificates); i++)
        stored_certificate_free(certificates[i]);
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
    const Trustpoint t = {.record.certificates = {[ROLE_CA] = certificates[0],
                                                  [ROLE_ROUTER] = certificates[1]}};
    KeyView v = key_view_take(&t, ROLE_ROUTER);

    assert_false(key_view_is_current(&v, &t, ROLE_CA));
    assert_true(key_view_is_current(&v, &t, ROLE_ROUTER));
    key_view_done(&v);
}

/* Step by step, as a certificate is replaced, and put back. */
static void test_replacement(void **state)
{
    Trustpoint t = {.record.certificates = {[ROLE_ROUTER] = certificates[0]}};
    KeyView v = key_view_take(&t, ROLE_ROUTER);

    t.record.staged = certificates[1];
    assert_outdated(&v, &t);
    t.record.certificates[ROLE_ROUTER] = certificates[1];
    t.record.staged = NULL;
    t.record.previous = certificates[0];
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
    StoredCertificate *first = make(), *other;
    Trustpoint t = {.record.certificates = {[ROLE_ROUTER] = first}};
    KeyView v = key_view_take(&t, ROLE_ROUTER);

    stored_certificate_free(first);
    other = make();
    assert_ptr_not_equal(other->shared, v.certificate);
    t.record.certificates[ROLE_ROUTER] = other;
    assert_outdated(&v, &t);
    key_view_done(&v);
    stored_certificate_free(other);
}

/* Many more than stay parsed: each is itself again, whenever it is asked for. */
static void test_parsed_again(void **state)
{
    StoredCertificate *all[40];

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        all[i] = make();
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
            _cleanup_(X509_freep) X509 *words = shared_certificate_words(all[i]->shared);
            _cleanup_(X509_freep) X509 *x = stored_certificate_x509(all[i]);
            _cleanup_openssl_free_ unsigned char *der = NULL;

            assert_int_equal(i2d_X509(words, &der), all[i]->shared->size);
            assert_memory_equal(der, all[i]->shared->der, all[i]->shared->size);
            assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
            assert_true(stored_certificate_is_by(all[i], all[i]));
            assert_false(stored_certificate_is_by(all[i], all[(i + 1) % ELEMENTSOF(all)]));
            assert_true(all[i]->brief->is_root);
        }
    shared_certificates_rest();
    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        stored_certificate_free(all[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_role),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_parsed_again),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
