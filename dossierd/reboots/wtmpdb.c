/* SPDX-License-Identifier: Apache-2.0 */
#include "wtmpdb.h"

#include "sqlite-reader.h"

/* Debian keeps it in the first place, with a link to it in the second, which is wtmpdb's own. */
static const char *const paths[] = {"var/log/wtmp.db", "var/lib/wtmpdb/wtmp.db"};

/* wtmpdb's number for boots; logins of users are none of our business. */
#define QUERY "SELECT Login, Logout, RemoteHost FROM wtmp WHERE Type = 1 ORDER BY Login, ID"

static void statement_finalizep(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s);
}

static int should_stop(void *userdata)
{
    return collect_should_stop(userdata);
}

static void write_record(JsonWriter *w, const char *type, sqlite3_stmt *row, int column)
{
    const void *kernel = sqlite3_column_blob(row, 2);

    json_begin_object(w, NULL);
    json_write_string(w, "type", type);
    json_write_time(w, "time", (uint64_t)sqlite3_column_int64(row, column));
    if (kernel)
        json_write_bytes(w, "kernel", kernel, (size_t)sqlite3_column_bytes(row, 2));
    json_end_object(w);
}

static bool is_time(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_INTEGER &&
           sqlite3_column_int64(row, column) >= 0;
}

/* A row is a boot, and the end of what it began, once that is known. Returns SQLite's code;
 * SQLITE_ROW: that is not all. */
static int write_rows(Collect *c, sqlite3_stmt *statement, bool *ret_good)
{
    bool good = true;
    size_t n = 0;
    int r;

    while ((r = sqlite3_step(statement)) == SQLITE_ROW && n++ < WTMP_RECORDS_MAX) {
        if (collect_should_stop(c)) {
            r = SQLITE_INTERRUPT;
            break;
        }
        if (is_time(statement, 0))
            write_record(c->writer, "boot", statement, 0);
        else
            good = false;
        if (is_time(statement, 1))
            write_record(c->writer, "shutdown", statement, 1);
        else if (sqlite3_column_type(statement, 1) != SQLITE_NULL)
            good = false;
    }
    *ret_good = good;
    return r;
}

static int say(char reason[static COLLECT_REASON_SIZE], int error, const char *path,
               const char *what)
{
    (void)snprintf(reason, COLLECT_REASON_SIZE, "/%s: %s", path, what);
    return error;
}

static int read_database(Collect *c, SqliteReader *reader, const char *path,
                         char reason[static COLLECT_REASON_SIZE])
{
    _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
    bool good;
    int r = sqlite3_prepare_v2(sqlite_reader_database(reader), QUERY, -1, &statement, NULL);

    if (r == SQLITE_ERROR || r == SQLITE_AUTH)
        return say(reason, -EBADMSG, path, "there is no table of boots in it");
    if (r != SQLITE_OK)
        return say(reason, -EBADMSG, path, sqlite3_errstr(r));
    json_begin_array(c->writer, "records");
    r = write_rows(c, statement, &good);
    json_end_array(c->writer);
    if (sqlite_reader_changed(reader))
        return say(reason, -EBUSY, path, "it changed while it was read");
    if (r == SQLITE_ROW)
        return say(reason, -EOVERFLOW, path, "there are too many records");
    if (r != SQLITE_DONE && r != SQLITE_INTERRUPT)
        return say(reason, -EBADMSG, path, sqlite3_errstr(r));
    return good ? 0 : say(reason, -EBADMSG, path, "a record has no time");
}

int wtmpdb_write_records(Collect *c, char reason[static COLLECT_REASON_SIZE])
{
    _cleanup_(sqlite_reader_freep) SqliteReader *reader = NULL;
    int r = -ENOENT;

    for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
        r = sqlite_reader_new(c->root_fd, paths[i], should_stop, c, &reader);
        if (r >= 0)
            return read_database(c, reader, paths[i], reason);
        if (r != -ENOENT)
            return say(reason, r, paths[i],
                       r == -EBUSY ? "a transaction was left unfinished" : strerror(-r));
    }
    (void)snprintf(reason, COLLECT_REASON_SIZE, "There is no database of wtmpdb");
    return r;
}
