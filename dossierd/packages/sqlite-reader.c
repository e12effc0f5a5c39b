/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite-reader.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

#define VFS_NAME "chancery-reader"
#define DATABASE_MAX (4LL << 30)
/* SQLite reads all of it before it answers anything. */
#define LOG_MAX (256LL << 20)
#define PATH_SIZE 256U
#define OPERATIONS_BETWEEN_QUESTIONS 10000

struct SqliteReader {
    sqlite3 *database;
    int dirfd;
    char path[PATH_SIZE];
    int fd, log_fd; /* log_fd is negative when there is no log */
    struct stat st, log_st;
};

/* --- A file system that has two files, by number ---------------------------------------------- */

typedef struct ReaderFile {
    sqlite3_file base;
    int fd;
} ReaderFile;

static int file_close(sqlite3_file *file)
{
    return SQLITE_OK; /* the descriptor is the reader's */
}

static int file_read(sqlite3_file *file, void *buffer, int size, sqlite3_int64 offset)
{
    const ReaderFile *f = (const ReaderFile *)file;
    size_t done = 0;

    while (f->fd >= 0 && done < (size_t)size) {
        ssize_t n =
            pread(f->fd, (char *)buffer + done, (size_t)size - done, (off_t)offset + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SQLITE_IOERR_READ;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    if (done == (size_t)size)
        return SQLITE_OK;
    memset((char *)buffer + done, 0, (size_t)size - done);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return SQLITE_READONLY;
}

static int file_sync(sqlite3_file *file, int flags)
{
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    const ReaderFile *f = (const ReaderFile *)file;
    struct stat st = {0};

    if (f->fd >= 0 && fstat(f->fd, &st) < 0)
        return SQLITE_IOERR_FSTAT;
    *ret = st.st_size;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *file, int *ret)
{
    *ret = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
    return SQLITE_NOTFOUND;
}

static int file_number(sqlite3_file *file)
{
    return 0;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1, /* no shared memory, no mapped files */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_number,
    .xDeviceCharacteristics = file_number,
};

static int number_in_name(const char *name, const char *parameter)
{
    return name ? (int)sqlite3_uri_int64(name, parameter, -1) : -1;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    ReaderFile *f = (ReaderFile *)file;

    f->base.pMethods = NULL;
    if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
        return SQLITE_CANTOPEN;
    /* A log that is not there is read as an empty one. */
    f->fd = number_in_name(name, flags & SQLITE_OPEN_WAL ? "log" : "fd");
    f->base.pMethods = &file_methods;
    if (ret_flags)
        *ret_flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return SQLITE_READONLY;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    size_t length = strlen(name);

    *ret = length > 4 && streq(name + length - 4, "-wal") && number_in_name(name, "log") >= 0;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
    return snprintf(ret, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *ret)
{
    memset(ret, 0, (size_t)size); /* names of temporary files, of which there are none */
    return size;
}

static int vfs_wait(sqlite3_vfs *vfs, int usec)
{
    return usec; /* nothing is locked, so nothing is waited for */
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
    *ret = 0;
    return SQLITE_OK;
}

static sqlite3_vfs vfs = {
    .iVersion = 1,
    .szOsFile = sizeof(ReaderFile),
    .mxPathname = PATH_SIZE,
    .zName = VFS_NAME,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_wait,
    .xCurrentTime = vfs_time,
};

static int registered;

static void register_vfs(void)
{
    registered = sqlite3_vfs_register(&vfs, 0);
}

/* --- The reader ------------------------------------------------------------------------------- */

/* The database may hold a schema that somebody wrote to do harm: views, triggers and functions are
 * not for us. */
static int authorize(void *userdata, int action, const char *first, const char *second,
                     const char *database, const char *origin)
{
    return (action == SQLITE_SELECT || action == SQLITE_READ) && !origin ? SQLITE_OK : SQLITE_DENY;
}

static int open_regular(int dirfd, const char *path, off_t max, struct stat *ret)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 || fstat(fd, ret) < 0)
        return -errno;
    if (!S_ISREG(ret->st_mode))
        return -EBADF;
    if (ret->st_size > max)
        return -EFBIG;
    return TAKE_FD(fd);
}

static int open_files(SqliteReader *s)
{
    char name[PATH_SIZE + 16];
    struct stat st;

    (void)snprintf(name, sizeof name, "%s-journal", s->path);
    if (fstatat(s->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && st.st_size > 0)
        return -EBUSY;
    s->fd = open_regular(s->dirfd, s->path, DATABASE_MAX, &s->st);
    if (s->fd < 0)
        return s->fd;
    (void)snprintf(name, sizeof name, "%s-wal", s->path);
    s->log_fd = open_regular(s->dirfd, name, LOG_MAX, &s->log_st);
    return s->log_fd < 0 && s->log_fd != -ENOENT ? s->log_fd : 0;
}

static int connect_database(SqliteReader *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char uri[64];

    if (pthread_once(&once, register_vfs) != 0 || registered != SQLITE_OK)
        return -ENOMEM;
    (void)snprintf(uri, sizeof uri, "file:database?fd=%d&log=%d", s->fd, s->log_fd);
    if (sqlite3_open_v2(uri, &s->database,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        VFS_NAME) != SQLITE_OK)
        return -ENOMEM;
    (void)sqlite3_db_config(s->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(s->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(s->database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(s->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_limit(s->database, SQLITE_LIMIT_LENGTH, 1 << 28);
    /* A log needs shared memory, unless nobody else may use the database, which nobody else needs
     * to know. */
    if (sqlite3_exec(s->database,
                     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; "
                     "PRAGMA temp_store=MEMORY",
                     NULL, NULL, NULL) != SQLITE_OK)
        return -EIO;
    return sqlite3_set_authorizer(s->database, authorize, NULL) == SQLITE_OK ? 0 : -EIO;
}

int sqlite_reader_new(int dirfd, const char *path, int (*is_cancelled)(void *userdata),
                      void *userdata, SqliteReader **ret)
{
    _cleanup_(sqlite_reader_freep) SqliteReader *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->dirfd = dirfd;
    s->fd = s->log_fd = -EBADF;
    if ((size_t)snprintf(s->path, sizeof s->path, "%s", path) >= sizeof s->path)
        return -ENAMETOOLONG;
    r = open_files(s);
    if (r < 0)
        return r;
    r = connect_database(s);
    if (r < 0)
        return r;
    if (is_cancelled)
        sqlite3_progress_handler(s->database, OPERATIONS_BETWEEN_QUESTIONS, is_cancelled, userdata);
    *ret = TAKE_PTR(s);
    return 0;
}

SqliteReader *sqlite_reader_free(SqliteReader *s)
{
    if (!s)
        return NULL;
    (void)sqlite3_close_v2(s->database);
    closep(&s->fd);
    closep(&s->log_fd);
    free(s);
    return NULL;
}

sqlite3 *sqlite_reader_database(SqliteReader *s)
{
    return s->database;
}

static int has_changed(int dirfd, const char *path, const struct stat *before, int was_there)
{
    struct stat st;

    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return was_there;
    return !was_there || st.st_ino != before->st_ino || st.st_size != before->st_size ||
           st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
           st.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

int sqlite_reader_changed(const SqliteReader *s)
{
    char name[PATH_SIZE + 16];

    (void)snprintf(name, sizeof name, "%s-wal", s->path);
    return has_changed(s->dirfd, s->path, &s->st, 1) ||
           has_changed(s->dirfd, name, &s->log_st, s->log_fd >= 0);
}
