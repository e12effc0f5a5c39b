/* SPDX-License-Identifier: Apache-2.0 */
/* A whole import, from the bundle's bytes to the exported files, killed at each system call, and on
 * a full disk: the pool is the old or the new one afterwards, and what other programs read is never
 * a part of either. */
#include "scratch-folder.h"

#include "atomic-file.h"
#include "export.h"
#include "interruptions.h"
#include "make-certificate.h"
#include "pool.h"
#include "store.h"
#include "trust-source.h"

#define OLD_SIZE 2
#define NEW_SIZE 3

typedef struct Router {
    char state_path[32], runtime_path[32];
    int state_fd, runtime_fd;
    Buffer bundles[2]; /* the old and the new one */
} Router;

static char url[] = "http://host/bundle.pem";

static void add_authority(Buffer *bundle, const char *name)
{
    const CertificateRecipe recipe = {.name = name};
    size_t size;
    void *der = make_certificate_der(&recipe, &size);

    buffer_add_pem(bundle, "CERTIFICATE", der, size);
    free(der);
}

static int set_up(void **state)
{
    static const char *const names[] = {"shared", "first", "shared", "second", "third"};
    Router *router = calloc(1, sizeof *router);

    router->state_fd = scratch_open(router->state_path);
    router->runtime_fd = scratch_open(router->runtime_path);
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        add_authority(&router->bundles[i >= OLD_SIZE], names[i]);
    *state = router;
    return 0;
}

static int tear_down(void **state)
{
    Router *router = *state;
    int fd = openat(router->runtime_fd, EXPORT_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    scratch_remove(fd, "");
    (void)unlinkat(router->runtime_fd, EXPORT_FOLDER, AT_REMOVEDIR);
    scratch_remove(router->state_fd, router->state_path);
    scratch_remove(router->runtime_fd, router->runtime_path);
    buffer_done(&router->bundles[0]);
    buffer_done(&router->bundles[1]);
    free(router);
    return 0;
}

/* What the daemon's worker does with what it has downloaded. */
static int import(const Router *router, const Buffer *bundle)
{
    static const StoreOrigin origin = {.url = url, .imported = 1700000000};
    const AuthorityRules rules = {.now = time(NULL)};
    AuthorityList *built_in = authority_list_new(), *list;
    const char *reason;
    Pool *pool;
    int r;

    r = bundle_parse(bundle->data, bundle->size, &rules, &list, &reason);
    if (r >= 0)
        r = pool_new(built_in, list, false, &pool);
    if (r >= 0)
        r = store_save(router->state_fd, &origin, pool_get_downloaded(pool));
    if (r < 0)
        return r;
    /* From here on it has happened: without these files it is told of, and made up for. */
    (void)export_pool(router->runtime_fd, pool_get_active(pool));
    return 0;
}

static int prepare(void *userdata)
{
    const Router *router = userdata;

    return import(router, &router->bundles[0]);
}

static int operate(void *userdata)
{
    const Router *router = userdata;

    return import(router, &router->bundles[1]);
}

/* How many certificates other programs find in the one file; all of it has to be good. */
static int count_exported(const Router *router)
{
    static const AuthorityRules any = {.allow_expired = true};
    AuthorityList *list;
    const char *reason;
    void *data;
    size_t size;
    int r = read_file_at(router->runtime_fd, EXPORT_FILE, BUNDLE_SIZE_MAX, &data, &size);

    if (r >= 0)
        r = bundle_parse(data, size, &any, &list, &reason);
    return r < 0 ? r : authority_list_rejected(list) > 0 ? -EBADMSG : (int)list->n;
}

/* And in p11-kit's form. */
static int count_source(const Router *router)
{
    static const AuthorityRules any = {.allow_expired = true};
    AuthorityList *list = authority_list_new();
    void *data;
    size_t size;
    int r = read_file_at(router->runtime_fd, EXPORT_TRUST_FILE, BUNDLE_SIZE_MAX, &data, &size);

    if (r >= 0)
        r = trust_source_parse((DerSpan){data, size}, &any, list);
    return r < 0 ? r : authority_list_rejected(list) > 0 ? -EBADMSG : (int)list->n;
}

/* And in the folder, each by itself. */
static int count_folder(const Router *router)
{
    static const AuthorityRules any = {.allow_expired = true};
    int fd = openat(router->runtime_fd, EXPORT_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        AuthorityList *list;
        const char *reason;
        void *data;
        size_t size;

        if (entry->d_name[0] == '.')
            continue;
        if (read_file_at(fd, entry->d_name, BUNDLE_SIZE_MAX, &data, &size) < 0 ||
            bundle_parse(data, size, &any, &list, &reason) < 0 || list->n != 1)
            return -EBADMSG;
        n++;
    }
    return dir ? n : -EBADMSG;
}

static bool is_whole(int n)
{
    return n == OLD_SIZE || n == NEW_SIZE;
}

/* The start of the daemon. Returns the number of certificates. */
static int start(const Router *router)
{
    AuthorityList *built_in = authority_list_new(), *list;
    StoreOrigin origin;
    Pool *pool;
    int r = remove_leftovers_at(router->state_fd);

    if (r >= 0)
        r = remove_leftovers_at(router->runtime_fd);
    if (r >= 0)
        r = store_load(router->state_fd, NULL, &list, &origin);
    if (r >= 0)
        r = pool_new(built_in, list, false, &pool);
    if (r >= 0)
        r = export_pool(router->runtime_fd, pool_get_active(pool));
    return r < 0 ? r : (int)pool_downloaded(pool);
}

static int inspect(void *userdata)
{
    const Router *router = userdata;
    int file = count_exported(router), folder = count_folder(router), source = count_source(router),
        n;

    /* While the daemon is away. */
    if (!is_whole(file) || !is_whole(folder) || !is_whole(source))
        return -EBADMSG;
    n = start(router);
    /* A file is never newer than what is stored, for that is what would be gone. */
    if (!is_whole(n) || file > n || folder > n || source > n)
        return n < 0 ? n : -EBADMSG;
    if (count_exported(router) != n || count_folder(router) != n || count_source(router) != n ||
        folder_count(router->state_fd) != 1 || folder_count(router->runtime_fd) != 3)
        return -EUCLEAN;
    return n == OLD_SIZE ? STATE_OLD : STATE_NEW;
}

static void test_import(void **state)
{
    const Operation whole = {
        .prepare = prepare, .operate = operate, .inspect = inspect, .userdata = *state};
    Interruption where = {0};
    int n = operation_kill_everywhere(&whole, &where);

    if (n < 0)
        fail_msg("killed at %u (%s): %d", where.number, where.call, where.state);
    /* Six to store, and for each file of the folder more than two. */
    assert_in_range(n, 6 + 2 * NEW_SIZE, 100);
    assert_int_equal(operation_fail_everywhere(&whole, ENOSPC, &where), n);
    assert_int_equal(operation_fail_everywhere(&whole, EIO, &where), n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_import, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(make_key());
    return failed;
}
