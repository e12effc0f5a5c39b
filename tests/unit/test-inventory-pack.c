/* SPDX-License-Identifier: Apache-2.0 */
/* Packed records of the inventory: what goes in comes out, whatever differs from the one before,
 * and what is none is told. */
#include "test-common.h"

#include <sys/stat.h>

#include "inventory-pack.h"

#define TEXT(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

static const InventoryRecord records[] = {
    {.mode = S_IFDIR | 0755, .links = 3, .size = 4096, .blocks = 8, .path = TEXT("/")},
    {.mode = S_IFREG | 0644,
     .uid = 7,
     .links = 1,
     .inode = 12,
     .size = 513,
     .blocks = 8,
     .modified = {1000, 1},
     .changed = {1000, 2},
     .created = {1000, 2},
     .accessed = {2000, 0},
     .path = TEXT("/folder/file-1")},
    {.mode = S_IFREG | 0644, .uid = 7, .links = 1, .inode = 11, .path = TEXT("/folder/file-12")},
    {.change = INVENTORY_DELETED, .mode = S_IFREG, .path = TEXT("/folder/gone")},
    {.mode = UINT32_MAX,
     .uid = UINT32_MAX,
     .gid = UINT32_MAX,
     .links = UINT32_MAX,
     .device = UINT64_MAX,
     .special = UINT64_MAX,
     .inode = UINT64_MAX,
     .size = UINT64_MAX,
     .blocks = UINT64_MAX,
     .modified = {INT64_MIN, 999999999},
     .changed = {INT64_MAX, 0},
     .created = {INT64_MIN, 0},
     .accessed = {-1, 1},
     .path = TEXT("/folder/n\n\xff")},
    {.change = INVENTORY_METADATA_MODIFIED,
     .flags = INVENTORY_RACY | INVENTORY_TOO_DEEP,
     .algorithm = INVENTORY_SHA256_EXTENTS,
     .digest = {1, 2, 3},
     .mode = S_IFREG,
     .package_kind = INVENTORY_DPKG,
     .package = TEXT("name"),
     .version = TEXT("1.0"),
     .path = TEXT("/folder/n\xff")},
    {.error = 116, .package_kind = INVENTORY_RPM, .package = TEXT("name"), .path = TEXT("/g")},
    {.mode = S_IFLNK | 0777, .target = TEXT("to"), .path = TEXT("/l")},
    {.package_kind = INVENTORY_RPM, .package = TEXT("name"), .path = TEXT("/l/again")},
};

static void assert_same(const InventoryRecord *a, const InventoryRecord *b)
{
    uint8_t x[1024], y[1024];
    size_t size = inventory_record_size(a);

    assert_int_equal(size, inventory_record_size(b));
    inventory_record_encode(a, x);
    inventory_record_encode(b, y);
    assert_memory_equal(x, y, size);
}

typedef struct Packed {
    uint8_t data[4096];
    size_t begin[ELEMENTSOF(records) + 1];
} Packed;

static Packed pack_all(const InventoryPackOptions *options)
{
    static InventoryPack pack;
    Packed p = {0};

    inventory_pack_begin(&pack);
    for (size_t i = 0; i < ELEMENTSOF(records); i++)
        p.begin[i + 1] =
            p.begin[i] + inventory_pack(&pack, &records[i], options, p.data + p.begin[i]);
    return p;
}

/* Each record is whole or not there yet. */
static void test_all(void **state)
{
    static const InventoryPackOptions options[] = {
        {0}, {.with_outcome = true}, {.with_outcome = true, .whole_name = true}};
    static InventoryPack pack;

    for (size_t o = 0; o < ELEMENTSOF(options); o++) {
        const Packed p = pack_all(&options[o]);

        inventory_pack_begin(&pack);
        for (size_t i = 0; i < ELEMENTSOF(records); i++) {
            size_t size = p.begin[i + 1] - p.begin[i];
            InventoryRecord r;

            for (size_t k = 0; k < size; k++)
                assert_int_equal(inventory_unpack(&pack, p.data + p.begin[i], k, &r), 0);
            assert_int_equal(inventory_unpack(&pack, p.data + p.begin[i], sizeof p.data, &r), size);
            assert_same(&r, &records[i]);
        }
        assert_int_equal(inventory_unpack(&pack, p.data + p.begin[ELEMENTSOF(records)], 2,
                                          &(InventoryRecord){0}),
                         -EBADMSG); /* the size is 0 */
    }
}

/* Digests are filled in while the next records are there already; what is gone is left out; and
 * the rest is as it was. */
static void test_changed_later(void **state)
{
    static const InventoryPackOptions options = {.with_outcome = true, .whole_name = true};
    static const uint8_t digest[INVENTORY_DIGEST_SIZE] = {9, 8, 7};
    static InventoryPack pack;
    Packed p = pack_all(&options);

    assert_memory_equal(p.data + p.begin[3] - 7, "file-12", 7);
    inventory_packed_set_outcome(p.data + p.begin[1], INVENTORY_SHA256, digest, 5);
    inventory_packed_set_change(p.data + p.begin[1], INVENTORY_CONTENTS_MODIFIED);
    inventory_pack_begin(&pack);
    for (size_t i = 0; i < ELEMENTSOF(records); i++) {
        InventoryRecord wanted = records[i], r;

        if (wanted.change == INVENTORY_DELETED)
            continue;
        assert_true(inventory_unpack(&pack, p.data + p.begin[i], sizeof p.data, &r) > 0);
        if (i == 1) {
            wanted.change = INVENTORY_CONTENTS_MODIFIED;
            wanted.algorithm = INVENTORY_SHA256;
            wanted.error = 5;
            memcpy(wanted.digest, digest, sizeof digest);
        }
        assert_same(&r, &wanted);
    }
}

