/* SPDX-License-Identifier: Apache-2.0 */
/* Databases of rpm: headers that are wrong in every way first, databases that somebody prepared,
 * and then the ones that rpm would write. */
#include "fixture-tree.h"

#include <sqlite3.h>

#include "package-owners.h"
#include "rpm-header.h"

#define DATABASE "usr/lib/sysimage/rpm/rpmdb.sqlite"

/* --- Headers ---------------------------------------------------------------------------------- */

typedef struct Builder {
    uint8_t index[16 * 16], data[4096];
    uint32_t n_tags, data_size;
} Builder;

static void put_be32(uint8_t *p, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void add_entry(Builder *b, uint32_t tag, uint32_t type, uint32_t offset)
{
    uint8_t *entry = b->index + (size_t)b->n_tags++ * 16;

    put_be32(entry, tag);
    put_be32(entry + 4, type);
    put_be32(entry + 8, offset);
    put_be32(entry + 12, 1);
}

static void add_string(Builder *b, uint32_t tag, const char *text)
{
    add_entry(b, tag, 6, b->data_size);
    memcpy(b->data + b->data_size, text, strlen(text) + 1);
    b->data_size += (uint32_t)strlen(text) + 1;
}

static void add_number(Builder *b, uint32_t tag, uint32_t value)
{
    add_entry(b, tag, 4, b->data_size);
    put_be32(b->data + b->data_size, value);
    b->data_size += 4;
}

static size_t build(const Builder *b, uint8_t *ret)
{
    put_be32(ret, b->n_tags);
    put_be32(ret + 4, b->data_size);
    memcpy(ret + 8, b->index, (size_t)b->n_tags * 16);
    memcpy(ret + 8 + (size_t)b->n_tags * 16, b->data, b->data_size);
    return 8 + (size_t)b->n_tags * 16 + b->data_size;
}

static Builder simple(const char *name)
{
    Builder b = {.n_tags = 0};

    add_string(&b, 1000, name);
    add_string(&b, 1001, "1.0");
    add_string(&b, 1002, "3");
    return b;
}

typedef struct Memory {
    uint8_t data[8192];
    size_t size;
} Memory;

static int read_memory(void *userdata, uint32_t offset, void *buffer, uint32_t size)
{
    const Memory *m = userdata;

    assert_true(offset <= m->size && size <= m->size - offset);
    memcpy(buffer, m->data + offset, size);
    return 0;
}

static void parse(Memory *m, RpmPackage *ret)
{
    RpmSource source = {read_memory, m, (uint32_t)m->size};

    assert_return_code(rpm_header_read(&source, ret), 0);
}

static void parse_builder(const Builder *b, RpmPackage *ret)
{
    Memory m;

    m.size = build(b, m.data);
    parse(&m, ret);
}

static void test_header_sizes(void **state)
{
    Builder b = simple("bash");
    RpmPackage p;
    Memory m;
    size_t whole = build(&b, m.data);

    for (m.size = 0; m.size < whole; m.size++) {
        parse(&m, &p);
        assert_non_null(p.problem);
    }
    m.size = whole;
    put_be32(m.data, 0x10000000); /* times 16 it is 0 */
    parse(&m, &p);
    assert_string_equal(p.problem, "a size that is not its own");
    put_be32(m.data, b.n_tags);
    put_be32(m.data + 4, 0xffffffff);
    parse(&m, &p);
    assert_string_equal(p.problem, "a size that is not its own");
}

static void test_header_fields(void **state)
{
    char text[RPM_FIELD_SIZE + 1];
    Builder b = simple("bash");
    RpmPackage p;

    b.n_tags--;
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "no release");
    b = simple("bash");
    add_entry(&b, 1022, 6, b.data_size);
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "a field outside of its data");
    b = simple("bash");
    add_entry(&b, 1008, 4, b.data_size - 3);
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "a field outside of its data");
    assert_false(p.has_install_time);
    b = simple("bash");
    add_entry(&b, 1022, 8, 0);
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "a field of the wrong type");
    b = simple("");
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "a field without a value");
    b = simple("bash");
    b.data[b.data_size - 1] = 'x'; /* the last field does not end */
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "a field that is too long");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    b = simple(text);
    parse_builder(&b, &p);
    assert_string_equal(p.problem, "a field that is too long");
    assert_int_equal(p.name.size, 0);
}

