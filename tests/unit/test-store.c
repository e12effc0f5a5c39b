/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch-folder.h"

#include "atomic-file.h"
#include "interruptions.h"
#include "make-certificate.h"
#include "store.h"
#include "trust-source.h"

static AuthorityList *make_list(void)
{
    static const AuthorityRules any = {.allow_expired = true};
    AuthorityList *list = authority_list_new();

    for (int i = 0; i < 3; i++) {
        const CertificateRecipe recipe = {
            .name = "CA", .days_from = -20, .days_until = i == 0 ? -10 : 10};
        size_t size;
        void *der = make_certificate_der(&recipe, &size);

        assert_int_equal(authority_list_add(list, der, size, &any), 0);
        free(der);
    }
    return list;
}

static void assert_same(const AuthorityList *a, const AuthorityList *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        assert_string_equal(a->items[i]->summary.sha256_fingerprint,
                            b->items[i]->summary.sha256_fingerprint);
}

static char url[] = "http://host/bundle.p7b", etag[] = "\"7\"";
static const StoreOrigin from_server = {url, etag, etag, 1700000000},
                         from_file = {url, NULL, NULL, 1700000000};

static int load(int dirfd, AuthorityList **ret)
{
    StoreOrigin origin = {0};
    int r = store_load(dirfd, NULL, ret, &origin);

    store_origin_done(&origin);
    return r;
}

static void test_save_and_load(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = make_list(), *none = NULL, *loaded = NULL,
                                                  *cleared = NULL;
    _cleanup_(store_origin_done) StoreOrigin origin = {0};
    const Folder *folder = *state;
    struct stat st;

    assert_int_equal(load(folder->fd, &none), 0);
    assert_int_equal(none->n, 0);
    assert_int_equal(store_save(folder->fd, &from_server, list), 0);
    assert_int_equal(fstatat(folder->fd, STORE_FILE, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    /* The expired one too: a clock does not remove anything. */
    assert_int_equal(store_load(folder->fd, NULL, &loaded, &origin), 0);
    assert_string_equal(origin.url, "http://host/bundle.p7b");
    assert_string_equal(origin.etag, "\"7\"");
    assert_int_equal(origin.imported, 1700000000);
    assert_same(loaded, list);
    assert_int_equal(store_clear(folder->fd), 0);
    assert_int_equal(store_clear(folder->fd), 0);
    assert_int_equal(load(folder->fd, &cleared), 0);
    assert_int_equal(cleared->n, 0);
}

/* Cut off anywhere, or with any of its bytes changed, the file is whole or corrupt, and never a
 * part of what was imported. */
static void test_corrupt(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = make_list();
    const Folder *folder = *state;
    _cleanup_free_ char *text = NULL;
    size_t size;

    assert_int_equal(store_save(folder->fd, &from_file, list), 0);
    assert_int_equal(read_file_at(folder->fd, STORE_FILE, 1 << 20, (void **)&text, &size), 0);
    for (size_t cut = 0; cut < size; cut += 31) {
        AuthorityList *loaded = NULL;

        assert_int_equal(atomic_write_at(folder->fd, STORE_FILE, text, cut, 0600), 0);
        assert_int_equal(load(folder->fd, &loaded), -EBADMSG);
        assert_null(loaded);
    }
    for (size_t i = 0; i < size; i += 13) {
        AuthorityList *loaded = NULL;
        char before = text[i];

        text[i] ^= 1;
        assert_int_equal(atomic_write_at(folder->fd, STORE_FILE, text, size, 0600), 0);
        assert_int_equal(load(folder->fd, &loaded), -EBADMSG);
        assert_null(loaded);
        text[i] = before;
    }
}

static void test_not_ours(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"format\":1,\"url\":\"u\",\"imported\":1,\"certificates\":[],\"sha256\":\"\"}",
        "{\"format\":2,\"url\":\"u\",\"imported\":1,\"certificates\":[\"AAAA\"],\"sha256\":\"\"}",
        "{\"format\":1,\"url\":\"u\",\"imported\":1,\"certificates\":[\"AAAA\"],\"sha256\":\"\"}",
        "{\"format\":1,\"url\":\"u\",\"imported\":1,\"certificates\":[7],\"sha256\":\"\"}",
        "{\"format\":1,\"url\":\"u\",\"imported\":1,\"certificates\":[null],\"sha256\":\"\"}",
        "{\"format\":1,\"url\":\"u\",\"imported\":1,\"certificates\":{}}",
        ("{\"format\":1,\"url\":\"u\",\"imported\":1,\"certificates\":[\"AAAA\"],\"sha256\":\"\","
         "\"more\":1}"),
    };
    const Folder *folder = *state;
    AuthorityList *loaded = NULL;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        assert_int_equal(atomic_write_at(folder->fd, STORE_FILE, texts[i], strlen(texts[i]), 0600),
                         0);
        assert_int_equal(load(folder->fd, &loaded), -EBADMSG);
    }
    assert_int_equal(store_clear(folder->fd), 0);
    assert_int_equal(symlinkat("/etc/passwd", folder->fd, STORE_FILE), 0);
    assert_int_equal(load(folder->fd, &loaded), -EBADMSG);
    assert_int_equal(store_clear(folder->fd), 0);
    assert_int_equal(mkfifoat(folder->fd, STORE_FILE, 0600), 0);
    assert_int_equal(load(folder->fd, &loaded), -EBADMSG);
    assert_null(loaded);
}

