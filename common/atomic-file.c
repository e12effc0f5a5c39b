/* SPDX-License-Identifier: Apache-2.0 */
#include "atomic-file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cleanup.h"

#define TEMPORARY_PREFIX ".tmp-"
#define TEMPORARY_NAME_SIZE sizeof(TEMPORARY_PREFIX "0123456789abcdef")

int state_directory_open(void)
{
    const char *list = getenv("STATE_DIRECTORY");
    _cleanup_free_ char *first = NULL;
    int fd;

    if (!list || list[0] != '/')
        return -ENXIO;
    first = strndup(list, strcspn(list, ":"));
    if (!first)
        return -ENOMEM;
    fd = open(first, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int directory_open_at(int dirfd, const char *name)
{
    int fd;

    if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (fsync(dirfd) < 0) {
        int r = -errno;

        (void)close(fd);
        return r;
    }
    return fd;
}

int write_full(int fd, const void *data, size_t size)
{
    const uint8_t *p = data;

    while (size > 0) {
        ssize_t n = write(fd, p, size);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

ssize_t read_full(int fd, void *data, size_t size)
{
    uint8_t *p = data;
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, p + done, size - done);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static int temporary_name(char ret[TEMPORARY_NAME_SIZE])
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return -EIO;
    (void)snprintf(ret, TEMPORARY_NAME_SIZE, TEMPORARY_PREFIX "%016llx",
                   (unsigned long long)random);
    return 0;
}

static int temporary_open_at(int dirfd, int access_mode, mode_t mode,
                             char ret_name[TEMPORARY_NAME_SIZE])
{
    int fd = temporary_name(ret_name);

    if (fd < 0)
        return fd;
    fd = openat(dirfd, ret_name, access_mode | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    return fd < 0 ? -errno : fd;
}

static int temporary_fill(int fd, const void *data, size_t size, mode_t mode)
{
    int r;

    /* The umask may have narrowed the mode; the caller has said what it is to be. */
    if (fchmod(fd, mode) < 0)
        return -errno;
    r = write_full(fd, data, size);
    if (r < 0)
        return r;
    return fsync(fd) < 0 ? -errno : 0;
}

int atomic_write_at(int dirfd, const char *name, const void *data, size_t size, mode_t mode)
{
    char temporary[TEMPORARY_NAME_SIZE];
    _cleanup_close_ int fd = temporary_open_at(dirfd, O_WRONLY, mode, temporary);
    int r;

    if (fd < 0)
        return fd;
    r = temporary_fill(fd, data, size, mode);
    if (r >= 0 && renameat(dirfd, temporary, dirfd, name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(dirfd, temporary, 0);
        return r;
    }
    return fsync(dirfd) < 0 ? -errno : 0;
}

/* Not O_TMPFILE, which the overlay of older kernels has not. */
int scratch_open_at(int dirfd)
{
    char temporary[TEMPORARY_NAME_SIZE];
    _cleanup_close_ int fd = temporary_open_at(dirfd, O_RDWR, 0600, temporary);

    if (fd < 0)
        return fd;
    return unlinkat(dirfd, temporary, 0) < 0 ? -errno : TAKE_FD(fd);
}

int partial_open_at(int dirfd, const char *partial, mode_t mode)
{
    _cleanup_close_ int fd = -EBADF;

    if (unlinkat(dirfd, partial, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(dirfd, partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int partial_commit_at(int dirfd, int fd, const char *partial, const char *name)
{
    if (fsync(fd) < 0)
        return -errno;
    if (renameat(dirfd, partial, dirfd, name) < 0)
        return -errno;
    return fsync(dirfd) < 0 ? -errno : 0;
}

int atomic_unlink_at(int dirfd, const char *name)
{
    if (unlinkat(dirfd, name, 0) < 0)
        return -errno;
    return fsync(dirfd) < 0 ? -errno : 0;
}

/* Best effort: on a file system that writes elsewhere the old blocks stay, and what was in them has
 * to have been sealed. */
static int overwrite_at(int dirfd, const char *name)
{
    static const uint8_t zeros[4096];
    _cleanup_close_ int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADF;
    for (off_t done = 0; done < st.st_size; done += (off_t)sizeof zeros) {
        size_t rest = (size_t)(st.st_size - done);
        int r = write_full(fd, zeros, rest < sizeof zeros ? rest : sizeof zeros);

        if (r < 0)
            return r;
    }
    return fdatasync(fd) < 0 ? -errno : 0;
}

/* The name is gone whatever happens to the blocks; the first error counts. */
static int erase_at(int dirfd, const char *name)
{
    int r = overwrite_at(dirfd, name);

    if (unlinkat(dirfd, name, 0) < 0 && r >= 0)
        r = -errno;
    return r;
}

int atomic_erase_at(int dirfd, const char *name)
{
    char temporary[TEMPORARY_NAME_SIZE];
    int r;

    r = temporary_name(temporary);
    if (r < 0)
        return r;
    if (renameat(dirfd, name, dirfd, temporary) < 0)
        return -errno;
    if (fsync(dirfd) < 0)
        return -errno;
    r = erase_at(dirfd, temporary);
    return fsync(dirfd) < 0 && r >= 0 ? -errno : r;
}

int read_file_at(int dirfd, const char *name, size_t max, void **ret_data, size_t *ret_size)
{
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    _cleanup_free_ uint8_t *data = NULL;
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADF;
    if ((uint64_t)st.st_size > max)
        return -EFBIG;
    data = malloc((size_t)st.st_size + 1);
    if (!data)
        return -ENOMEM;
    n = read_full(fd, data, (size_t)st.st_size);
    if (n < 0)
        return (int)n;
    data[n] = 0;
    *ret_data = TAKE_PTR(data);
    *ret_size = (size_t)n;
    return 0;
}

int read_state_at(int dirfd, const char *name, size_t max, void **ret_data, size_t *ret_size)
{
    int r = read_file_at(dirfd, name, max, ret_data, ret_size);

    return r == -EFBIG || r == -EBADF || r == -ELOOP ? -EBADMSG : r;
}

int state_parse_error(int error)
{
    return error == -ENOMEM || error == -EIO ? error : -EBADMSG;
}

int quarantine_at(int dirfd, const char *name)
{
    _cleanup_free_ char *aside = NULL;

    if (asprintf(&aside, "%s.corrupt", name) < 0)
        return -ENOMEM;
    if (renameat(dirfd, name, dirfd, aside) < 0)
        return -errno;
    return fsync(dirfd) < 0 ? -errno : 0;
}

int open_folder_at(int dirfd, const char *path, DIR **ret)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir;

    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir)
        return -errno;
    (void)TAKE_FD(fd);
    *ret = dir;
    return 0;
}

int remove_leftovers_at(int dirfd)
{
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder_at(dirfd, ".", &dir);

    if (r < 0)
        return r;
    while ((entry = readdir(dir))) {
        int e;

        if (strncmp(entry->d_name, TEMPORARY_PREFIX, STRLEN(TEMPORARY_PREFIX)) != 0)
            continue;
        e = erase_at(dirfd, entry->d_name);
        if (e < 0 && e != -ENOENT && r >= 0)
            r = e;
    }
    return r;
}
