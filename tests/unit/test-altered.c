/* SPDX-License-Identifier: Apache-2.0 */
/* PEERS F22: what was altered is not believed, whichever bit it is, and as many variants as
 * somebody likes leave nothing behind. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "bundle.h"
#include "make-certificate.h"
#include "verify.h"

/* With a sanitizer, which tells of leaks by itself, and takes its time. */
#define VARIANTS (SANITIZE_BUILD ? 5000U : 100000U)
#define GROWTH_MAX ((size_t)1 << 20)

static AuthorityList *make_pool(void)
{
    static const AuthorityRules rules = {.allow_expired = true};
    const CertificateRecipe recipe = {.name = "CA", .key_usage = "critical,keyCertSign"};
    AuthorityList *list = authority_list_new();
    size_t size;
    void *der = make_certificate_der(&recipe, &size);

    assert_int_equal(authority_list_add(list, der, size, &rules), 0);
    assert_int_equal(list->n, 1);
    free(der);
    return list;
}

static bool is_valid(const AuthorityList *pool, const void *der, size_t size)
{
    VerifyRequest request = {.purpose = "any",
                             .time = time(NULL),
                             .revocation = VERIFY_REVOCATION_NONE,
                             .lenient = true};
    VerifyVerdict verdict = {.valid = false};
    const char *reason;
    Buffer pem = {0};
    int r;

    buffer_add_pem(&pem, "CERTIFICATE", der, size);
    request.data = pem.data;
    request.size = pem.size;
    r = verify_chain(&request, pool, &verdict, &reason);
    assert_true(r == 0 || r == -EBADMSG);
    buffer_done(&pem);
    return r == 0 && verdict.valid;
}

static void test_every_bit(void **state)
{
    const CertificateRecipe recipe = {.name = "leaf", .issuer = "CA", .not_ca = true};
    _cleanup_(authority_list_freep) AuthorityList *pool = make_pool();
    size_t size;
    uint8_t *der = make_certificate_der(&recipe, &size);

    assert_true(is_valid(pool, der, size));
    for (size_t bit = 0; bit < 8 * size; bit++) {
        der[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (is_valid(pool, der, size))
            fail_msg("bit %zu of octet %zu makes no difference", bit % 8, bit / 8);
        der[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(is_valid(pool, der, size));
    free(der);
}

/* The same numbers each time. */
static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void read_variant(const Buffer *bundle, uint8_t *copy, uint32_t *seed)
{
    const AuthorityRules rules = {.now = 1800000000};
    AuthorityList *list = NULL;
    const char *reason;

    memcpy(copy, bundle->data, bundle->size);
    for (unsigned i = draw(seed) % 3; i < 3; i++)
        copy[draw(seed) % bundle->size] = (uint8_t)draw(seed);
    (void)bundle_parse(copy, bundle->size - draw(seed) % 4, &rules, &list, &reason);
    authority_list_free(list);
}

static void test_memory(void **state)
{
    const CertificateRecipe recipe = {.name = "one", .key_usage = "critical,keyCertSign"};
    Buffer bundles[2] = {{0}, {0}};
    uint32_t seed = 22;
    size_t size, before = 0;
    void *der = make_certificate_der(&recipe, &size);
    uint8_t *copy;

    buffer_add(&bundles[0], der, size);
    buffer_add_pem(&bundles[1], "CERTIFICATE", der, size);
    copy = malloc(bundles[1].size);
    /* What libraries keep from their first use on is not counted. */
    for (unsigned i = 0; i < VARIANTS; i++) {
        if (i == VARIANTS / 10)
            before = mallinfo2().uordblks;
        read_variant(&bundles[i % 2], copy, &seed);
    }
    assert_true(mallinfo2().uordblks <= before + GROWTH_MAX);
    free(copy);
    free(der);
    buffer_done(&bundles[0]);
    buffer_done(&bundles[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_bit),
                                       cmocka_unit_test(test_memory)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