static void write_pem(const Folder *folder, const char *name, const CertificateRecipe *recipe)
{
    Buffer b = {0};
    size_t size;
    void *der = make_certificate_der(recipe, &size);

    buffer_add_pem(&b, "CERTIFICATE", der, size);
    assert_int_equal(atomic_write_at(folder->fd, name, b.data, b.size, 0644), 0);
    buffer_done(&b);
    free(der);
}

static void test_built_in(void **state)
{
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
    _cleanup_free_ char *name = NULL;
    const Folder *folder = *state;
    char path[64];

    (void)snprintf(path, sizeof path, "%s/missing", folder->path);
    assert_int_equal(store_read_built_in(path, list), -ENOENT);
    assert_int_equal(store_read_built_in_folder(path, list, &name), 0);
    assert_int_equal(store_read_built_in("/dev/null", list), -EBADF);
    assert_int_equal(list->n, 0);

    write_pem(folder, "2.pem", &(CertificateRecipe){.name = "two"});
    write_pem(folder, "1.pem", &(CertificateRecipe){.name = "one", .version1 = true});
    write_pem(folder, "no.crt", &(CertificateRecipe){.name = "another kind of file"});
    write_pem(folder, ".hidden.pem", &(CertificateRecipe){.name = "hidden"});
    assert_int_equal(symlinkat("2.pem", folder->fd, "3.pem"), 0);
    assert_int_equal(atomic_write_at(folder->fd, "1a.pem", "-----BEGIN", 10, 0644), 0);
    assert_int_equal(store_read_built_in_folder(folder->path, list, &name), -EBADMSG);
    assert_string_equal(name, "1a.pem");
    /* The others are there all the same, in order, each once. */
    assert_int_equal(list->n, 2);
    assert_string_equal(list->items[0]->summary.subject, "CN=one");
    assert_string_equal(list->items[1]->summary.subject, "CN=two");
}