static void test_header(void **state)
{
    Builder b = simple("bash");
    RpmPackage p;

    parse_builder(&b, &p);
    assert_null(p.problem);
    assert_false(p.has_epoch || p.has_install_time);
    add_string(&b, 1022, "x86_64");
    add_number(&b, 1003, 0);
    add_number(&b, 1008, 1700000000);
    add_string(&b, 1000, "zsh"); /* the later one counts */
    add_number(&b, 5000, 1);
    parse_builder(&b, &p);
    assert_null(p.problem);
    assert_string_equal(p.name.data, "zsh");
    assert_string_equal(p.architecture.data, "x86_64");
    assert_true(p.has_epoch && p.epoch == 0);
    assert_true(p.has_install_time && p.install_time == 1700000000);
}

/* --- Databases -------------------------------------------------------------------------------- */

/* --- Files ------------------------------------------------------------------------------------ */

static void add_list(Builder *b, uint32_t tag, uint32_t type, const void *data, size_t size,
                     uint32_t count)
{
    add_entry(b, tag, type, b->data_size);
    put_be32(b->index + (size_t)(b->n_tags - 1) * 16 + 12, count);
    memcpy(b->data + b->data_size, data, size);
    b->data_size += (uint32_t)size;
}

static void add_files(Builder *b)
{
    add_list(b, 1116, 4, "\0\0\0\0\0\0\0\1\0\0\0\0", 12, 3);
    add_list(b, 1117, 8, "ls\0passwd\0\0", 11, 3);
    add_list(b, 1118, 8, "/bin/\0/etc/\0", 12, 2);
}

static int take_path(void *userdata, const RpmFile *file)
{
    char *all = userdata;

    (void)strcat(strcat(all, file->path), " ");
    return strstr(all, "stop") ? -ECANCELED : 0;
}

static int list_files(const Builder *b, char *ret)
{
    Memory m;
    RpmSource source = {read_memory, &m, 0};

    m.size = build(b, m.data);
    source.size = (uint32_t)m.size;
    ret[0] = 0;
    return rpm_header_files(&source, take_path, ret);
}

static void test_files(void **state)
{
    Builder good = simple("coreutils"), none = simple("none"), b;
    char all[256];

    add_files(&good);
    assert_int_equal(list_files(&good, all), 0);
    assert_string_equal(all, "/bin/ls /etc/passwd /bin/ ");
    assert_int_equal(list_files(&none, all), 0);
    assert_string_equal(all, "");
    b = simple("relative");
    add_list(&b, 1116, 4, "\0\0\0\0\0\0\0\1", 8, 2);
    add_list(&b, 1117, 8, "a\0b", 4, 2);
    add_list(&b, 1118, 8, "/bin/\0etc/", 11, 2);
    assert_int_equal(list_files(&b, all), 1);
    assert_string_equal(all, "/bin/a ");
    /* Fewer indexes than names, a folder that is not there, names and folders outside of the data,
     * the end of the list in the middle. */
    b = good;
    put_be32(b.index + 3 * 16 + 12, 2);
    assert_int_equal(list_files(&b, all), -EBADMSG);
    b = good;
    b.data[b.data_size - 11 - 12 - 5] = 2;
    assert_int_equal(list_files(&b, all), -EBADMSG);
    b = good;
    put_be32(b.index + 4 * 16 + 12, 0x40000000);
    put_be32(b.index + 3 * 16 + 12, 0x40000000);
    assert_int_equal(list_files(&b, all), -EBADMSG);
    b = good;
    put_be32(b.index + 5 * 16 + 12, 3);
    assert_int_equal(list_files(&b, all), -EBADMSG);
    b = good;
    b.data_size--;
    assert_int_equal(list_files(&b, all), -EBADMSG);
    b = simple("stopped");
    add_list(&b, 1116, 4, "\0\0\0\0", 4, 1);
    add_list(&b, 1117, 8, "stop", 5, 1);
    add_list(&b, 1118, 8, "/", 2, 1);
    assert_int_equal(list_files(&b, all), -ECANCELED);
}

static int take_about(void *userdata, const RpmFile *file)
{
    char *all = userdata, one[256];

    (void)snprintf(one, sizeof one, "%s %u:%s %x %o %u\n", file->path, file->algorithm,
                   file->digest, file->flags, file->mode, file->state);
    (void)strcat(all, one);
    return 0;
}

