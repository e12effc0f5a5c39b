/* SPDX-License-Identifier: Apache-2.0 */
/* What the filesystem inventory is put together from: records, mounts, options, times, packages. */
#include "fixture-tree.h"

#include "files-options.h"
#include "package-owners.h"
#include "scan.h"
#include "snapshot-schedule.h"
#include "zstd-stream.h"

static InventoryText text_of(const char *s)
{
    return (InventoryText){s, strlen(s)};
}

static void test_record(void **state)
{
    InventoryRecord r = {.mode = S_IFREG | 0644,
                         .size = UINT64_MAX,
                         .algorithm = INVENTORY_SHA256,
                         .changed = {-1, 999999999},
                         .path = {"/a\n\xff", 4}};
    uint8_t data[512];
    InventoryRecord again;
    size_t size = inventory_record_size(&r);

    inventory_record_encode(&r, data);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(inventory_record_decode(data, i, &again), 0);
    assert_int_equal(inventory_record_decode(data, size, &again), (int)size);
    assert_int_equal(again.changed.seconds, -1);
    assert_int_equal(again.size, UINT64_MAX);
    assert_memory_equal(again.path.data, "/a\n\xff", 4);
    data[4] = _INVENTORY_CHANGE_MAX;
    assert_int_equal(inventory_record_decode(data, size, &again), -EBADMSG);
    data[4] = INVENTORY_DELETED;
    assert_int_equal(inventory_record_decode(data, size, &again), (int)size);
    data[size - 4] = 'a'; /* a path that is not absolute */
    assert_int_equal(inventory_record_decode(data, size, &again), -EBADMSG);
}

static void test_order(void **state)
{
    static const char *const sorted[] = {"/", "/a", "/a/b", "/a/b/c", "/a!", "/a-b", "/ab", "/b"};

    for (size_t i = 0; i < ELEMENTSOF(sorted); i++)
        for (size_t k = 0; k < ELEMENTSOF(sorted); k++) {
            int order = inventory_path_compare(text_of(sorted[i]), text_of(sorted[k]));

            assert_int_equal(order, i < k ? -1 : i > k);
        }
    assert_true(inventory_path_is_below(text_of("/a/b"), "/a", 2));
    assert_false(inventory_path_is_below(text_of("/ab"), "/a", 2));
}

static void test_classes(void **state)
{
    assert_string_equal(inventory_classify(text_of("/etc"), S_IFDIR | 0755), "directory");
    assert_string_equal(inventory_classify(text_of("/etc/x"), S_IFREG | 0644), "config");
    assert_string_equal(inventory_classify(text_of("/usr/bin/x"), S_IFREG | 0755), "executable");
    assert_string_equal(inventory_classify(text_of("/usr/lib/libx.so.1"), S_IFREG | 0644),
                        "library");
    assert_string_equal(inventory_classify(text_of("/var/log/x"), S_IFREG | 0644), "volatile");
    assert_string_equal(inventory_classify(text_of("/usr/share/x"), S_IFREG | 0644),
                        "unclassified");
}

/* Pseudo file systems are not entered, nor what is shown a second time; what a sandbox binds over
 * itself is. */
static void test_mounts(void **state)
{
    static char text[] = "1 0 8:1 / / rw - ext4 /dev/a rw\n"
                         "2 1 0:5 / /proc rw - proc proc rw\n"
                         "3 1 0:6 / /tmp rw - tmpfs tmpfs rw\n"
                         "4 1 8:1 /home /home ro shared:7 master:1 - ext4 /dev/a rw\n"
                         "5 1 8:1 /usr /srv/usr rw - ext4 /dev/a rw\n"
                         "6 1 8:2 / /var rw - xfs /dev/b rw\n"
                         "7 6 8:2 / /var/again rw - xfs /dev/b rw\n"
                         "8 1 0:9 / /mnt rw - nfs4 server:/x rw\n"
                         "9 6 8:1 / /var/root rw - ext4 /dev/a rw\n"
                         "10 4 8:1 /home/x /home/x ro - ext4 /dev/a rw\n"
                         "11 1 0:30 /@a /a rw - btrfs /dev/c rw\n"
                         "12 1 0:30 /@b /b rw - btrfs /dev/c rw\n";
    static const bool wanted[] = {false, true,  false, false, true, false, true,
                                  false, false, false, true,  true, true};
    _cleanup_fclose_ FILE *f = fmemopen(text, STRLEN(text), "r");
    _cleanup_(mounts_freep) Mounts *m = NULL;

    assert_return_code(mounts_new(f, false, &m), 0);
    for (size_t i = 1; i < ELEMENTSOF(wanted); i++)
        if (mounts_enter(m, i) != wanted[i])
            fail_msg("mount %zu", i);
    assert_false(mounts_enter(m, 99));
    assert_false(mounts_enter(NULL, 1));
}

