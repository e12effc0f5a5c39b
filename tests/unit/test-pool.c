/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "bundle.h"
#include "make-certificate.h"
#include "memfd.h"
#include "pool.h"

static const AuthorityRules any = {.allow_v1 = true, .allow_expired = true};

static AuthorityList *make_list(const CertificateRecipe *recipes, size_t n)
{
    AuthorityList *list = authority_list_new();

    for (size_t i = 0; i < n; i++) {
        size_t size;
        void *der = make_certificate_der(&recipes[i], &size);

        assert_int_equal(authority_list_add(list, der, size, &any), 0);
        free(der);
    }
    return list;
}

static json_object *list_of(const Pool *pool)
{
    _cleanup_(json_writer_freep) JsonWriter *w = NULL;
    _cleanup_close_ int fd = memfd_new("test");
    _cleanup_free_ void *text = NULL;
    json_object *o = NULL;
    size_t size;

    w = json_writer_new(fd);
    pool_write_list(pool, w);
    assert_int_equal(json_writer_finish(w), 0);
    assert_int_equal(memfd_seal(fd), 0);
    assert_int_equal(memfd_read(fd, SIZE_MAX, &text, &size), 0);
    assert_int_equal(json_parse(text, size, &o), 0);
    return o;
}

static void assert_element(json_object *list, size_t i, const char *source, const char *subject, bool active)
{
    json_object *o = json_object_array_get_idx(list, i);
    const char *text;
    bool flag;

    assert_int_equal(json_get_string(o, "source", &text), 0);
    assert_string_equal(text, source);
    assert_int_equal(json_get_string(o, "subject", &text), 0);
    assert_string_equal(text, subject);
    assert_int_equal(json_get_bool(o, "active", &flag), 0);
    assert_int_equal(flag, active);
    assert_int_equal(json_get_string(o, "certificate", &text), 0);
    assert_int_equal(json_object_object_length(o), 10);
}

static void test_empty(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *built_in = authority_list_new();
    _cleanup_(pool_freep) Pool *pool = NULL;
    _cleanup_json_ json_object *list = NULL;
    size_t size;

    assert_int_equal(pool_new(built_in, authority_list_new(), &pool), 0);
    assert_int_equal(pool_active(pool), 0);
    assert_int_equal(pool_earliest_expiry(pool), 0);
    assert_string_equal(pool_bundle(pool, &size), "");
    assert_int_equal(size, 0);
    list = list_of(pool);
    assert_int_equal(json_object_array_length(list), 0);
}

/* A downloaded CA with the subject of a built-in one takes its place; several may share a subject. */
static void test_same_subject(void **state)
{
    const CertificateRecipe built_in_recipes[] = {{.name = "A"}, {.name = "B", .days_until = 10}, {.name = "C"}};
    const CertificateRecipe downloaded_recipes[] = {{.name = "b", .days_until = 20}, {.name = "B", .days_until = 40}, {.name = "D", .days_until = 50}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = make_list(built_in_recipes, 3);
    _cleanup_(pool_freep) Pool *pool = NULL, *cleaned = NULL;
    _cleanup_json_ json_object *list = NULL;
    int64_t now = time(NULL);

    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 3), &pool), 0);
    assert_int_equal(pool_built_in(pool), 3);
    assert_int_equal(pool_downloaded(pool), 3);
    assert_int_equal(pool_active(pool), 5);
    list = list_of(pool);
    assert_int_equal(json_object_array_length(list), 6);
    assert_element(list, 0, "built-in", "CN=A", true);
    assert_element(list, 1, "built-in", "CN=B", false); /* names compare without regard to case, RFC 5280 section 7.1 */
    assert_element(list, 2, "built-in", "CN=C", true);
    assert_element(list, 3, "downloaded", "CN=b", true);
    assert_element(list, 4, "downloaded", "CN=B", true);
    assert_element(list, 5, "downloaded", "CN=D", true);
    /* The built-in B, the first to expire, does not count while it is inactive. */
    assert_in_range(pool_earliest_expiry(pool), now + 19 * 86400, now + 21 * 86400);

    assert_int_equal(pool_new(built_in, authority_list_new(), &cleaned), 0);
    assert_int_equal(pool_active(cleaned), 3);
    assert_in_range(pool_earliest_expiry(cleaned), now + 9 * 86400, now + 11 * 86400);
}

/* What is exported is what is active, and can be read again. */
static void test_bundle(void **state)
{
    const CertificateRecipe built_in_recipes[] = {{.name = "A"}, {.name = "B\nX y"}}, downloaded_recipes[] = {{.name = "A"}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = make_list(built_in_recipes, 2), *again = NULL;
    _cleanup_(pool_freep) Pool *pool = NULL;
    const char *text, *reason;
    size_t size;

    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 1), &pool), 0);
    text = pool_bundle(pool, &size);
    assert_int_equal(strlen(text), size);
    assert_int_equal(bundle_parse(text, size, &any, &again, &reason), 0);
    assert_int_equal(again->n, 2);
    assert_int_equal(authority_list_rejected(again), 0);
    assert_memory_equal(again->items[0]->der, built_in->items[1]->der, built_in->items[1]->der_size);
    assert_null(strstr(text, "\nX y"));
}

static void test_take(void **state)
{
    const CertificateRecipe recipes[] = {{.name = "A"}, {.name = "B"}};
    _cleanup_(authority_list_freep) AuthorityList *list = make_list(recipes, 2), *other = authority_list_new();

    assert_int_equal(authority_list_add(other, list->items[0]->der, list->items[0]->der_size, &any), 0);
    assert_int_equal(authority_list_take(other, list), 0);
    assert_int_equal(other->n, 2);
    assert_int_equal(list->n, 1);
    assert_string_equal(other->items[1]->summary.subject, "CN=B");
    assert_string_equal(list->items[0]->summary.subject, "CN=A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_same_subject),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_take),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