static int list_about(const Builder *b, char *ret)
{
    Memory m;
    RpmSource source = {read_memory, &m, 0};

    m.size = build(b, m.data);
    source.size = (uint32_t)m.size;
    ret[0] = 0;
    return rpm_header_files(&source, take_about, ret);
}

/* What rpm knows of each file; without the lists of it there are files all the same. */
static void test_about_files(void **state)
{
    static const struct {
        uint32_t tag, type;
        const char *data;
        size_t size;
        uint32_t count;
    } lists[] = {
        {1035, 8, "aa\0bb\0\0", 7, 3},
        {1037, 4, "\0\0\0\0\0\0\0\x11\0\0\0\x40", 12, 3},
        {1030, 3, "\x81\xed\x81\xa4\x41\xed", 6, 3},
        {1029, 1, "\0\1\3", 3, 3},
        {5011, 4, "\0\0\0\x08", 4, 1},
    };
    Builder plain = simple("coreutils"), all;
    char text[512];

    add_files(&plain);
    assert_int_equal(list_about(&plain, text), 0);
    assert_string_equal(text, "/bin/ls 1: 0 0 0\n/etc/passwd 1: 0 0 0\n/bin/ 1: 0 0 0\n");
    all = plain;
    for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
        Builder b = plain;

        /* One too few, or outside of the data. */
        add_list(&b, lists[i].tag, lists[i].type, lists[i].data, lists[i].size, lists[i].count);
        if (lists[i].count == 3) {
            put_be32(b.index + (size_t)(b.n_tags - 1) * 16 + 12, 2);
            assert_int_equal(list_about(&b, text), -EBADMSG);
            put_be32(b.index + (size_t)(b.n_tags - 1) * 16 + 12, 0xffffffff);
            assert_int_equal(list_about(&b, text), -EBADMSG);
            put_be32(b.index + (size_t)(b.n_tags - 1) * 16 + 12, 3);
        }
        b.data_size--;
        assert_int_equal(list_about(&b, text), -EBADMSG);
        /* Of another type it is none. */
        b.data_size++;
        put_be32(b.index + (size_t)(b.n_tags - 1) * 16 + 4, 6);
        assert_int_equal(list_about(&b, text), 0);
        add_list(&all, lists[i].tag, lists[i].type, lists[i].data, lists[i].size, lists[i].count);
    }
    assert_int_equal(list_about(&all, text), 0);
    assert_string_equal(text, "/bin/ls 8:aa 0 100755 0\n/etc/passwd 8:bb 11 100644 1\n"
                              "/bin/ 8: 40 40755 3\n");
}

static int setup(void **state)
{
    static FixtureTree tree;

    tree_new(&tree);
    tree_folders(&tree, DATABASE);
    *state = &tree;
    return 0;
}

static int teardown(void **state)
{
    tree_done(*state);
    return 0;
}

static sqlite3 *database_open(const FixtureTree *t)
{
    char path[128];
    sqlite3 *database;

    (void)snprintf(path, sizeof path, "%s/" DATABASE, t->path);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    return database;
}