/* Of each bit of it: what is taken is a record, which can be packed again. */
static void try_altered(const Packed *p, size_t which, size_t bit)
{
    static const InventoryPackOptions options;
    static InventoryPack pack, again;
    static uint8_t data[INVENTORY_RECORD_MAX];
    Packed altered = *p;
    InventoryRecord r, second;

    altered.data[p->begin[which] + bit / 8] ^= (uint8_t)(1U << bit % 8);
    inventory_pack_begin(&pack);
    inventory_pack_begin(&again);
    for (size_t i = 0; i <= which; i++) {
        int used =
            inventory_unpack(&pack, altered.data + p->begin[i], p->begin[i + 1] - p->begin[i], &r);

        assert_true(used >= 0 || used == -EBADMSG);
        if (used <= 0)
            return;
    }
    assert_int_equal(r.path.data[0], '/');
    assert_null(memchr(r.path.data, 0, r.path.size));
    assert_true(inventory_pack(&again, &r, &options, data) <= sizeof data);
    inventory_pack_begin(&again);
    assert_true(inventory_unpack(&again, data, sizeof data, &second) > 0);
    assert_same(&r, &second);
}

static void test_altered(void **state)
{
    static const InventoryPackOptions options = {.with_outcome = false};
    const Packed p = pack_all(&options);

    for (size_t i = 0; i < ELEMENTSOF(records); i++)
        for (size_t bit = 0; bit < 8 * (p.begin[i + 1] - p.begin[i]); bit++)
            try_altered(&p, i, bit);
}

static int unpack_after_root(const uint8_t *record, size_t size)
{
    static const InventoryPackOptions options;
    static InventoryPack pack;
    uint8_t root[256];
    InventoryRecord r;

    inventory_pack_begin(&pack);
    (void)inventory_pack(&pack, &records[0], &options, root);
    inventory_pack_begin(&pack);
    assert_true(inventory_unpack(&pack, root, sizeof root, &r) > 0);
    return inventory_unpack(&pack, record, size, &r);
}

static void test_none(void **state)
{
    /* Inode as before, no size, times as before, a path. */
    static const uint8_t good[] = {13, 0, 0, 0, 0, 0x28 | 0x80, 2, 0, 0, 0, 1, 1, 'x'};
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {
        {2, _INVENTORY_CHANGE_MAX},
        {3, _INVENTORY_FLAGS_ALL + 1},
        {7, 8},                 /* nothing is meant by that bit */
        {5, 0x30 | 0x80},       /* the first time as itself */
        {6, 6},                 /* a package as before, without one before */
        {8, 0x80},              /* a number that takes what follows */
        {10, 2},                /* more of a path than there was */
        {10, 0},                /* a path that does not begin at the root */
        {11, 0},                /* what nobody asked for at the end */
        {11, 2},                /* more than there is */
        {12, 0},                /* a zero byte */
        {2, INVENTORY_DELETED}, /* with a path as before */
        {4, 1},                 /* half a digest */
    };
    uint8_t data[sizeof good];

    assert_int_equal(unpack_after_root(good, sizeof good), sizeof good);
    for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
        memcpy(data, good, sizeof good);
        data[wrong[i].at] = wrong[i].value;
        if (unpack_after_root(data, sizeof data) != -EBADMSG)
            fail_msg("case %zu", i);
    }
}

/* The largest record there can be fits where one is to fit. */
static void test_largest(void **state)
{
    static const InventoryPackOptions options = {.with_outcome = true};
    static char text[INVENTORY_PATH_MAX];
    static uint8_t data[INVENTORY_RECORD_MAX];
    static InventoryPack pack, other;
    InventoryRecord r = records[4], again;
    size_t size;

    memset(text, 'x', sizeof text);
    text[0] = '/';
    r.path = (InventoryText){text, INVENTORY_PATH_MAX};
    r.target = (InventoryText){text, INVENTORY_TARGET_MAX};
    r.package = r.version = (InventoryText){text, INVENTORY_NAME_MAX};
    r.package_kind = INVENTORY_DPKG;
    r.changed.nanoseconds = 1;
    inventory_pack_begin(&pack);
    inventory_pack_begin(&other);
    size = inventory_pack(&pack, &r, &options, data);
    assert_true(size <= sizeof data);
    assert_int_equal(inventory_unpack(&other, data, size, &again), (int)size);
    assert_int_equal(again.path.size, INVENTORY_PATH_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),     cmocka_unit_test(test_changed_later),
        cmocka_unit_test(test_altered), cmocka_unit_test(test_none),
        cmocka_unit_test(test_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
