/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "bundle.h"
#include "export.h"
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

static json_object *list_of(const Pool *pool, const PoolFilter *filter)
{
    _cleanup_(json_writer_freep) JsonWriter *w = NULL;
    _cleanup_close_ int fd = memfd_new("test");
    _cleanup_free_ void *text = NULL;
    json_object *o = NULL;
    size_t size;

    w = json_writer_new(fd);
    pool_write_list(pool, filter, w);
    assert_int_equal(json_writer_finish(w), 0);
    assert_int_equal(memfd_seal(fd), 0);
    assert_int_equal(memfd_read(fd, SIZE_MAX, &text, &size), 0);
    assert_int_equal(json_parse(text, size, &o), 0);
    return o;
}

static void assert_element(json_object *list, size_t i, const char *source, const char *subject,
                           bool active)
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
    assert_int_equal(json_object_object_length(o), 12);
}

static void test_empty(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *built_in = authority_list_new();
    _cleanup_(pool_freep) Pool *pool = NULL;
    _cleanup_json_ json_object *list = NULL;
    _cleanup_free_ char *text = NULL;
    size_t size;

    assert_int_equal(pool_new(built_in, authority_list_new(), false, &pool), 0);
    assert_int_equal(pool_active(pool), 0);
    assert_int_equal(pool_next_expiry(pool, INT64_MIN), 0);
    assert_int_equal(export_bundle(pool_get_active(pool), &text, &size), 0);
    assert_string_equal(text, "");
    assert_int_equal(size, 0);
    list = list_of(pool, &(PoolFilter){0});
    assert_int_equal(json_object_array_length(list), 0);
}

/* A downloaded CA with the subject of a built-in one takes its place; several may share a subject.
 */
static void test_same_subject(void **state)
{
    const CertificateRecipe built_in_recipes[] = {
        {.name = "A"}, {.name = "B", .days_until = 10}, {.name = "C"}};
    const CertificateRecipe downloaded_recipes[] = {{.name = "b", .days_until = 20},
                                                    {.name = "B", .days_until = 40},
                                                    {.name = "D", .days_until = 50}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = make_list(built_in_recipes, 3);
    _cleanup_(pool_freep) Pool *pool = NULL, *cleaned = NULL;
    _cleanup_json_ json_object *list = NULL;
    int64_t now = time(NULL);

    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 3), false, &pool), 0);
    assert_int_equal(pool_built_in(pool), 3);
    assert_int_equal(pool_downloaded(pool), 3);
    assert_int_equal(pool_active(pool), 5);
    list = list_of(pool, &(PoolFilter){0});
    assert_int_equal(json_object_array_length(list), 6);
    assert_element(list, 0, "built-in", "CN=A", true);
    assert_element(list, 1, "built-in", "CN=B",
                   false); /* names compare without regard to case, RFC 5280 section 7.1 */
    assert_element(list, 2, "built-in", "CN=C", true);
    assert_element(list, 3, "downloaded", "CN=b", true);
    assert_element(list, 4, "downloaded", "CN=B", true);
    assert_element(list, 5, "downloaded", "CN=D", true);
    /* The built-in B, the first to expire, does not count while it is inactive. */
    assert_in_range(pool_next_expiry(pool, INT64_MIN), now + 19 * 86400, now + 21 * 86400);

    assert_int_equal(pool_new(built_in, authority_list_new(), false, &cleaned), 0);
    assert_int_equal(pool_active(cleaned), 3);
    assert_in_range(pool_next_expiry(cleaned, INT64_MIN), now + 9 * 86400, now + 11 * 86400);
}

/* What is exported is what is active, and can be read again. */
static void test_bundle(void **state)
{
    const CertificateRecipe built_in_recipes[] = {{.name = "A"}, {.name = "B\nX y"}},
                            downloaded_recipes[] = {{.name = "A"}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = make_list(built_in_recipes, 2),
                                                  *again = NULL;
    _cleanup_(pool_freep) Pool *pool = NULL;
    _cleanup_free_ char *text = NULL;
    const char *reason;
    size_t size;

    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 1), false, &pool), 0);
    assert_int_equal(export_bundle(pool_get_active(pool), &text, &size), 0);
    assert_int_equal(strlen(text), size);
    assert_int_equal(bundle_parse(text, size, &any, &again, &reason), 0);
    assert_int_equal(again->n, 2);
    assert_int_equal(authority_list_rejected(again), 0);
    assert_memory_equal(again->items[0]->der, built_in->items[1]->der,
                        built_in->items[1]->der_size);
    assert_null(strstr(text, "\nX y"));
}

