/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that are listed before the walk comes to them: what is not what was asked for is not
 * taken, and what a scan says is the same with any number of threads. */
#include "fixture-tree.h"

#include <sched.h>
#include <time.h>

#include "inventory-pack.h"
#include "scan-internal.h"

#define FOLDERS 40U

typedef struct Fixture {
    FixtureTree tree;
    Folder *root;
    Ahead *ahead;
} Fixture;

static Look look_at(const Fixture *f, const char *name)
{
    Look seen;

    look(f->tree.fd, name, &seen);
    assert_int_equal(seen.error, 0);
    return seen;
}

/* Asks until another thread was there first. */
static Listing take(Fixture *f, const char *name)
{
    const Look seen = look_at(f, name);
    Listing listing;
    int r = -EAGAIN;

    while (r == -EAGAIN) {
        assert_true(ahead_ask(f->ahead, f->root, name, &seen, 1));
        (void)sched_yield();
        r = ahead_take(f->ahead, f->root, name, &seen, &listing);
    }
    assert_int_equal(r, 0);
    return listing;
}

static void test_listing(void **state)
{
    Fixture *f = *state;
    Listing listing;

    tree_file(&f->tree, "folder/b", "1234");
    tree_file(&f->tree, "folder/a/x", "");
    assert_return_code(mkfifoat(f->tree.fd, "folder/c", 0600), errno);
    listing = take(f, "folder");
    assert_int_equal(listing.names.n, 3);
    assert_int_equal(listing.n_looks, 3);
    assert_string_equal(listing.names.data + listing.names.offsets[0], "a");
    assert_true(S_ISDIR(listing.looks[0].mode));
    assert_int_equal(listing.looks[1].size, 4);
    assert_true(S_ISFIFO(listing.looks[2].mode));
    assert_false(listing.names.more);
    listing_done(&listing);
}

/* By the time that the walk comes there. */
static void test_not_that(void **state)
{
    Fixture *f = *state;
    Listing listing;
    Look seen, now;

    tree_file(&f->tree, "folder/x", "");
    seen = look_at(f, "folder");
    assert_int_equal(ahead_take(f->ahead, f->root, "folder", &seen, &listing), -ENOENT);

    assert_true(ahead_ask(f->ahead, f->root, "folder", &seen, 1));
    tree_file(&f->tree, "other/x", "");
    assert_return_code(renameat(f->tree.fd, "folder", f->tree.fd, "moved"), errno);
    assert_return_code(renameat(f->tree.fd, "other", f->tree.fd, "folder"), errno);
    now = look_at(f, "folder");
    assert_int_equal(ahead_take(f->ahead, f->root, "folder", &now, &listing), -EAGAIN);

    assert_true(ahead_ask(f->ahead, f->root, "folder", &seen, 1)); /* what is not there any more */
    assert_int_equal(ahead_take(f->ahead, f->root, "folder", &seen, &listing), -EAGAIN);
    assert_return_code(mkfifoat(f->tree.fd, "fifo", 0600), errno);
    assert_true(ahead_ask(f->ahead, f->root, "fifo", &seen, 1));
    assert_int_equal(ahead_take(f->ahead, f->root, "fifo", &seen, &listing), -EAGAIN);
    assert_return_code(symlinkat("moved", f->tree.fd, "link"), errno);
    assert_true(ahead_ask(f->ahead, f->root, "link", &seen, 1));
    assert_int_equal(ahead_take(f->ahead, f->root, "link", &seen, &listing), -EAGAIN);
}

