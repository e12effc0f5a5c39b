/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "export.h"
#include "make-certificate.h"
#include "pool.h"
#include "trust-source.h"

static Pool *make_pool(const CertificateRecipe *recipes, size_t n, AuthorityList *built_in)
{
    static const AuthorityRules any = {.allow_expired = true};
    AuthorityList *list = authority_list_new();
    Pool *pool = NULL;

    for (size_t i = 0; i < n; i++) {
        size_t size;
        void *der = make_certificate_der(&recipes[i], &size);

        assert_int_equal(authority_list_add(list, der, size, &any), 0);
        free(der);
    }
    assert_int_equal(pool_new(built_in, list, false, &pool), 0);
    return pool;
}

static int count(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        n += entry->d_name[0] != '.';
    return n;
}

/* OpenSSL's own look-up finds them, also those that share a subject. */
static void assert_found(const char *path, const Pool *pool, const Authority *authority)
{
    _cleanup_(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
    _cleanup_(x509_stack_freep) STACK_OF(X509) *found = NULL;
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    bool same = false;

    assert_true(X509_LOOKUP_add_dir(lookup, path, X509_FILETYPE_PEM));
    assert_true(X509_STORE_CTX_init(context, store, NULL, NULL));
    found = X509_STORE_CTX_get1_certs(context, authority->subject);
    for (int i = 0; i < sk_X509_num(found); i++) {
        uint8_t digest[EVP_MAX_MD_SIZE];

        assert_true(X509_digest(sk_X509_value(found, i), EVP_sha256(), digest, NULL));
        same = same || memcmp(digest, authority->digest, sizeof authority->digest) == 0;
    }
    assert_true(same);
}

/* The date from which on a CA is distrusted is there in p11-kit's form, and survives it. */
static void test_dates(void **state)
{
    static const AuthorityRules any = {.allow_expired = true};
    static const CertificateRecipe recipes[] = {{.name = "A"}, {.name = "B"}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = authority_list_new(),
                                                  *again = authority_list_new();
    _cleanup_(pool_freep) Pool *pool = make_pool(recipes, 2, built_in);
    const AuthorityList *active = pool_get_active(pool);
    _cleanup_free_ char *text = NULL;
    size_t size;

    active->items[1]->distrust_after = 1700000000;
    assert_int_equal(export_trust_source(active, &text, &size), 0);
    assert_non_null(strstr(text, "nss-server-distrust-after: \"%32%33%31%31%31%34%32%32%31%33"
                                 "%32%30%5a\"\n"));
    assert_int_equal(trust_source_parse((DerSpan){(const uint8_t *)text, size}, &any, again), 0);
    assert_int_equal(again->n, 2);
    assert_int_equal(authority_list_rejected(again), 0);
    for (size_t i = 0; i < 2; i++) {
        const Authority *found = authority_list_find(again, active->items[i]->digest);

        assert_non_null(found);
        assert_int_equal(found->distrust_after, active->items[i]->distrust_after);
    }
}

static void test_export(void **state)
{
    static const CertificateRecipe recipes[] = {{.name = "A"}, {.name = "a"}, {.name = "B"}},
                                   fewer[] = {{.name = "C"}};
    _cleanup_(authority_list_freep) AuthorityList *built_in = authority_list_new();
    _cleanup_(pool_freep) Pool *pool = make_pool(recipes, 3, built_in),
                               *second = make_pool(fewer, 1, built_in),
                               *none = make_pool(NULL, 0, built_in);
    char path[] = "/tmp/test-export-XXXXXX", certs[64];
    struct stat st;
    int fd;

    assert_non_null(mkdtemp(path));
    (void)snprintf(certs, sizeof certs, "%s/" EXPORT_FOLDER, path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)umask(077);
    assert_int_equal(export_pool(fd, pool_get_active(pool)), 0);
    assert_int_equal(count(fd, EXPORT_FOLDER), 3);
    assert_int_equal(fstatat(fd, EXPORT_FOLDER, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(fstatat(fd, EXPORT_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    for (size_t i = 0; i < 3; i++)
        assert_found(certs, pool, pool_get_downloaded(pool)->items[i]);

    /* The next one takes its place, whatever a killed process left half done. */
    assert_int_equal(mkdirat(fd, ".certs.new", 0700), 0);
    assert_int_equal(symlinkat("nowhere", fd, ".certs.new/00000000.0"), 0);
    assert_int_equal(export_pool(fd, pool_get_active(second)), 0);
    assert_int_equal(count(fd, EXPORT_FOLDER), 1);
    assert_found(certs, second, pool_get_downloaded(second)->items[0]);
    assert_int_equal(export_pool(fd, pool_get_active(none)), 0);
    assert_int_equal(count(fd, EXPORT_FOLDER), 0);
    assert_int_equal(count(fd, "."), 3);
    assert_int_equal(fstatat(fd, ".certs.new", &st, AT_SYMLINK_NOFOLLOW), -1);

    assert_int_equal(unlinkat(fd, EXPORT_FOLDER, AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(fd, EXPORT_FILE, 0), 0);
    assert_int_equal(unlinkat(fd, EXPORT_TRUST_FILE, 0), 0);
    assert_int_equal(rmdir(path), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dates), cmocka_unit_test(test_export)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
