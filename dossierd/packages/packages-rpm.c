/* SPDX-License-Identifier: Apache-2.0 */
#include "packages-rpm.h"

#include <sys/stat.h>

#include "package-verify.h"
#include "sqlite-reader.h"

/* Where distributions keep the database; the first is the newer place, and may be what the second
 * is a link to. */
static const char *const folders[] = {"usr/lib/sysimage/rpm", "var/lib/rpm"};

#define PATH_SIZE 128U
#define VERSION_SIZE (2 * RPM_FIELD_SIZE + 16)
#define TABLE "Packages"

static void statement_finalizep(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s);
}

static void blob_closep(sqlite3_blob **b)
{
    (void)sqlite3_blob_close(*b);
}

static _printf_(3, 4) int refuse(char reason[static COLLECT_REASON_SIZE], int error,
                                 const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(reason, COLLECT_REASON_SIZE, format, ap);
    va_end(ap);
    return error;
}

static bool exists(int root_fd, const char *path)
{
    struct stat st;

    return fstatat(root_fd, path, &st, 0) >= 0;
}

/* rpm 4.16 and later keep the database as SQLite unless told otherwise. */
static int find_database(int root_fd, char path[static PATH_SIZE],
                         char reason[static COLLECT_REASON_SIZE])
{
    static const struct {
        const char *file, *kind;
    } others[] = {{"Packages.db", "ndb"}, {"Packages", "Berkeley DB"}};

    for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
        (void)snprintf(path, PATH_SIZE, "%s/rpmdb.sqlite", folders[i]);
        if (exists(root_fd, path))
            return 0;
    }
    for (size_t i = 0; i < ELEMENTSOF(folders) * ELEMENTSOF(others); i++) {
        (void)snprintf(path, PATH_SIZE, "%s/%s", folders[i / ELEMENTSOF(others)],
                       others[i % ELEMENTSOF(others)].file);
        if (exists(root_fd, path))
            return refuse(reason, -EOPNOTSUPP,
                          "/%s: the rpm database is kept as %s, which is not read here", path,
                          others[i % ELEMENTSOF(others)].kind);
    }
    return refuse(reason, -ENOENT, "There is no rpm database");
}

static int read_blob(void *userdata, uint32_t offset, void *buffer, uint32_t size)
{
    return sqlite3_blob_read(userdata, buffer, (int)size, (int)offset) == SQLITE_OK ? 0 : -EIO;
}

static void write_field(JsonWriter *w, const char *name, const RpmField *f)
{
    if (f->size > 0)
        json_write_bytes(w, name, f->data, f->size);
}

/* Epoch, version and release are one thing to whoever compares versions. */
static void format_version(const RpmPackage *p, char text[static VERSION_SIZE])
{
    char epoch[16] = "";

    if (p->has_epoch)
        (void)snprintf(epoch, sizeof epoch, "%u:", p->epoch);
    (void)snprintf(text, VERSION_SIZE, "%s%s-%s", epoch, p->version.data, p->release.data);
}

static void write_version(JsonWriter *w, const RpmPackage *p)
{
    char text[VERSION_SIZE];

    if (p->version.size == 0 || p->release.size == 0)
        return;
    format_version(p, text);
    json_write_bytes(w, "version", text, strlen(text));
}

/* v: NULL when files are not wanted, or nobody reads them. */
static void write_package(Collect *c, PackageVerifier *v, sqlite3_int64 record, const RpmPackage *p,
                          const RpmSource *header)
{
    JsonWriter *w = c->writer;

    json_begin_object(w, NULL);
    write_field(w, "name", &p->name);
    write_version(w, p);
    write_field(w, "architecture", &p->architecture);
    if (p->has_install_time)
        json_write_time(w, "install-time", (uint64_t)p->install_time * 1000000);
    if (p->problem) {
        json_write_int64(w, "record", record);
        json_write_string(w, "result-code", result_code_to_string(RESULT_FAILED));
        json_write_stringf(w, "reason", "The entry in the package database has %s", p->problem);
        c->n_bad++;
    } else if (v && !package_verify_rpm(v, header))
        c->n_bad++;
    else
        c->n_good++;
    json_end_object(w);
}

/* The record's number is all that is known of what SQLite cannot give. */
static void read_package(Collect *c, PackageVerifier *v, sqlite3 *database, sqlite3_int64 record,
                         sqlite3_blob **blob)
{
    RpmPackage package = {0};
    RpmSource source = {read_blob, NULL, 0};
    int r = *blob ? sqlite3_blob_reopen(*blob, record)
                  : sqlite3_blob_open(database, "main", TABLE, "blob", record, 0, blob);

    if (r == SQLITE_OK) {
        source.userdata = *blob;
        source.size = (uint32_t)sqlite3_blob_bytes(*blob);
        if (rpm_header_read(&source, &package) < 0)
            package.problem = "bytes that cannot be read";
    } else {
        package.problem = "no header";
        (void)sqlite3_blob_close(*blob); /* one that failed to move stays unusable */
        *blob = NULL;
    }
    write_package(c, v, record, &package, &source);
}