static void test_join(void **state)
{
    const CertificateRecipe recipes[] = {{.name = "A"}, {.name = "B"}};
    _cleanup_(authority_list_freep) AuthorityList *list = make_list(recipes, 2),
                                                  *other = authority_list_new();

    assert_int_equal(authority_list_add(other, list->items[0]->der, list->items[0]->der_size, &any),
                     0);
    assert_int_equal(authority_list_join(other, list), 0);
    assert_int_equal(other->n, 2);
    assert_int_equal(list->n, 2);
    assert_ptr_equal(other->items[1], list->items[1]);
    assert_ptr_not_equal(other->items[0], list->items[0]);
    assert_ptr_equal(authority_list_find(other, list->items[0]->digest), other->items[0]);
}

/* What is known is not parsed again, and judged all the same. */
static void test_known(void **state)
{
    const CertificateRecipe recipes[] = {{.name = "A"},
                                         {.name = "B", .days_from = -20, .days_until = -10}};
    _cleanup_(authority_list_freep) AuthorityList *known = make_list(recipes, 2),
                                                  *list = authority_list_new();
    const AuthorityRules rules = {.now = time(NULL), .known = known};

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            authority_list_add(list, known->items[i]->der, known->items[i]->der_size, &rules), 0);
    assert_int_equal(list->n, 1);
    assert_ptr_equal(list->items[0], known->items[0]);
    assert_int_equal(list->rejected[AUTHORITY_EXPIRED], 1);
    assert_int_equal(list->n_reports, 1);
    assert_int_equal(list->reports[0].number, 2);
    assert_ptr_equal(list->reports[0].authority, known->items[1]);
}

/* What is parsed already is judged as everybody is, and not parsed again. */
static void test_parsed(void **state)
{
    const CertificateRecipe recipes[] = {{.name = "A"},
                                         {.name = "B", .days_from = -20, .days_until = -10}};
    _cleanup_(authority_list_freep) AuthorityList *source = make_list(recipes, 2),
                                                  *list = authority_list_new();
    const AuthorityRules rules = {.now = time(NULL)};

    for (size_t i = 0; i < 3; i++) {
        _cleanup_(X509_freep) X509 *certificate = NULL, *again = NULL;

        assert_int_equal(authority_parse(source->items[i % 2], &certificate), 0);
        assert_int_equal(authority_parse(source->items[i % 2], &again), 0);
        assert_ptr_not_equal(certificate, again);
        assert_int_equal(authority_list_add_parsed(list, certificate, &rules), 0);
        X509_free(TAKE_PTR(again));
        assert_int_equal(authority_parse(list->items[0], &again), 0);
        assert_true((certificate == again) == (i == 0));
    }
    assert_int_equal(list->n, 1);
    assert_int_equal(list->rejected[AUTHORITY_EXPIRED], 1);
    assert_int_equal(list->rejected[AUTHORITY_DUPLICATE], 1);
    assert_int_equal(list->reports[1].number, 3);
    assert_int_equal(list->items[0]->der_size, source->items[0]->der_size);
    assert_memory_equal(list->items[0]->der, source->items[0]->der, source->items[0]->der_size);
    assert_memory_equal(list->items[0]->digest, source->items[0]->digest, AUTHORITY_DIGEST_SIZE);
    assert_memory_equal(list->items[0]->key_digest, source->items[0]->key_digest,
                        AUTHORITY_DIGEST_SIZE);
}

/* Enough for the table of digests to grow several times. */
static void test_many(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();

    for (int i = 0; i < 600; i++) {
        char name[16];
        size_t size;
        void *der;

        (void)snprintf(name, sizeof name, "CA %d", i / 2);
        der = make_certificate_der(&(CertificateRecipe){.name = name}, &size);
        assert_int_equal(authority_list_add(list, der, size, &any), 0);
        assert_int_equal(authority_list_add(list, der, size, &any), 0);
        free(der);
    }
    assert_int_equal(list->n, 600);
    assert_int_equal(list->rejected[AUTHORITY_DUPLICATE], 600);
    for (size_t i = 0; i < list->n; i++)
        assert_ptr_equal(authority_list_find(list, list->items[i]->digest), list->items[i]);
    for (size_t i = 0; i < list->n; i++) {
        const Authority *one = list->items[i], *named;
        size_t at = 0, n = 0;

        while ((named = authority_list_next_named(list, one->subject, one->subject_hash, &at))) {
            assert_ptr_equal(named, list->items[at - 1]);
            assert_true(authority_same_subject(one, named));
            n++;
        }
        assert_int_equal(n, 2);
    }
}

/* "crypto ca rsa 1024 disable": weak ones are inactive wherever they come from, and take no place
 * from others. */