/* However many there are, and however large, no more than some are held. */
static void test_limits(void **state)
{
    Fixture *f = *state;
    unsigned n = 0;
    Listing listing;
    char name[256];
    Look seen;

    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "large/%0200u", i);
        tree_file(&f->tree, name, "");
    }
    seen = look_at(f, "large");
    while (ahead_ask(f->ahead, f->root, "large", &seen, 1))
        n++;
    assert_true(n > 1);
    ahead_forget(f->ahead, 2);
    assert_int_equal(ahead_take(f->ahead, f->root, "large", &seen, &listing), -EAGAIN);
    assert_true(ahead_ask(f->ahead, f->root, "large", &seen, 2));
    assert_false(ahead_ask(f->ahead, f->root, "large", &seen, 2));
    ahead_forget(f->ahead, 1);
    tree_file(&f->tree, "small/x", "");
    listing = take(f, "small");
    listing_done(&listing);
}

static void test_no_threads(void **state)
{
    Fixture *f = *state;
    const Look seen = look_at(f, "");
    Ahead *ahead;

    assert_int_equal(ahead_new(0, &ahead), 0);
    assert_false(ahead_ask(ahead, f->root, ".", &seen, 1));
    ahead_free(ahead);
}

typedef struct Scan {
    uint8_t *data;
    size_t size;
} Scan;

/* Without when what was read last, which each scan changes. */
static Scan scan(const Fixture *f, unsigned threads, bool no_digests)
{
    const ScanRequest request = {
        .index_fd = -EBADF, .hint_fd = -EBADF, .threads = threads, .no_digests = no_digests};
    _cleanup_close_ int fd = memfd_create("scan", MFD_CLOEXEC);
    InventoryRecord r;
    InventoryPack pack;
    Scan packed, s = {0};
    size_t at = 0;
    off_t end;
    int used;

    assert_true(fd >= 0);
    assert_int_equal(scan_run(f->tree.fd, &request, NULL, fd), 0);
    end = lseek(fd, 0, SEEK_END);
    packed.size = end > 0 ? (size_t)end : 0;
    packed.data = malloc(packed.size);
    assert_int_equal(pread(fd, packed.data, packed.size, 0), (ssize_t)packed.size);
    inventory_pack_begin(&pack);
    for (; (used = inventory_unpack(&pack, packed.data + at, packed.size - at, &r)) > 0;
         at += (size_t)used) {
        s.data = realloc(s.data, s.size + inventory_record_size(&r));
        assert_non_null(s.data);
        r.accessed = (InventoryTime){0};
        inventory_record_encode(&r, s.data + s.size);
        s.size += inventory_record_size(&r);
    }
    assert_int_equal(packed.size - at, sizeof(InventoryPackedSize) + sizeof(ScanEnd));
    free(packed.data);
    return s;
}

static void settle(const Fixture *f)
{
    struct timespec now;
    Look seen;

    tree_file(&f->tree, "last", "");
    seen = look_at(f, "last");
    do {
        (void)sched_yield();
        (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while ((now.tv_sec - seen.changed) * 1000 +
                 (now.tv_nsec - (long)seen.nanoseconds[2]) / 1000000 <
             25);
}

static void test_same_with_threads(void **state)
{
    Fixture *f = *state;
    char path[64];

    for (unsigned i = 0; i < FOLDERS; i++)
        for (unsigned k = 0; k < FOLDERS; k++) {
            (void)snprintf(path, sizeof path, "%u/%u/%s%u", i, k, i % 3 ? "" : "deeper/", i * k);
            tree_file(&f->tree, path, path);
        }
    settle(f);
    for (unsigned i = 0; i < 2; i++) {
        Scan one = scan(f, 1, i > 0), four = scan(f, 4, i > 0);

        assert_true(one.size > FOLDERS * FOLDERS * 100);
        assert_int_equal(one.size, four.size);
        assert_memory_equal(one.data, four.data, one.size);
        free(one.data);
        free(four.data);
    }
}

static int setup(void **state)
{
    static Fixture f;

    tree_new(&f.tree);
    f.root = folder_new(fcntl(f.tree.fd, F_DUPFD_CLOEXEC, 0));
    *state = &f;
    return f.root ? ahead_new(2, &f.ahead) : -1;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    ahead_free(f->ahead);
    folder_unref(f->root);
    tree_done(&f->tree);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_listing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_that, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_with_threads, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