static int write_packages(Collect *c, sqlite3 *database, sqlite3_stmt *statement)
{
    _cleanup_(package_verifier_freep) PackageVerifier *verifier = NULL;
    _cleanup_(blob_closep) sqlite3_blob *blob = NULL;
    int r = SQLITE_DONE;

    if (c->verify_packages)
        package_verifier_start(c, &verifier);
    json_begin_array(c->writer, "packages");
    while (!collect_should_stop(c) && (r = sqlite3_step(statement)) == SQLITE_ROW)
        read_package(c, verifier, database, sqlite3_column_int64(statement, 0), &blob);
    json_end_array(c->writer);
    return r;
}

static int should_stop(void *userdata)
{
    return collect_should_stop(userdata);
}

static int read_database(Collect *c, SqliteReader *reader, const char *path,
                         char reason[static COLLECT_REASON_SIZE])
{
    _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
    sqlite3 *database = sqlite_reader_database(reader);
    int r;

    r = sqlite3_prepare_v2(database, "SELECT hnum FROM " TABLE " ORDER BY hnum", -1, &statement,
                           NULL);
    if (r == SQLITE_ERROR || r == SQLITE_AUTH)
        return refuse(reason, -EBADMSG, "/%s: there is no table of packages in it", path);
    if (r == SQLITE_OK)
        r = write_packages(c, database, statement);
    if (sqlite_reader_changed(reader))
        return refuse(reason, -EBUSY, "/%s: it changed while it was read", path);
    if (r != SQLITE_DONE && r != SQLITE_ROW && r != SQLITE_INTERRUPT)
        return refuse(reason, -EBADMSG, "/%s: %s", path, sqlite3_errstr(r));
    return 0;
}

int collect_rpm(Collect *c, char reason[static COLLECT_REASON_SIZE])
{
    _cleanup_(sqlite_reader_freep) SqliteReader *reader = NULL;
    char path[PATH_SIZE];
    int r;

    r = find_database(c->root_fd, path, reason);
    if (r < 0)
        return r;
    r = sqlite_reader_new(c->root_fd, path, should_stop, c, &reader);
    if (r == -EBUSY)
        return refuse(reason, r, "/%s: a transaction of rpm was left unfinished", path);
    if (r < 0)
        return refuse(reason, r, "/%s: %s", path, strerror(-r));
    return read_database(c, reader, path, reason);
}

/* --- Files ------------------------------------------------------------------------------------ */

static int list_package(const RpmFiles *files, sqlite3_blob *blob)
{
    RpmSource source = {read_blob, blob, (uint32_t)sqlite3_blob_bytes(blob)};
    RpmPackage package;
    char version[VERSION_SIZE];
    int r = rpm_header_read(&source, &package);

    if (r < 0 || package.problem)
        return 0;
    format_version(&package, version);
    r = files->package(files->userdata, package.name.data, version);
    if (r >= 0)
        r = rpm_header_files(&source, files->file, files->userdata);
    return r == -EBADMSG || r == -EIO || r > 0 ? 0 : r;
}

static int list_packages(const RpmFiles *files, sqlite3 *database, sqlite3_stmt *statement)
{
    int r = 0;

    while (r >= 0 && sqlite3_step(statement) == SQLITE_ROW) {
        _cleanup_(blob_closep) sqlite3_blob *blob = NULL;

        if (sqlite3_blob_open(database, "main", TABLE, "blob", sqlite3_column_int64(statement, 0),
                              0, &blob) == SQLITE_OK)
            r = list_package(files, blob);
    }
    return r;
}

int rpm_list_files(int root_fd, const RpmFiles *files)
{
    _cleanup_(sqlite_reader_freep) SqliteReader *reader = NULL;
    _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
    char path[PATH_SIZE], reason[COLLECT_REASON_SIZE];
    sqlite3 *database;
    int r = find_database(root_fd, path, reason);

    if (r >= 0)
        r = sqlite_reader_new(root_fd, path, NULL, NULL, &reader);
    if (r < 0)
        return r;
    database = sqlite_reader_database(reader);
    if (sqlite3_prepare_v2(database, "SELECT hnum FROM " TABLE " ORDER BY hnum", -1, &statement,
                           NULL) != SQLITE_OK)
        return -EBADMSG;
    return list_packages(files, database, statement);
}
