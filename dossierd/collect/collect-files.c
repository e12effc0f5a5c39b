/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files of the kernel and of the system with limits. */
#include <fcntl.h>
#include <sys/stat.h>

#include "collect.h"

static int open_regular(int dirfd, const char *path)
{
    _cleanup_close_ int fd =
        openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADF;
    return TAKE_FD(fd);
}

/* Kernel files have no size to go by: read until there is no more. */
static ssize_t read_up_to(int fd, char *buffer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, buffer + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int collect_read(int dirfd, const char *path, char *buffer, size_t size)
{
    _cleanup_close_ int fd = open_regular(dirfd, path);
    ssize_t n;

    if (fd < 0)
        return fd;
    n = read_up_to(fd, buffer, size);
    if (n < 0)
        return (int)n;
    if ((size_t)n == size)
        return -EFBIG;
    if (n > 0 && buffer[n - 1] == '\n')
        n--;
    buffer[n] = 0;
    return (int)n;
}

int collect_read_all(int dirfd, const char *path, size_t max, void **ret_data, size_t *ret_size)
{
    _cleanup_close_ int fd = open_regular(dirfd, path);
    _cleanup_free_ char *data = NULL;
    size_t size = 0, room = 0;

    if (fd < 0)
        return fd;
    for (;;) {
        ssize_t n;

        if (size == room) {
            char *larger;

            if (room > max)
                return -EFBIG;
            room = room ? room * 2 : 65536;
            larger = realloc(data, room);
            if (!larger)
                return -ENOMEM;
            data = larger;
        }
        n = read_up_to(fd, data + size, room - size);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        size += (size_t)n;
    }
    if (size > max)
        return -EFBIG;
    *ret_data = TAKE_PTR(data);
    *ret_size = size;
    return 0;
}

int collect_read_uint64(int dirfd, const char *path, unsigned base, uint64_t *ret)
{
    char text[64], *end;
    unsigned long long value;
    int r = collect_read(dirfd, path, text, sizeof text);

    if (r < 0)
        return r;
    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, (int)base);
    if (errno != 0 || *end)
        return -EINVAL;
    *ret = value;
    return 0;
}

int collect_open(int dirfd, const char *path, FILE **ret)
{
    _cleanup_close_ int fd = open_regular(dirfd, path);
    FILE *f;

    if (fd < 0)
        return fd;
    f = fdopen(fd, "re");
    if (!f)
        return -errno;
    (void)TAKE_FD(fd);
    *ret = f;
    return 0;
}

int collect_read_link_name(int dirfd, const char *path, char *buffer, size_t size)
{
    char target[4096];
    const char *slash;
    ssize_t n = readlinkat(dirfd, path, target, sizeof target - 1);

    if (n < 0)
        return errno == EINVAL ? -ENOENT : -errno;
    target[n] = 0;
    slash = strrchr(target, '/');
    if ((size_t)snprintf(buffer, size, "%s", slash ? slash + 1 : target) >= size)
        return -ENAMETOOLONG;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

int collect_list(int dirfd, const char *path, size_t max, NameList *ret)
{
    _cleanup_closedir_ DIR *dir = NULL;
    _cleanup_(name_list_free) NameList list = {NULL, 0};
    struct dirent *entry;
    int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return -ENOMEM;
    }
    while ((errno = 0, entry = readdir(dir))) {
        char **larger;

        if (entry->d_name[0] == '.')
            continue;
        if (list.n == max)
            return -E2BIG;
        larger = reallocarray(list.names, list.n + 1, sizeof *larger);
        if (!larger)
            return -ENOMEM;
        list.names = larger;
        list.names[list.n] = strdup(entry->d_name);
        if (!list.names[list.n])
            return -ENOMEM;
        list.n++;
    }
    if (errno != 0)
        return -errno;
    if (list.n > 0)
        qsort(list.names, list.n, sizeof *list.names, compare_names);
    *ret = list;
    list = (NameList){NULL, 0};
    return 0;
}

void name_list_free(NameList *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    l->names = NULL;
    l->n = 0;
}

int read_line_bytes(FILE *f, char *buffer, size_t size, size_t *ret_length, bool *ret_truncated)
{
    size_t n = 0;
    bool truncated = false;
    int c;

    while ((c = getc_unlocked(f)) != EOF && c != '\n')
        if (n < size - 1)
            buffer[n++] = (char)c;
        else
            truncated = true;
    if (c == EOF && ferror(f))
        return errno > 0 ? -errno : -EIO;
    if (c == EOF && n == 0)
        return 0;
    buffer[n] = 0;
    *ret_length = n;
    *ret_truncated = truncated;
    return 1;
}
