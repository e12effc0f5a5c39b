/* SPDX-License-Identifier: Apache-2.0 */
/* The filesystem inventory, from the scanner to the blocks: what is in a block and nothing else,
 * hostile trees, scans that are cut off, blocks that were altered. */
#include "snapshot-fixture.h"

#include <openssl/evp.h>
#include <signal.h>
#include <sys/eventfd.h>

static int setup(void **state)
{
    static SnapshotFixture f;

    fixture_new(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture_done(*state);
    return 0;
}

static void assert_changes(const SnapshotFixture *f, uint64_t number, const char *wanted)
{
    _cleanup_free_ char *text = fixture_changes(f, number);

    assert_string_equal(text, wanted);
}

typedef struct Wanted {
    const char *path;
    size_t size;
    InventoryRecord record;
    bool found;
} Wanted;

static void find_one(const InventoryRecord *r, void *data)
{
    Wanted *w = data;

    if (r->path.size != w->size || memcmp(r->path.data, w->path, w->size) != 0)
        return;
    assert_false(w->found);
    w->record = *r;
    w->found = true;
}

static InventoryRecord record_of(const SnapshotFixture *f, uint64_t number, const char *path)
{
    Wanted w = {.path = path, .size = strlen(path)};

    fixture_read(f, number, find_one, &w);
    if (!w.found)
        fail_msg("%s is not in block %llu", path, (unsigned long long)number);
    return w.record;
}

static void assert_digest(const InventoryRecord *r, const void *data, size_t size)
{
    uint8_t digest[32];

    assert_int_equal(EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(r->digest, digest, sizeof digest);
}

static void test_changes(void **state)
{
    SnapshotFixture *f = *state;
    int dir = f->tree.fd;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1000000000, 5}};

    for (const char *p = "abcdefgh"; *p; p++)
        tree_file(&f->tree, (char[]){'d', '/', *p, 0}, "old");
    fixture_take(f);
    assert_int_equal(f->result.number, 0);
    assert_int_equal(f->result.n_digests, 8);
    assert_changes(f, 0, "=/ =/d =/d/a =/d/b =/d/c =/d/d =/d/e =/d/f =/d/g =/d/h");

    tree_file(&f->tree, "d/a", "new");                          /* changed */
    tree_file(&f->tree, "d/ab", "added");                       /* added */
    assert_return_code(unlinkat(dir, "d/b", 0), errno);         /* deleted */
    assert_return_code(utimensat(dir, "d/c", times, 0), errno); /* touched */
    assert_return_code(fchmodat(dir, "d/d", 0600, 0), errno);   /* chmodded */
    tree_file(&f->tree, "other", "new");                        /* replaced */
    assert_return_code(renameat(dir, "other", dir, "d/e"), errno);
    assert_return_code(unlinkat(dir, "d/f", 0), errno);
    assert_return_code(mkdirat(dir, "d/f", 0755), errno); /* of another kind */
    fixture_take(f);
    assert_int_equal(f->result.number, 1);
    assert_changes(f, 1, "m/d/a c/d/ab d/d/b t/d/c t/d/d m/d/e m/d/f");
    assert_int_equal(f->result.n_digests, 5); /* a, ab, c, d, e: what is as it was is not read */
    assert_int_equal(record_of(f, 1, "/d/c").modified.seconds, 1000000000);
    assert_int_equal(record_of(f, 1, "/d/c").modified.nanoseconds, 5);

    fixture_take(f);
    assert_changes(f, 2, "");
    assert_int_equal(f->result.n_digests, 0);
}

static void test_replaced_by_the_same(void **state)
{
    SnapshotFixture *f = *state;

    tree_file(&f->tree, "a", "same");
    fixture_take(f);
    tree_file(&f->tree, "b", "same");
    assert_return_code(renameat(f->tree.fd, "b", f->tree.fd, "a"), errno);
    fixture_take(f);
    assert_changes(f, 1, "t/a");
}

static void test_hostile_names(void **state)
{
    static const char *const names[] = {
        "new\nline", "esc\x1b[2J", "bad\xff\xfeutf8", "\"},{\"", "-rf", " ", "a-b", "a"};
    SnapshotFixture *f = *state;
    char longest[256];

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        tree_file(&f->tree, names[i], names[i]);
    memset(longest, 'x', 255);
    longest[255] = 0;
    tree_file(&f->tree, longest, "long");
    tree_file(&f->tree, "dir/a", "1"); /* what is in a folder comes right after it */
    tree_file(&f->tree, "dir-b", "2");
    tree_file(&f->tree, "dir.c", "3");
    fixture_take(f);
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        _cleanup_free_ char *path = NULL;
        InventoryRecord r;

        assert_true(asprintf(&path, "/%s", names[i]) > 0);
        r = record_of(f, 0, path);
        assert_digest(&r, names[i], strlen(names[i]));
    }
    fixture_take(f);
    assert_changes(f, 1, "");
}