static bool is_node(const void *userdata, const char *name)
{
    return streq(name, NODE_SELF) || streq(name, "0/RP1/CPU0");
}

static int parse_options(const char *text, FilesChoice *ret, char reason[static FILES_REASON_SIZE])
{
    return files_options_parse(text, is_node, NULL, ret, reason);
}

static void test_options(void **state)
{
    static const struct {
        const char *text, *path;
    } wrong[] = {
        {"", "$: this is no JSON: it ends too early"},
        {"{\"0/RP0/CPU0\": {}", "$: this is no JSON: it ends too early"},
        {"{\"0/RP0/CPU0\": {}}}", "$: this is no JSON from character 19 on"},
        {"{\"0/RP0/CPU0\" {}}", "$: this is no JSON from character 15 on"},
        {"{\"0/RP0/CPU0\": {},}", "$: this is no JSON from character 19 on"},
        {"{'0/RP0/CPU0': {}}", "$: this is no JSON from character 2 on"},
        {"{\"\xc3\xa9\": {], \"a\": 1}", "$: this is no JSON from character 8 on"},
        {"{\"0/RP0/CPU0\": {}, \"0/RP0/CPU0\": {}}", "$: a name is there twice"},
        {"[]", "$: it has to be an object"},
        {"{}", "$: no node is named"},
        {"{\"0/RP2/CPU0\": {}}", "$[\"0/RP2/CPU0\"]: there is no such node"},
        {"{\"0/RP0/CPU0\": 1}", "$[\"0/RP0/CPU0\"]: it has to be an object"},
        {"{\"0/RP0/CPU0\": {\"block\": 1}}", "$[\"0/RP0/CPU0\"].block: there are"},
        {"{\"0/RP0/CPU0\": {\"block_start\": 1.5}}", "$[\"0/RP0/CPU0\"].block_start: "},
        {"{\"0/RP0/CPU0\": {\"block_start\": -1}}", "$[\"0/RP0/CPU0\"].block_start: "},
        {"{\"0/RP0/CPU0\": {}, \"0/RP1/CPU0\": {\"count\": 0}}",
         "$[\"0/RP1/CPU0\"].count: it has to be at least 1"},
    };
    char reason[FILES_REASON_SIZE];
    FilesChoice c = {.n = 7};

    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        assert_int_equal(parse_options(wrong[i].text, &c, reason), -EINVAL);
        if (!strstr(reason, wrong[i].path))
            fail_msg("%s: %s", wrong[i].text, reason);
    }
    assert_int_equal(c.n, 7);
    assert_return_code(parse_options("{\"0/RP0/CPU0\": {}}", &c, reason), 0);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.nodes[0].options.block_start, 0);
    assert_int_equal(c.nodes[0].options.count, UINT64_MAX);
    assert_null(files_choice_find(&c, "0/RP1/CPU0"));
    assert_return_code(
        parse_options("{\"0/RP1/CPU0\": {\"block_start\": 5, \"count\": 2}, \"0/RP0/CPU0\": {}}",
                      &c, reason),
        0);
    assert_int_equal(files_choice_find(&c, "0/RP1/CPU0")->block_start, 5);
    assert_int_equal(files_choice_find(&c, "0/RP1/CPU0")->count, 2);
    assert_non_null(files_choice_find(&c, NODE_SELF));
}

static void test_schedule(void **state)
{
    assert_int_equal(snapshot_delay(0, 1000, 60), 0);
    assert_int_equal(snapshot_delay(990, 1000, 60), 50);
    assert_int_equal(snapshot_delay(900, 1000, 60), 0);
    assert_int_equal(snapshot_delay(2000, 1000, 60), 60); /* the clock was set back */
}

