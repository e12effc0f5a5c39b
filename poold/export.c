/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "atomic-file.h"

#define NEW_FOLDER ".certs.new"
#define FILE_MODE 0644
#define FOLDER_MODE 0755

typedef struct Array {
    const Authority **items;
    size_t n;
} Array;

static int collect(const Authority *authority, void *userdata)
{
    Array *array = userdata;

    array->items[array->n++] = authority;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const Authority *const *x = a, *const *y = b;

    if ((*x)->subject_hash != (*y)->subject_hash)
        return (*x)->subject_hash < (*y)->subject_hash ? -1 : 1;
    return memcmp((*x)->digest, (*y)->digest, sizeof(*x)->digest);
}

static int write_file(int dirfd, const char *name, const Authority *authority)
{
    _cleanup_close_ int fd =
        openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f;
    int r;

    if (fd < 0)
        return -errno;
    f = open_memstream(&text, &size);
    if (!f)
        return -ENOMEM;
    r = authority_write_pem(f, authority);
    if (fclose(f) == EOF && r >= 0)
        r = -ENOMEM;
    if (r >= 0)
        r = write_full(fd, text, size);
    if (r >= 0 && fchmod(fd, FILE_MODE) < 0)
        r = -errno;
    return r;
}

/* The name that X509_LOOKUP_hash_dir() looks for: the hash of the subject, and a number among those
 * that have it in common. */
static int write_files(int dirfd, const Pool *pool)
{
    _cleanup_free_ const Authority **items = calloc(pool_active(pool) + 1, sizeof *items);
    Array array = {items, 0};
    unsigned number = 0;

    if (!items)
        return -ENOMEM;
    (void)pool_each_active(pool, collect, &array);
    qsort(items, array.n, sizeof(const Authority *), compare);
    for (size_t i = 0; i < array.n; i++) {
        char name[32];
        int r;

        number = i > 0 && items[i - 1]->subject_hash == items[i]->subject_hash ? number + 1 : 0;
        (void)snprintf(name, sizeof name, "%08lx.%u", items[i]->subject_hash, number);
        r = write_file(dirfd, name, items[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A folder that holds files only. Not there is fine. */
static int remove_folder(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        int error = errno;

        closep(&fd);
        return error == ENOENT ? 0 : -error;
    }
    while ((entry = readdir(dir)))
        if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
            unlinkat(fd, entry->d_name, 0) < 0)
            return -errno;
    return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int make_folder(int dirfd, const Pool *pool)
{
    _cleanup_close_ int fd = -EBADF;

    if (mkdirat(dirfd, NEW_FOLDER, FOLDER_MODE) < 0)
        return -errno;
    fd = openat(dirfd, NEW_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchmod(fd, FOLDER_MODE) < 0)
        return -errno;
    return write_files(fd, pool);
}

/* Whoever has opened the old folder goes on with it: its files go when it is no longer the one that
 * has the name. */
static int swap_folder(int dirfd)
{
    if (renameat2(dirfd, NEW_FOLDER, dirfd, EXPORT_FOLDER, RENAME_EXCHANGE) >= 0)
        return remove_folder(dirfd, NEW_FOLDER);
    if (errno != ENOENT)
        return -errno;
    return renameat(dirfd, NEW_FOLDER, dirfd, EXPORT_FOLDER) < 0 ? -errno : 0;
}

int export_pool(int dirfd, const Pool *pool)
{
    const char *text;
    size_t size;
    int r;

    /* What a killed process left behind. */
    r = remove_folder(dirfd, NEW_FOLDER);
    if (r >= 0)
        r = make_folder(dirfd, pool);
    if (r >= 0)
        r = swap_folder(dirfd);
    if (r < 0)
        return r;
    text = pool_bundle(pool, &size);
    return atomic_write_at(dirfd, EXPORT_FILE, text, size, FILE_MODE);
}