static void test_hostile_files(void **state)
{
    SnapshotFixture *f = *state;
    int dir = f->tree.fd, fd;
    InventoryRecord r;

    assert_return_code(mkfifoat(dir, "fifo", 0600), errno); /* an open would wait for ever */
    assert_return_code(symlinkat(".", dir, "loop"), errno);
    assert_return_code(symlinkat("/nowhere\n", dir, "dangling"), errno);
    tree_file(&f->tree, "one", "linked");
    assert_return_code(linkat(dir, "one", dir, "two", 0), errno);
    fd = openat(dir, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_return_code(ftruncate(fd, INT64_C(2) << 40), errno);
    assert_int_equal(pwrite(fd, "data", 4, INT64_C(1) << 40), 4);
    (void)close(fd);
    fixture_take(f);
    assert_changes(f, 0, "=/ =/dangling =/fifo =/loop =/one =/sparse =/two");
    r = record_of(f, 0, "/fifo");
    assert_true(S_ISFIFO(r.mode));
    assert_int_equal(r.algorithm, INVENTORY_NO_DIGEST);
    assert_int_equal(record_of(f, 0, "/dangling").size, strlen("/nowhere\n"));
    assert_int_equal(record_of(f, 0, "/dangling").target.size, strlen("/nowhere\n"));
    assert_int_equal(record_of(f, 0, "/one").links, 2);
    assert_int_equal(record_of(f, 0, "/one").inode, record_of(f, 0, "/two").inode);
    r = record_of(f, 0, "/sparse");
    assert_int_equal(r.algorithm, INVENTORY_SHA256_EXTENTS);
    assert_int_equal(r.size, INT64_C(2) << 40);
    assert_true(f->result.n_bytes < 1 << 20);
    fixture_take(f);
    assert_changes(f, 1, "");
    fd = openat(dir, "sparse", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "Data", 4, INT64_C(1) << 40), 4);
    (void)close(fd);
    fixture_take(f);
    assert_changes(f, 2, "m/sparse");
}

/* More names than are held at a time, and a tree deeper than is entered. */
static void test_large_folders(void **state)
{
    SnapshotFixture *f = *state;
    _cleanup_close_ int deep = -EBADF, fd = -EBADF;
    char name[241];

    memset(name, 'n', 240);
    name[240] = 0;
    assert_return_code(mkdirat(f->tree.fd, "wide", 0700), errno);
    fd = openat(f->tree.fd, "wide", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name + 232, 9, "%08u", i * 7919 % 5000);
        assert_return_code(close(openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), errno);
    }
    deep = openat(f->tree.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < 600; i++) {
        int next;

        assert_return_code(mkdirat(deep, "d", 0700), errno);
        next = openat(deep, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(deep);
        deep = next;
    }
    fixture_take(f);
    assert_int_equal(f->result.n_files, 1 + 1 + 5000 + 512);
    fixture_take(f);
    assert_changes(f, 1, "");
}

static void test_left_out(void **state)
{
    SnapshotFixture *f = *state;

    tree_file(&f->tree, "keep/a", "1");
    tree_file(&f->tree, "skip/b", "2");
    tree_file(&f->tree, "skipped", "3");
    tree_file(&f->tree, "keep/log", "4");
    f->request.skip_folders = json_object_new_array();
    (void)json_object_array_add(f->request.skip_folders, json_object_new_string("/skip"));
    f->request.skip_files = json_object_new_array();
    (void)json_object_array_add(f->request.skip_files, json_object_new_string("/keep/log"));
    fixture_take(f);
    assert_changes(f, 0, "=/ =/keep =/keep/a =/skipped");
    /* Other files are looked at: nothing can be said about a difference. */
    json_object_put(f->request.skip_files);
    f->request.skip_files = NULL;
    tree_file(&f->tree, "keep/c", "5");
    fixture_take(f);
    assert_changes(f, 1, "=/ =/keep =/keep/a =/keep/c =/keep/log =/skipped");
    assert_int_equal(f->result.base, 1);
    assert_int_equal(f->result.n_digests, 2); /* what was not read before */
    json_object_put(f->request.skip_folders);
    f->request.skip_folders = NULL;
}