static const char *owner_of(const PackageOwners *o, const char *path)
{
    InventoryRecord r = {.path = text_of(path)};

    package_owners_find(o, &r);
    return r.package_kind == INVENTORY_DPKG ? r.package.data : NULL;
}

static void test_owners(void **state)
{
    _cleanup_(package_owners_freep) PackageOwners *o = NULL;
    FixtureTree t;

    tree_new(&t);
    assert_return_code(package_owners_new(t.fd, &o), 0);
    assert_null(owner_of(o, "/usr/bin/a"));
    o = package_owners_free(o);
    tree_link(&t, "bin", "usr/bin");
    tree_file(&t, "var/lib/dpkg/status",
              "Package: one\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
              "Package: two\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n");
    tree_file(&t, "var/lib/dpkg/info/one.list", "/.\n/usr\n/bin/a\n/usr/bin/diverted\n");
    tree_file(&t, "var/lib/dpkg/info/two:amd64.list", "/.\n/usr\n/usr/bin/b\n");
    tree_file(&t, "var/lib/dpkg/diversions", "/usr/bin/diverted\n/usr/bin/diverted.one\ntwo\n");
    assert_return_code(package_owners_new(t.fd, &o), 0);
    assert_string_equal(owner_of(o, "/usr/bin/a"), "one"); /* by where /bin leads */
    assert_string_equal(owner_of(o, "/usr/bin/b"), "two");
    assert_string_equal(owner_of(o, "/usr/bin/diverted.one"), "one");
    assert_null(owner_of(o, "/usr/bin/diverted"));
    assert_null(owner_of(o, "/usr")); /* of both */
    assert_null(owner_of(o, "/usr/bin/c"));
    tree_done(&t);
}

/* --- Compressed records ----------------------------------------------------------------------- */

#define RECORDS 9000U

static size_t record_of(uint32_t n, uint32_t ret[static 64])
{
    for (uint32_t i = 0; i < 64; i++)
        ret[i] = (n + i) * 2654435761U;
    return (n % 63 + 1) * sizeof *ret;
}

/* How many records there are; each is what it was. */
static uint32_t read_back(int fd, int *ret_error)
{
    _cleanup_(zstd_reader_freep) ZstdReader *reader = zstd_reader_new(fd, 64 * sizeof(uint32_t));
    uint32_t record[64];

    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    for (uint32_t n = 0;; n++) {
        size_t size = record_of(n, record);
        const uint8_t *data;
        ssize_t there = zstd_reader_peek(reader, size, &data);

        *ret_error = there < 0 ? (int)there : 0;
        if (there <= 0)
            return n;
        assert_true((size_t)there >= size);
        assert_memory_equal(data, record, size);
        zstd_reader_skip(reader, size);
    }
}

static void test_compressed(void **state)
{
    _cleanup_close_ int fd = memfd_create("records", MFD_CLOEXEC);
    ZstdWriter *writer = zstd_writer_new(fd, ZSTD_LEVEL_QUICK);
    _cleanup_free_ char *large = calloc(1, ZSTD_FRAME_SIZE + 1);
    uint32_t record[64], n;
    off_t size;
    int error;

    assert_true(fd >= 0);
    for (uint32_t i = 0; i < RECORDS; i++)
        assert_int_equal(zstd_writer_put(writer, record, record_of(i, record)), 0);
    assert_int_equal(zstd_writer_put(writer, large, ZSTD_FRAME_SIZE + 1), -E2BIG);
    size = lseek(fd, 0, SEEK_CUR);
    assert_true(size > 0); /* what is whole is written, what is not yet is not */
    n = read_back(fd, &error);
    assert_int_equal(error, 0);
    assert_true(n > 0 && n < RECORDS);
    assert_int_equal(lseek(fd, 0, SEEK_END), size);
    assert_int_equal(zstd_writer_finish(writer), 0);
    zstd_writer_free(writer);
    assert_int_equal(read_back(fd, &error), RECORDS);
    assert_int_equal(error, 0);
    /* Cut off in the last frame. */
    assert_return_code(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), errno);
    assert_true(read_back(fd, &error) >= n);
    assert_int_equal(error, -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),  cmocka_unit_test(test_order),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_options), cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_owners),  cmocka_unit_test(test_compressed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
