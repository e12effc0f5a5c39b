/* SPDX-License-Identifier: Apache-2.0 */
/* "| file PATH": what was in the file stays there until the command has succeeded. Until then what
 * comes has no name where the file system can do so, and nothing of it is left behind by a session
 * that is killed. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "output.h"

#define LINK_SIZE 32U

typedef struct FileSink {
    Sink base;
    int fd;
    char *path;      /* what it replaces; NULL: it is written in place */
    char *temporary; /* its name until then; NULL: it has none */
} FileSink;

static int file_write(Sink *s, const char *data, size_t size)
{
    return write_full(((FileSink *)s)->fd, data, size);
}

static char *name_beside(const char *path)
{
    uint64_t number;
    char *name;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return NULL;
    return asprintf(&name, "%s.%016llx", path, (unsigned long long)number) < 0 ? NULL : name;
}

/* Gives it a name, which a file that is there already cannot be replaced without. */
static int file_link(FileSink *f)
{
    char link[LINK_SIZE];
    _cleanup_free_ char *name = NULL;

    if (f->temporary)
        return 0;
    name = name_beside(f->path);
    if (!name)
        return -ENOMEM;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", f->fd);
    if (linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    f->temporary = TAKE_PTR(name);
    return 0;
}

static int file_replace(FileSink *f)
{
    int r = fsync(f->fd) < 0 ? -errno : file_link(f);

    if (r < 0)
        return r;
    if (rename(f->temporary, f->path) < 0)
        return -errno;
    free(TAKE_PTR(f->temporary));
    return 0;
}

/* Late errors of network file systems and full disks come with close(). In place, half of it is
 * worse than none. */
static int file_finish(Sink *s)
{
    FileSink *f = (FileSink *)s;
    int r = 0, fd;

    if (s->aborted && !f->path && ftruncate(f->fd, 0) < 0 && errno != EINVAL)
        r = -errno; /* EINVAL: a device or a pipe, of which nothing can be cut */
    else if (!s->aborted && f->path)
        r = file_replace(f);
    fd = TAKE_FD(f->fd);
    return close(fd) < 0 && errno != EINTR && r >= 0 ? -errno : r;
}

static void file_release(Sink *s)
{
    FileSink *f = (FileSink *)s;

    closep(&f->fd);
    if (f->temporary)
        (void)unlink(f->temporary);
    free(f->temporary);
    free(f->path);
}

/* With the mode of the file that it replaces. -EOPNOTSUPP and the like: it has to be named. */
static int open_unnamed(FileSink *f, mode_t mode)
{
    _cleanup_free_ char *copy = strdup(f->path);

    if (!copy)
        return -ENOMEM;
    f->fd = open(dirname(copy), O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
    return f->fd < 0 ? -errno : 0;
}

static int open_named(FileSink *f, mode_t mode)
{
    f->temporary = name_beside(f->path);
    if (!f->temporary)
        return -ENOMEM;
    f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (f->fd >= 0)
        return 0;
    free(TAKE_PTR(f->temporary));
    return -errno;
}

static int open_beside(FileSink *f, const struct stat *old)
{
    mode_t mode = old ? old->st_mode & 0777 : 0666;
    int r = open_unnamed(f, mode);

    if (r == -EOPNOTSUPP || r == -EISDIR || r == -EINVAL || r == -ENOENT)
        r = open_named(f, mode);
    if (r < 0)
        return r;
    return old && fchmod(f->fd, mode) < 0 ? -errno : 0;
}

static int open_in_place(FileSink *f, const char *path)
{
    free(TAKE_PTR(f->path));
    f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    return f->fd < 0 ? -errno : 0;
}

/* Somebody else's file that the user may write to stays that one's, and one with other names keeps
 * them. */
static bool can_be_replaced(const struct stat *old)
{
    return S_ISREG(old->st_mode) && old->st_uid == geteuid() && old->st_nlink == 1;
}

static int file_open(FileSink *f, const char *path)
{
    size_t size = strlen(path);
    struct stat old;
    bool exists = stat(path, &old) >= 0;
    int r;

    if (size == 0 || path[size - 1] == '/')
        return size == 0 ? -ENOENT : -EISDIR;
    if (exists ? !can_be_replaced(&old) : lstat(path, &old) >= 0)
        return open_in_place(f, path); /* also what a link leads to that is not there */
    if (exists && access(path, W_OK) < 0)
        return -errno;
    f->path = exists ? realpath(path, NULL) : strdup(path);
    if (!f->path)
        return -errno;
    r = open_beside(f, exists ? &old : NULL);
    /* A folder in which nothing new may be made. */
    if (exists && (r == -EACCES || r == -EPERM || r == -EROFS))
        r = open_in_place(f, path);
    return r;
}

int file_sink_new(const char *path, Sink **ret)
{
    static const SinkClass class = {file_write, file_finish, file_release};
    FileSink *f = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return -ENOMEM;
    f->base.class = &class;
    f->fd = -EBADF;
    r = file_open(f, path);
    if (r < 0) {
        sink_free(&f->base);
        return r;
    }
    *ret = &f->base;
    return 0;
}