static void test_on_demand(void **state)
{
    SnapshotFixture *f = *state;

    tree_file(&f->tree, "a/b/x", "1");
    tree_file(&f->tree, "a/c/y", "2");
    tree_file(&f->tree, "z", "3");
    fixture_take(f);
    for (const char *const *p = (const char *const[]){"a/b/x", "a/c/y", "z", NULL}; *p; p++)
        tree_file(&f->tree, *p, "changed");
    assert_return_code(unlinkat(f->tree.fd, "z", 0), errno);
    f->request.folders = json_object_new_array();
    (void)json_object_array_add(f->request.folders, json_object_new_string("/a/b"));
    fixture_take(f);
    assert_changes(f, 1, "m/a/b/x");
    json_object_put(f->request.folders);
    f->request.folders = NULL;
    fixture_take(f);
    assert_changes(f, 2, "m/a/c/y d/z");
}

static void test_no_digests(void **state)
{
    SnapshotFixture *f = *state;

    tree_file(&f->tree, "a", "1");
    f->request.no_digests = true;
    fixture_take(f);
    assert_int_equal(record_of(f, 0, "/a").algorithm, INVENTORY_NO_DIGEST);
    assert_int_equal(f->result.n_bytes, 0);
    tree_file(&f->tree, "a", "2");
    fixture_take(f);
    assert_changes(f, 1, "t/a");
}

static void stop_soon(void *userdata, uint64_t n_records)
{
    if (n_records > 8192)
        (void)eventfd_write(*(int *)userdata, 1);
}

