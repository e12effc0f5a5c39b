/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite databases of others, only read: from descriptors that the caller opened, without locks,
 * shared memory or files of our own, so that it works on a file system where nothing may be
 * written. The price is that nobody is kept from writing meanwhile; sqlite_reader_changed() says
 * so. */
#pragma once

#include <sqlite3.h>

#include "cleanup.h"

typedef struct SqliteReader SqliteReader;

/* The database is a regular file below dirfd; its write-ahead log is read with it. is_cancelled may
 * be NULL; it is asked now and then, and ends what goes on with SQLITE_INTERRUPT. Returns a
 * negative errno: -EBUSY when somebody's transaction was left unfinished, -EFBIG beyond the limits.
 */
int sqlite_reader_new(int dirfd, const char *path, int (*is_cancelled)(void *userdata),
                      void *userdata, SqliteReader **ret);
SqliteReader *sqlite_reader_free(SqliteReader *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(SqliteReader *, sqlite_reader_free);

/* Only SELECTs from real tables, and reading their blobs, get through. */
sqlite3 *sqlite_reader_database(SqliteReader *s);

/* Has the database changed since it was opened? Then what was read may be wrong. */
int sqlite_reader_changed(const SqliteReader *s);