static void test_weak(void **state)
{
    const CertificateRecipe built_in_recipes[] = {
        {.name = "A", .rsa_bits = 1024}, {.name = "B"}, {.name = "C", .rsa_bits = 2048}};
    const CertificateRecipe downloaded_recipes[] = {{.name = "B", .rsa_bits = 1024}, {.name = "D"}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = make_list(built_in_recipes, 3);
    _cleanup_(pool_freep) Pool *pool = NULL, *all = NULL;
    _cleanup_json_ json_object *list = NULL;

    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 2), true, &pool), 0);
    assert_int_equal(pool_active(pool), 3);
    list = list_of(pool, &(PoolFilter){0});
    assert_element(list, 0, "built-in", "CN=A", false);
    assert_element(list, 1, "built-in", "CN=B", true);
    assert_element(list, 2, "built-in", "CN=C", true);
    assert_element(list, 3, "downloaded", "CN=B", false);
    assert_element(list, 4, "downloaded", "CN=D", true);
    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 2), false, &all), 0);
    assert_int_equal(pool_active(all), 4);
}

static void assert_found(const Pool *pool, const PoolFilter *filter, size_t n)
{
    _cleanup_json_ json_object *list = list_of(pool, filter);

    assert_int_equal(json_object_array_length(list), n);
}

static void test_search(void **state)
{
    const CertificateRecipe built_in_recipes[] = {{.name = "Alpha Root"}, {.name = "Beta Root"}},
                            downloaded_recipes[] = {{.name = "Gamma"}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = make_list(built_in_recipes, 2);
    _cleanup_(pool_freep) Pool *pool = NULL;
    const char *fingerprint = built_in->items[1]->summary.sha1_fingerprint;

    assert_int_equal(pool_new(built_in, make_list(downloaded_recipes, 1), false, &pool), 0);
    assert_found(pool, &(PoolFilter){.subject = "Delta"}, 0);
    assert_found(pool, &(PoolFilter){.subject = "root"}, 2);
    assert_found(pool, &(PoolFilter){.subject = "CN=gamma"}, 1);
    assert_found(pool, &(PoolFilter){.fingerprint = "no hex"}, 0);
    assert_found(pool, &(PoolFilter){.fingerprint = fingerprint}, 1);
    assert_found(pool, &(PoolFilter){.fingerprint = fingerprint, .subject = "alpha"}, 0);
    assert_found(pool, &(PoolFilter){.fingerprint = fingerprint, .subject = "beta"}, 1);
    assert_found(pool, &(PoolFilter){.fingerprint = ""}, 3);
    assert_found(pool, &(PoolFilter){.subject = ""}, 3);
    assert_found(pool, &(PoolFilter){.subject = "root\n"}, 0);
}

/* How many a look at each of them finds. */
static size_t count(const AuthorityList *list, const char *prefix, const char *part)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const CertificateSummary *s = &list->items[i]->summary;
        size_t length = prefix ? strlen(prefix) : 0;

        n += (!prefix || strncasecmp(s->sha256_fingerprint, prefix, length) == 0 ||
              strncasecmp(s->sha1_fingerprint, prefix, length) == 0) &&
             (!part || strcasestr(s->subject, part));
    }
    return n;
}

/* The beginnings of fingerprints of every length, and parts of subjects, of many. */
static void test_search_among_many(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *built_in = authority_list_new(), *list = NULL;
    static char names[200][32];
    CertificateRecipe recipes[200] = {{0}};
    _cleanup_(pool_freep) Pool *pool = NULL;

    for (size_t i = 0; i < ELEMENTSOF(recipes); i++) {
        (void)snprintf(names[i], sizeof names[i], "Root %zu", i);
        recipes[i].name = names[i];
    }
    list = make_list(recipes, ELEMENTSOF(recipes));
    assert_int_equal(pool_new(built_in, make_list(NULL, 0), false, &pool), 0);
    pool = pool_free(pool);
    assert_int_equal(pool_new(list, make_list(NULL, 0), false, &pool), 0);
    for (size_t i = 0; i < list->n; i += 7)
        for (size_t length = 1; length <= 64; length += length < 6 ? 1 : 17) {
            char prefix[65];

            (void)snprintf(prefix, sizeof prefix, "%.*s", (int)length,
                           i % 2 ? list->items[i]->summary.sha256_fingerprint
                                 : list->items[i]->summary.sha1_fingerprint);
            for (char *p = prefix; i % 3 && *p; p++)
                *p = (char)tolower((unsigned char)*p);
            assert_found(pool, &(PoolFilter){.fingerprint = prefix}, count(list, prefix, NULL));
        }
    for (size_t i = 0; i < list->n; i += 11)
        assert_found(pool, &(PoolFilter){.subject = names[i]}, count(list, NULL, names[i]));
    assert_found(pool, &(PoolFilter){.subject = "ROOT 1"}, 111);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),  cmocka_unit_test(test_same_subject),
        cmocka_unit_test(test_bundle), cmocka_unit_test(test_join),
        cmocka_unit_test(test_known),  cmocka_unit_test(test_parsed),
        cmocka_unit_test(test_many),   cmocka_unit_test(test_weak),
        cmocka_unit_test(test_search), cmocka_unit_test(test_search_among_many),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