static void run(sqlite3 *database, const char *sql)
{
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void make_table(sqlite3 *database)
{
    run(database,
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
}

static void insert(sqlite3 *database, const void *data, size_t size)
{
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_prepare_v2(database, "INSERT INTO Packages (blob) VALUES (?)", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(statement, 1, data, (int)size, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static void insert_package(sqlite3 *database, const char *name)
{
    Builder b = simple(name);
    Memory m;

    add_number(&b, 1003, 2);
    add_string(&b, 1022, "noarch");
    add_number(&b, 1008, 1700000000);
    m.size = build(&b, m.data);
    insert(database, m.data, m.size);
}

static void copy_file(const FixtureTree *t, const char *from, const char *to)
{
    void *data;
    size_t size;

    assert_return_code(collect_read_all(t->fd, from, 16U << 20, &data, &size), 0);
    tree_bytes(t, to, data, size);
    free(data);
}

static json_object *collect(const FixtureTree *t, const char *code)
{
    Collect c;
    json_object *o = tree_collect(t, collect_packages, &c);

    assert_string_equal(json_text_at(o, "rpm/result-code"), code);
    assert_string_equal(json_text_at(o, "dpkg/result-code"), "Not available");
    return o;
}

static void refused(const FixtureTree *t, const char *code, const char *reason)
{
    _cleanup_json_ json_object *o = collect(t, code);

    assert_non_null(strstr(json_text_at(o, "rpm/reason"), reason));
}

static void test_no_database(void **state)
{
    const FixtureTree *t = *state;
    const char *none = "There is no rpm database";

    refused(t, "Not available", none);
    tree_file(t, "var/lib/rpm/Packages", "");
    refused(t, "Not available", "kept as Berkeley DB, which is not read here");
    tree_file(t, "usr/lib/sysimage/rpm/Packages.db", "");
    refused(t, "Not available", "kept as ndb, which is not read here");
    tree_link(t, DATABASE, "Packages.db");
    refused(t, "Failed", "Too many levels of symbolic links");
}

static void test_corrupt_database(void **state)
{
    const FixtureTree *t = *state;
    sqlite3 *database;
    char page[4096];

    tree_file(t, DATABASE, "");
    refused(t, "Failed", "there is no table of packages in it");
    memset(page, 'x', sizeof page);
    tree_bytes(t, DATABASE, page, sizeof page);
    refused(t, "Failed", "file is not a database");
    assert_return_code(unlinkat(t->fd, DATABASE, 0), errno);
    database = database_open(t);
    make_table(database);
    for (unsigned i = 0; i < 200; i++)
        insert_package(database, "bash");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    /* The root of the table is what is overwritten. */
    _cleanup_close_ int fd = openat(t->fd, DATABASE, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, page, sizeof page, 4096), sizeof page);
    refused(t, "Failed", "malformed");
    tree_file(t, DATABASE "-journal", "something");
    refused(t, "Failed", "a transaction of rpm was left unfinished");
}

/* A database can hold programs; none runs. */
static void test_hostile_schema(void **state)
{
    const FixtureTree *t = *state;
    sqlite3 *database = database_open(t);

    run(database, "CREATE TABLE other (hnum INTEGER PRIMARY KEY, blob BLOB);"
                  "CREATE VIEW Packages AS WITH RECURSIVE n(hnum) AS "
                  "(SELECT 1 UNION ALL SELECT hnum + 1 FROM n) SELECT hnum, x'00' AS blob FROM n");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    refused(t, "Failed", "there is no table of packages in it");
    assert_return_code(unlinkat(t->fd, DATABASE, 0), errno);
    database = database_open(t);
    run(database, "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, "
                  "blob TEXT AS (hex(hnum)))");
    run(database, "INSERT INTO Packages (hnum) VALUES (1)");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    _cleanup_json_ json_object *o = collect(t, "Partial");
    assert_string_equal(json_text_at(o, "rpm/packages/0/reason"),
                        "The entry in the package database has no header");
}

static void test_hostile_records(void **state)
{
    const FixtureTree *t = *state;
    sqlite3 *database = database_open(t);
    _cleanup_json_ json_object *o = NULL;

    make_table(database);
    run(database, "INSERT INTO Packages (blob) VALUES (17), ('text'), (zeroblob(100)), (x'')");
    insert_package(database, "es\x1b[2Jc\xff");
    insert_package(database, "good");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    o = collect(t, "Partial");
    assert_string_equal(json_text_at(o, "rpm/reason"),
                        "4 entries could not be read; each says why");
    for (unsigned i = 0; i < 4; i++) {
        char path[64];

        (void)snprintf(path, sizeof path, "rpm/packages/%u/result-code", i);
        assert_string_equal(json_text_at(o, path), "Failed");
    }
    assert_string_equal(json_text_at(o, "rpm/packages/0/reason"),
                        "The entry in the package database has no header");
    assert_string_equal(json_text_at(o, "rpm/packages/4/name-base64"), "ZXMbWzJKY/8=");
    assert_string_equal(json_text_at(o, "rpm/packages/5/name"), "good");
}

static void test_database(void **state)
{
    const FixtureTree *t = *state;
    sqlite3 *database = database_open(t);
    _cleanup_json_ json_object *o = NULL;
    Collect c;

    make_table(database);
    insert_package(database, "bash");
    insert_package(database, "zsh");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    o = tree_collect(t, collect_packages, &c);
    assert_int_equal(c.result, RESULT_SUCCESS); /* a router without dpkg lacks nothing */
    assert_string_equal(json_text_at(o, "rpm/result-code"), "Success");
    assert_int_equal(json_object_array_length(json_at(o, "rpm/packages")), 2);
    assert_string_equal(json_text_at(o, "rpm/packages/0/name"), "bash");
    assert_string_equal(json_text_at(o, "rpm/packages/1/version"), "2:1.0-3");
    assert_string_equal(json_text_at(o, "rpm/packages/1/architecture"), "noarch");
    assert_string_equal(json_object_to_json_string(json_at(o, "rpm/packages/1/install-time")),
                        "1700000000.000000");
}

/* What rpm has committed counts, also when it had no time to move it out of the log. */
static const char *owner_of(const PackageOwners *o, const char *path, InventoryRecord *r)
{
    *r = (InventoryRecord){.path = {path, strlen(path)}};
    package_owners_find(o, r);
    return r->package_kind == INVENTORY_RPM ? r->package.data : "(none)";
}

/* Whose a file is; a database that cannot be read has no files, and dpkg's are known all the same.
 */
static void test_owners(void **state)
{
    const FixtureTree *t = *state;
    sqlite3 *database = database_open(t);
    _cleanup_(package_owners_freep) PackageOwners *o = NULL;
    InventoryRecord r;
    uint8_t header[8192];
    Builder b = simple("coreutils");

    add_files(&b);
    make_table(database);
    insert(database, header, build(&b, header));
    insert(database, "rubbish", 7);
    b = simple("setup");
    add_list(&b, 1116, 4, "\0\0\0\0", 4, 1);
    add_list(&b, 1117, 8, "passwd", 7, 1);
    add_list(&b, 1118, 8, "/etc/", 6, 1);
    insert(database, header, build(&b, header));
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    tree_link(t, "bin", "usr/bin");
    tree_file(t, "var/lib/dpkg/status", "Package: deb\nStatus: install ok installed\nVersion: 1\n");
    tree_file(t, "var/lib/dpkg/info/deb.list", "/usr/bin/deb\n");
    assert_return_code(package_owners_new(t->fd, &o), 0);
    assert_string_equal(owner_of(o, "/usr/bin/ls", &r), "coreutils");
    assert_string_equal(r.version.data, "1.0-3");
    assert_string_equal(owner_of(o, "/etc/passwd", &r), "(none)"); /* of both */
    assert_string_equal(owner_of(o, "/usr/bin/cat", &r), "(none)");
    (void)owner_of(o, "/usr/bin/deb", &r);
    assert_int_equal(r.package_kind, INVENTORY_DPKG);
    o = package_owners_free(o);
    tree_file(t, DATABASE, "rubbish");
    assert_return_code(package_owners_new(t->fd, &o), 0);
    assert_string_equal(owner_of(o, "/usr/bin/ls", &r), "(none)");
    (void)owner_of(o, "/usr/bin/deb", &r);
    assert_int_equal(r.package_kind, INVENTORY_DPKG);
}

static void test_log(void **state)
{
    const FixtureTree *t = *state;
    sqlite3 *database = database_open(t);
    _cleanup_json_ json_object *o = NULL;

    make_table(database);
    insert_package(database, "bash");
    insert_package(database, "zsh");
    copy_file(t, DATABASE, "copy");
    copy_file(t, DATABASE "-wal", "copy-wal");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    assert_return_code(renameat(t->fd, "copy", t->fd, DATABASE), errno);
    refused(t, "Failed", "there is no table of packages in it");
    assert_return_code(renameat(t->fd, "copy-wal", t->fd, DATABASE "-wal"), errno);
    o = collect(t, "Success");
    assert_string_equal(json_text_at(o, "rpm/packages/1/name"), "zsh");
    assert_int_equal(faccessat(t->fd, DATABASE "-shm", F_OK, 0), -1);
    assert_int_equal(faccessat(t->fd, DATABASE "-wal", F_OK, 0), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_sizes),
        cmocka_unit_test(test_header_fields),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_about_files),
        TEST(test_no_database),
        TEST(test_corrupt_database),
        TEST(test_hostile_schema),
        TEST(test_hostile_records),
        TEST(test_database),
        TEST(test_owners),
        TEST(test_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
