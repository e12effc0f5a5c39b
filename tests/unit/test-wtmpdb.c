/* SPDX-License-Identifier: Apache-2.0 */
/* The boots of wtmpdb, from databases as it makes them and from others. */
#include <sqlite3.h>

#include "fixture-tree.h"
#include "wtmpdb.h"

#define TABLE                                                                                      \
    "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, "  \
    "Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;"
#define INSERT "INSERT INTO wtmp(Type, User, Login, Logout, TTY, RemoteHost) VALUES "

static void make(const FixtureTree *t, const char *path, const char *sql)
{
    char full[256];
    sqlite3 *db;

    tree_file(t, path, ""); /* which is an empty database */
    (void)snprintf(full, sizeof full, "%s/%s", t->path, path);
    assert_int_equal(sqlite3_open(full, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int error;
static char said[COLLECT_REASON_SIZE];

static void collect(Collect *c)
{
    said[0] = '\0';
    error = wtmpdb_write_records(c, said);
}

static void assert_records(const FixtureTree *t, const char *records)
{
    Collect c;
    _cleanup_json_ json_object *o = tree_collect(t, collect, &c);
    json_object *found = json_at(o, "records");

    if (!records)
        assert_null(found);
    else
        assert_string_equal(json_object_to_json_string_ext(found, JSON_C_TO_STRING_PLAIN), records);
}

/* Users are left out; a boot whose end is not known has none; the older one comes first. */
static void test_boots(void **state)
{
    const FixtureTree *t = *state;

    assert_records(t, NULL);
    assert_int_equal(error, -ENOENT);
    assert_string_equal(said, "There is no database of wtmpdb");
    make(t, "var/lib/wtmpdb/wtmp.db",
         TABLE INSERT "(1, 'reboot', 1700000100000000, NULL, '~', '6.12.1'),"
                      "(3, 'alice', 1700000050000000, NULL, 'tty1', 'canary'),"
                      "(1, 'reboot', 1700000000500000, 1700000060000000, '~', NULL)");
    assert_records(t, "[{\"type\":\"boot\",\"time\":1700000000.500000},"
                      "{\"type\":\"shutdown\",\"time\":1700000060.000000},"
                      "{\"type\":\"boot\",\"time\":1700000100.000000,\"kernel\":\"6.12.1\"}]");
    assert_int_equal(error, 0);
    /* Debian's place comes first. */
    make(t, "var/log/wtmp.db", TABLE);
    assert_records(t, "[]");
    assert_int_equal(error, 0);
}

static void test_wrong(void **state)
{
    const FixtureTree *t = *state;

    make(t, "var/log/wtmp.db",
         TABLE INSERT "(1, 'reboot', NULL, -5, '~', 'six'),"
                      "(1, 'reboot', 7000000, 8000000, '~', '')");
    assert_records(t, "[{\"type\":\"boot\",\"time\":7.000000},"
                      "{\"type\":\"shutdown\",\"time\":8.000000}]");
    assert_int_equal(error, -EBADMSG);
    assert_string_equal(said, "/var/log/wtmp.db: a record has no time");
    /* Somebody writes, or died of it. */
    tree_file(t, "var/log/wtmp.db-journal", "half");
    assert_records(t, NULL);
    assert_int_equal(error, -EBUSY);
    /* What is no table of boots, and what is no database. */
    tree_file(t, "var/log/wtmp.db-journal", "");
    make(t, "var/log/wtmp.db", "CREATE TABLE wtmp(ID INTEGER, Kind TEXT)");
    assert_records(t, NULL);
    assert_int_equal(error, -EBADMSG);
    make(t, "var/log/wtmp.db",
         "CREATE VIEW wtmp AS SELECT 1 AS Type, 2 AS Login, 3 AS Logout, 4 AS RemoteHost, 5 AS ID");
    assert_records(t, NULL);
    assert_int_equal(error, -EBADMSG);
    tree_file(t, "var/log/wtmp.db", "no database");
    assert_records(t, NULL);
    assert_int_equal(error, -EBADMSG);
}

static int setup(void **state)
{
    FixtureTree *t = calloc(1, sizeof *t);

    assert_non_null(t);
    tree_new(t);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    tree_done(*state);
    free(*state);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_boots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
