/* SPDX-License-Identifier: Apache-2.0 */
/* For each key that is granted for TLS a file that stands for it (dbus/key-reference.h), for the
 * programs that take keys from files: the folder "grants" beside the users' keys. Made anew from
 * grants and keys whenever one of them changes, so nothing of it needs to be kept. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "atomic-file.h"
#include "key-reference.h"
#include "keyd.h"
#include "label.h"
#include "log.h"

#define FOLDER "grants"
#define SUFFIX ".pem"

static int folder_open(int runtime_fd)
{
    _cleanup_close_ int fd = directory_open_at(runtime_fd, FOLDER);

    if (fd < 0)
        return fd;
    return fchmod(fd, 0755) < 0 ? -errno : TAKE_FD(fd);
}

/* Of grants that have one. */
static int file_name(const Grant *g, char **ret)
{
    if (!g->purpose || !streq(g->purpose, "tls") || !g->algorithm || !g->label ||
        !label_is_valid(g->name))
        return 0;
    return asprintf(ret, "%s" SUFFIX, g->name) < 0 ? -ENOMEM : 1;
}

static bool has_content(int dirfd, const char *name, const char *text)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    return read_file_at(dirfd, name, KEY_REFERENCE_SIZE_MAX * 2, &data, &size) >= 0 &&
           size == strlen(text) && memcmp(data, text, size) == 0;
}

static int write_one(int dirfd, const Keyd *k, const Grant *g)
{
    _cleanup_free_ char *name = NULL, *pem = NULL;
    const Key *key;
    int r;

    r = file_name(g, &name);
    if (r <= 0)
        return r;
    key = store_find(k->store, g->algorithm, g->label);
    if (!key) {
        r = atomic_unlink_at(dirfd, name);
        return r == -ENOENT ? 0 : r;
    }
    r = key_reference_format(g->algorithm, g->label, key_public_key(key), &pem);
    if (r >= 0 && !has_content(dirfd, name, pem))
        r = atomic_write_at(dirfd, name, pem, strlen(pem), 0644);
    return r;
}

static bool is_granted(const Keyd *k, const char *file)
{
    for (size_t i = 0; k->grants && i < grants_count(k->grants); i++) {
        _cleanup_free_ char *name = NULL;

        if (file_name(grants_get(k->grants, i), &name) > 0 && streq(name, file))
            return true;
    }
    return false;
}

static int remove_others(int dirfd, const Keyd *k)
{
    _cleanup_closedir_ DIR *folder = NULL;
    const struct dirent *entry;
    int r = open_folder_at(dirfd, ".", &folder);

    if (r < 0)
        return r;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.' || is_granted(k, entry->d_name))
            continue;
        if (unlinkat(dirfd, entry->d_name, 0) < 0 && r == 0)
            r = -errno;
    }
    return r;
}

static int update(const Keyd *k)
{
    _cleanup_close_ int dirfd = folder_open(k->runtime_fd);
    int r;

    if (dirfd < 0)
        return dirfd;
    r = remove_leftovers_at(dirfd);
    if (r >= 0)
        r = remove_others(dirfd, k);
    for (size_t i = 0; k->grants && i < grants_count(k->grants) && r >= 0; i++)
        r = write_one(dirfd, k, grants_get(k->grants, i));
    return r;
}

void grant_references_update(const Keyd *k)
{
    int r = k->runtime_fd < 0 ? 0 : update(k);

    if (r < 0)
        log_warning_errno(r, "Failed to write the files that stand for granted keys, ignoring: %m");
}