static void test_cut_off(void **state)
{
    SnapshotFixture *f = *state;
    _cleanup_close_ int cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char name[16];
    uint64_t value;

    assert_int_equal(fixture_try(f), 0);
    for (unsigned i = 0; i < 30000; i++) {
        (void)snprintf(name, sizeof name, "f%05u", i);
        assert_return_code(close(openat(f->tree.fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
                           errno);
    }
    fixture_settle();
    f->request.cancel_fd = cancel;
    f->request.progress = stop_soon;
    f->request.userdata = &cancel;
    assert_int_equal(fixture_try(f), -ECANCELED);
    assert_true(snapshot_has_hint(f->store.fd));
    assert_int_equal(snapshot_open(f->store.fd, 1, &(SnapshotBlock){0}), -ENOENT);
    (void)eventfd_read(cancel, &value);
    f->request.progress = NULL;
    assert_int_equal(fixture_try(f), 0);
    assert_int_equal(f->result.number, 1);
    assert_int_equal(f->result.n_records, 30000);
    assert_true(f->result.n_digests < 30000); /* what had been read is not read again */
    assert_false(snapshot_has_hint(f->store.fd));
}

static void flip_byte(const SnapshotFixture *f, const char *name, off_t offset)
{
    _cleanup_close_ int fd = openat(f->store.fd, name, O_RDWR | O_CLOEXEC);
    uint8_t byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
}

static void test_altered(void **state)
{
    SnapshotFixture *f = *state;
    SnapshotBlock first, second;

    tree_file(&f->tree, "a", "1");
    fixture_take(f);
    tree_file(&f->tree, "a", "2");
    fixture_take(f);
    assert_return_code(snapshot_open(f->store.fd, 0, &first), 0);
    assert_return_code(snapshot_open(f->store.fd, 1, &second), 0);
    assert_memory_equal(second.about.previous, first.digest, sizeof first.digest);
    snapshot_block_done(&first);
    snapshot_block_done(&second);
    for (off_t at = 0; at < 16 + 5 * 8 + 4 * 32; at++) {
        flip_byte(f, "block-0000000001", at);
        assert_int_equal(snapshot_open(f->store.fd, 1, &second), -EBADMSG);
        flip_byte(f, "block-0000000001", at);
    }
    assert_return_code(snapshot_open(f->store.fd, 1, &second), 0);
    snapshot_block_done(&second);
}

/* An index that cannot be read costs a full block, and nothing else. */
static void test_index_altered(void **state)
{
    SnapshotFixture *f = *state;

    for (unsigned i = 0; i < 50; i++)
        tree_file(&f->tree, (char[]){'f', (char)('A' + i), 0}, "x");
    fixture_take(f);
    flip_byte(f, "index-0000000000", 100);
    assert_int_equal(fixture_try(f), -EBADMSG);
    assert_true(f->result.index_was_bad);
    fixture_take(f);
    assert_int_equal(f->result.number, 1);
    assert_int_equal(f->result.base, 1);
    fixture_take(f);
    assert_changes(f, 2, "");
}

typedef struct Unpacked {
    ZstdWriter *writer;
    uint8_t record[INVENTORY_RECORD_MAX];
} Unpacked;

static void write_unpacked(const InventoryRecord *r, void *data)
{
    Unpacked *u = data;

    inventory_record_encode(r, u->record);
    assert_int_equal(zstd_writer_put(u->writer, u->record, inventory_record_size(r)), 0);
}

/* As blocks were kept before their records were packed. */
static void make_unpacked(const SnapshotFixture *f, const char *name, uint64_t number)
{
    static Unpacked u;
    _cleanup_close_ int fd = openat(f->store.fd, "unpacked", O_RDWR | O_CREAT | O_EXCL, 0600);
    uint8_t head[4096];
    SnapshotBlock b;
    off_t size;

    assert_return_code(snapshot_open(f->store.fd, number, &b), 0);
    size = lseek(b.fd, 0, SEEK_CUR);
    assert_in_range(size, 1, sizeof head);
    assert_int_equal(pread(b.fd, head, (size_t)size, 0), size);
    snapshot_block_done(&b);
    memcpy(head, "chancery-block1", 16);
    assert_int_equal(write(fd, head, (size_t)size), size);
    u.writer = zstd_writer_new(fd, ZSTD_LEVEL_KEPT);
    assert_non_null(u.writer);
    fixture_read(f, number, write_unpacked, &u);
    assert_int_equal(zstd_writer_finish(u.writer), 0);
    zstd_writer_free(u.writer);
    assert_return_code(renameat(f->store.fd, "unpacked", f->store.fd, name), errno);
}

/* Blocks of before are read as they are, and the chain goes on; the next block is a full one. */
static void test_from_before(void **state)
{
    SnapshotFixture *f = *state;
    _cleanup_close_ int index = -EBADF;
    SnapshotBlock first, second;
    InventoryRecord a;

    tree_file(&f->tree, "a", "1");
    tree_file(&f->tree, "b/c", "2");
    fixture_take(f);
    make_unpacked(f, "block-0000000000", 0);
    assert_changes(f, 0, "=/ =/a =/b =/b/c");
    a = record_of(f, 0, "/a");
    assert_digest(&a, "1", 1);
    index = openat(f->store.fd, "index-0000000000", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(index, "chancery-index1", 16, 0), 16);
    tree_file(&f->tree, "d", "");
    fixture_take(f);
    assert_false(f->result.index_was_bad);
    assert_int_equal(f->result.base, 1);
    assert_changes(f, 1, "=/ =/a =/b =/b/c =/d");
    assert_return_code(snapshot_open(f->store.fd, 0, &first), 0);
    assert_return_code(snapshot_open(f->store.fd, 1, &second), 0);
    assert_false(first.is_packed);
    assert_true(second.is_packed);
    assert_memory_equal(second.about.previous, first.digest, sizeof first.digest);
    snapshot_block_done(&first);
    snapshot_block_done(&second);
}

static void test_retention(void **state)
{
    SnapshotFixture *f = *state;
    SnapshotNumbers l;
    SnapshotBlock b;

    for (unsigned i = 0; i < SNAPSHOT_KEEP_BLOCKS + SNAPSHOT_GENERATION_BLOCKS; i++)
        assert_return_code(fixture_try(f), 0);
    assert_return_code(snapshot_list(f->store.fd, &l), 0);
    assert_true(l.n <= SNAPSHOT_KEEP_BLOCKS);
    assert_true(l.n >= SNAPSHOT_KEEP_BLOCKS - SNAPSHOT_GENERATION_BLOCKS);
    for (size_t i = 1; i < l.n; i++)
        assert_int_equal(l.numbers[i], l.numbers[i - 1] + 1);
    assert_return_code(snapshot_open(f->store.fd, l.numbers[0], &b), 0);
    assert_int_equal(b.about.base, b.about.number); /* the oldest is a full one */
    snapshot_block_done(&b);
    snapshot_numbers_done(&l);
}

/* A store that is too large gives up its oldest generation as a whole, however few blocks it has.
 */
static void test_retention_by_size(void **state)
{
    SnapshotFixture *f = *state;
    SnapshotNumbers l;
    int fd;

    for (unsigned i = 0; i <= SNAPSHOT_GENERATION_BLOCKS; i++)
        assert_return_code(fixture_try(f), 0);
    assert_return_code(snapshot_list(f->store.fd, &l), 0);
    assert_int_equal(l.n, SNAPSHOT_GENERATION_BLOCKS + 1);
    snapshot_numbers_done(&l);
    fd = openat(f->store.fd, "block-0000000003", O_WRONLY | O_CLOEXEC);
    assert_return_code(ftruncate(fd, (off_t)SNAPSHOT_KEEP_BYTES), errno);
    (void)close(fd);
    assert_return_code(fixture_try(f), 0);
    assert_return_code(snapshot_list(f->store.fd, &l), 0);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.numbers[0], SNAPSHOT_GENERATION_BLOCKS);
    snapshot_numbers_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replaced_by_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_on_demand, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_digests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_altered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_altered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_from_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_by_size, setup, teardown),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
