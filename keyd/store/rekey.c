/* SPDX-License-Identifier: Apache-2.0 */
#include "rekey.h"

#include <dirent.h>
#include <fcntl.h>

#include "atomic-file.h"
#include "key-file.h"
#include "label.h"
#include "secret-box.h"
#include "store.h"

static int reseal(int dirfd, const char *name, const Key *key, const Kek *to)
{
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    r = key_file_seal(to, key, &data, &size);
    return r < 0 ? r : atomic_write_at(dirfd, name, data, size, 0600);
}

static bool is_content(int error)
{
    return error == -EBADMSG || error == -EKEYREJECTED || error == -ENOKEY;
}

static int rekey_file(int dirfd, const char *name, const Kek *from, const Kek *to, RekeyCount *c)
{
    _cleanup_(key_unrefp) Key *key = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;
    int r;

    r = read_file_at(dirfd, name, KEY_FILE_SIZE_MAX, &data, &size);
    if (r == -EFBIG || r == -EBADF || r == -ELOOP) { /* keyd will report it */
        c->left++;
        return 0;
    }
    if (r < 0)
        return r;
    r = key_file_open(from, data, size, &key);
    if (r >= 0) {
        c->resealed++;
        return reseal(dirfd, name, key, to);
    }
    if (r == -ENOKEY && (r = key_file_open(to, data, size, &key)) >= 0) {
        c->already++;
        return 0;
    }
    if (!is_content(r))
        return r;
    c->left++;
    return 0;
}

/* Writing adds names, so that they are read first. There may be more than keyd loads: copies that
 * somebody put back, keys that were sealed under another one. */
static int list_files(int dirfd, char (**ret)[LABEL_FILE_NAME_SIZE], size_t *ret_n)
{
    _cleanup_free_ char(*names)[LABEL_FILE_NAME_SIZE] = NULL;
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;
    size_t n = 0, n_allocated = 0;
    int r = open_folder_at(dirfd, ".", &dir);

    if (r < 0)
        return r;
    while (errno = 0, (entry = readdir(dir))) {
        if (!store_is_file_name(entry->d_name))
            continue;
        if (n == n_allocated) {
            size_t more = n_allocated > 0 ? 2 * n_allocated : 64;
            void *grown = reallocarray(names, more, sizeof *names);

            if (!grown)
                return -ENOMEM;
            names = grown;
            n_allocated = more;
        }
        memcpy(names[n++], entry->d_name, sizeof *names);
    }
    if (errno != 0)
        return -errno;
    *ret = TAKE_PTR(names);
    *ret_n = n;
    return 0;
}

static int rekey_secrets(int dirfd, const Kek *from, const Kek *to, RekeyCount *c)
{
    int r = secret_box_rekey(dirfd, from, to);

    if (r > 0)
        c->resealed++;
    if (!is_content(r))
        return r < 0 ? r : 0;
    c->left++;
    return 0;
}

int rekey_folder(int dirfd, const Kek *from, const Kek *to, RekeyCount *ret)
{
    _cleanup_free_ char(*names)[LABEL_FILE_NAME_SIZE] = NULL;
    RekeyCount count = {0};
    size_t n = 0;
    int r;

    r = remove_leftovers_at(dirfd);
    if (r >= 0)
        r = list_files(dirfd, &names, &n);
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = rekey_file(dirfd, names[i], from, to, &count);
    if (r >= 0)
        r = rekey_secrets(dirfd, from, to, &count);
    if (r < 0)
        return r;
    *ret = count;
    return 0;
}