/* p11-kit's form, which has dates: of a CA of its own, and of one that is there already. */
static void test_trust_source(void **state)
{
    static const struct {
        const char *date;
        int64_t expected; /* -1: left out */
    } dates[] = {
        {"false", 0},
        {"\"\"", 0},
        {"\"%00\"", 0},
        {"\"250101000000Z\"", 1735689600},
        {"\"%32%35%30%31%30%31%30%30%30%30%30%30%5a\"", 1735689600},
        {"\"250101000000\"", -1},
        {"\"2501010000000Z\"", -1},
        {"\"251301000000Z\"", -1},
        {"\"%3\"", -1},
        {"\"%zz\"", -1},
        {"\"", -1},
        {"soon", -1},
    };
    const CertificateRecipe recipe = {.name = "CA"};
    size_t size;
    void *der = make_certificate_der(&recipe, &size);

    for (size_t i = 0; i < ELEMENTSOF(dates); i++) {
        static const AuthorityRules any = {.allow_v1 = true};
        _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();
        Buffer b = {0};

        buffer_add_text(&b, "# CAs\n[p11-kit-object-v1]\nclass: nss-trust\nfoo: bar\n"
                            "[p11-kit-object-v1]\ntrusted: true\nnss-server-distrust-after: ");
        buffer_add_text(&b, dates[i].date);
        buffer_add_text(&b, "\r\n");
        buffer_add_pem(&b, "CERTIFICATE", der, size);
        if (i % 2 > 0)
            assert_int_equal(authority_list_add(list, der, size, &any), 0);
        assert_int_equal(trust_source_parse((DerSpan){b.data, b.size}, &any, list), 0);
        assert_int_equal(list->n, i % 2 > 0 || dates[i].expected >= 0 ? 1 : 0);
        assert_int_equal(list->rejected[AUTHORITY_MALFORMED], dates[i].expected < 0);
        if (dates[i].expected >= 0)
            assert_int_equal(list->items[0]->distrust_after, dates[i].expected);
        assert_int_equal(trust_source_parse((DerSpan){der, size}, &any, list), -EBADMSG);
        buffer_done(&b);
    }
    free(der);
}

/* --- Killed, and failed, at each system call -------------------------------------------------- */

static int save_list(const Folder *folder, bool more)
{
    AuthorityList *list = make_list();

    if (more) {
        AuthorityList *second = make_list();
        int r = authority_list_join(list, second);

        if (r < 0)
            return r;
    }
    return store_save(folder->fd, &from_server, list);
}

static int prepare(void *userdata)
{
    return save_list(userdata, false);
}

static int import_more(void *userdata)
{
    return save_list(userdata, true);
}

static int clear(void *userdata)
{
    return store_clear(((const Folder *)userdata)->fd);
}

/* The number of certificates, with nothing beside them. */
static int count_stored(const Folder *folder)
{
    AuthorityList *list;
    int r = remove_leftovers_at(folder->fd);

    if (r >= 0)
        r = load(folder->fd, &list);
    if (r < 0)
        return r;
    return folder_count(folder->fd) == (list->n > 0) ? (int)list->n : -EUCLEAN;
}

static int inspect_imported(void *userdata)
{
    int n = count_stored(userdata);

    return n < 0 ? n : n == 3 ? STATE_OLD : n == 6 ? STATE_NEW : -EBADMSG;
}

static int inspect_cleared(void *userdata)
{
    int n = count_stored(userdata);

    return n < 0 ? n : n == 3 ? STATE_OLD : n == 0 ? STATE_NEW : -EBADMSG;
}

static void test_interrupted_everywhere(void **state)
{
    const Operation import = {prepare, NULL, import_more, inspect_imported, *state},
                    removal = {prepare, NULL, clear, inspect_cleared, *state};

    assert_int_equal(operation_kill_everywhere(&import, NULL), 6);
    assert_int_equal(operation_fail_everywhere(&import, ENOSPC, NULL), 6);
    assert_int_equal(operation_kill_everywhere(&removal, NULL), 2);
    assert_int_equal(operation_fail_everywhere(&removal, EROFS, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust_source),
        cmocka_unit_test_setup_teardown(test_save_and_load, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_corrupt, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_not_ours, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_built_in, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_everywhere, folder_setup, folder_teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
