/* SPDX-License-Identifier: Apache-2.0 */
/* The walk: down the tree in the order of paths, beside the records of the last time. */
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "scan-internal.h"

#define DEPTH_MAX 512U
/* Names of one folder that are held at a time, in bytes: what is near the root may be large. */
#define NAMES_MAX (512U << 10)
#define NAMES_MAX_DEEP (16U << 10)
#define DEEP 8U
#define RACY_NANOSECONDS 10000000
#define STATX_WANTED (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

typedef struct Level {
    Folder *folder;
    Names names;
    size_t path_size; /* of the folder, without a slash at its end */
} Level;

typedef struct Walk {
    const ScanRequest *request;
    const Mounts *mounts;
    uint64_t root_mount;
    Output *output;
    Previous *index, *hint;
    Level *levels;
    size_t depth;
    /* What was below this folder stays: it could not be read now. */
    char *unreadable;
    size_t unreadable_size;
    char target[INVENTORY_TARGET_MAX + 1];
    char path[INVENTORY_PATH_MAX + NAME_MAX + 2];
} Walk;

/* --- The records of the last time ------------------------------------------------------------- */

static bool in_scope(const Walk *w, InventoryText path)
{
    return !w->request->scoped || scan_paths_have(&w->request->scope, path);
}

static bool is_kept_as_it_was(const Walk *w, InventoryText path)
{
    return !in_scope(w, path) || (w->unreadable_size > 0 &&
                                  inventory_path_is_below(path, w->unreadable, w->unreadable_size));
}

/* What comes before path is not there any more. NULL: all that is left. */
static int pass_over(Walk *w, const InventoryText *path)
{
    const InventoryRecord *r;
    int k = 0;

    while (k >= 0 && (r = previous_record(w->index)) &&
           (!path || inventory_path_compare(r->path, *path) < 0)) {
        InventoryRecord gone = *r;

        gone.change =
            is_kept_as_it_was(w, r->path) ? INVENTORY_AS_IT_IS : (uint8_t)INVENTORY_DELETED;
        k = output_put(w->output, &gone);
        if (k >= 0)
            k = previous_next(w->index);
    }
    return k;
}

/* --- One entry -------------------------------------------------------------------------------- */

static InventoryTime time_of(const struct statx_timestamp *t)
{
    return (InventoryTime){t->tv_sec, t->tv_nsec};
}

/* A file that is written to in this moment can be written to once more without its times showing
 * it. */
static bool is_racy(const struct statx *st)
{
    struct timespec ts;
    int64_t age;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    if (ts.tv_sec - st->stx_ctime.tv_sec > 1 || st->stx_ctime.tv_sec - ts.tv_sec > 1)
        return false;
    age = (ts.tv_sec - st->stx_ctime.tv_sec) * INT64_C(1000000000) + ts.tv_nsec -
          (int64_t)st->stx_ctime.tv_nsec;
    return age < RACY_NANOSECONDS && age > -RACY_NANOSECONDS;
}

static void fill_record(const Walk *w, const struct statx *st, InventoryText path,
                        InventoryRecord *ret)
{
    *ret = (InventoryRecord){
        .mode = st->stx_mode,
        .uid = st->stx_uid,
        .gid = st->stx_gid,
        .links = st->stx_nlink,
        .device = makedev(st->stx_dev_major, st->stx_dev_minor),
        .inode = st->stx_ino,
        .size = st->stx_size,
        .blocks = st->stx_blocks,
        .accessed = time_of(&st->stx_atime),
        .modified = time_of(&st->stx_mtime),
        .changed = time_of(&st->stx_ctime),
        .path = path,
    };
    if (st->stx_mask & STATX_BTIME)
        ret->created = time_of(&st->stx_btime);
    if (S_ISBLK(st->stx_mode) || S_ISCHR(st->stx_mode))
        ret->special = makedev(st->stx_rdev_major, st->stx_rdev_minor);
    if (S_ISREG(st->stx_mode) && !w->request->no_digests && is_racy(st))
        ret->flags |= INVENTORY_RACY;
}

static int put_entry(Walk *w, InventoryRecord *r, const InventoryRecord *base)
{
    r->change = base ? (uint8_t)record_compare(r, base) : (uint8_t)INVENTORY_CREATED;
    return output_put(w->output, r);
}

static void take_digest(InventoryRecord *r, const InventoryRecord *from)
{
    r->algorithm = from->algorithm;
    memcpy(r->digest, from->digest, sizeof r->digest);
}

static int put_file(Walk *w, InventoryRecord *r, const InventoryRecord *base, Folder *folder)
{
    const InventoryRecord *hint;

    if (base && base->algorithm != INVENTORY_NO_DIGEST && record_is_same_file(r, base)) {
        take_digest(r, base);
        return put_entry(w, r, base);
    }
    hint = previous_find(w->hint, r->path);
    if (hint && hint->algorithm != INVENTORY_NO_DIGEST && record_is_same_file(r, hint)) {
        take_digest(r, hint);
        r->change = base ? (uint8_t)record_compare(r, base) : (uint8_t)INVENTORY_CREATED;
        if (base && (base->algorithm != hint->algorithm ||
                     memcmp(base->digest, hint->digest, sizeof base->digest) != 0))
            r->change = INVENTORY_CONTENTS_MODIFIED;
        return output_put(w->output, r);
    }
    return output_put_file(w->output, r, folder, base,
                           base ? record_compare(r, base) : INVENTORY_CREATED);
}

static int put_link(Walk *w, InventoryRecord *r, const InventoryRecord *base, int dirfd,
                    const char *name)
{
    ssize_t n = readlinkat(dirfd, name, w->target, sizeof w->target);

    if (n < 0)
        r->error = (uint16_t)errno;
    else
        r->target = (InventoryText){w->target, (size_t)n < sizeof w->target ? (size_t)n
                                                                            : INVENTORY_TARGET_MAX};
    return put_entry(w, r, base);
}

/* --- Folders ---------------------------------------------------------------------------------- */

static bool is_entered(const Walk *w, const struct statx *st)
{
    if (st->stx_attributes & STATX_ATTR_AUTOMOUNT)
        return false;
    return st->stx_mnt_id == w->root_mount || mounts_enter(w->mounts, st->stx_mnt_id);
}

/* Opens what st was about, and nothing else that may stand there by now. */
static int open_folder(int dirfd, const char *name, const struct statx *st)
{
    _cleanup_close_ int fd = openat(
        dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct statx now;

    if (fd < 0)
        return -errno;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &now) < 0)
        return -errno;
    if (now.stx_ino != st->stx_ino || now.stx_mnt_id != st->stx_mnt_id)
        return -ESTALE;
    return TAKE_FD(fd);
}

static size_t names_max(const Walk *w)
{
    return w->depth < DEEP ? NAMES_MAX : NAMES_MAX_DEEP;
}

static void keep_what_was_below(Walk *w, InventoryText path)
{
    free(w->unreadable);
    w->unreadable = strndup(path.data, path.size);
    w->unreadable_size = w->unreadable ? path.size : 0;
}

/* Takes over fd. */
static int enter(Walk *w, int fd, size_t path_size)
{
    Level *level = &w->levels[w->depth];
    int r;

    *level = (Level){.folder = folder_new(fd), .path_size = path_size};
    if (!level->folder)
        return -ENOMEM;
    w->depth++;
    r = names_read(&level->names, folder_fd(level->folder), NULL, names_max(w));
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        keep_what_was_below(w, (InventoryText){w->path, path_size});
    return 0;
}

static void leave(Walk *w)
{
    Level *level = &w->levels[--w->depth];

    level->folder = folder_unref(level->folder);
    names_done(&level->names);
}

static int put_folder(Walk *w, InventoryRecord *r, const InventoryRecord *base,
                      const struct statx *st, int dirfd, const char *name)
{
    _cleanup_close_ int fd = -EBADF;
    bool wanted = in_scope(w, r->path) || scan_paths_are_above(&w->request->scope, r->path);
    int k;

    if (!is_entered(w, st))
        r->flags |= INVENTORY_OTHER_SYSTEM;
    else if (w->depth == DEPTH_MAX || r->path.size + NAME_MAX + 1 > INVENTORY_PATH_MAX)
        r->flags |= INVENTORY_TOO_DEEP;
    else if (wanted) {
        fd = open_folder(dirfd, name, st);
        if (fd < 0) {
            r->error = (uint16_t)-fd;
            keep_what_was_below(w, r->path);
        }
    }
    k = put_entry(w, r, base);
    if (k < 0 || fd < 0)
        return k;
    return enter(w, TAKE_FD(fd), r->path.size);
}

static int visit(Walk *w, Level *level, const char *name)
{
    size_t name_size = strlen(name), folder_size = level->path_size == 1 ? 0 : level->path_size;
    InventoryText path = {w->path, folder_size + 1 + name_size};
    Folder *folder = level->folder;
    const InventoryRecord *base;
    InventoryRecord r;
    struct statx st;
    int k;

    w->path[folder_size] = '/';
    memcpy(w->path + folder_size + 1, name, name_size);
    if (scan_paths_have(&w->request->skip_files, path) ||
        scan_paths_have(&w->request->skip_folders, path))
        return 0;
    if (!in_scope(w, path) && !scan_paths_are_above(&w->request->scope, path))
        return 0;
    if (statx(folder_fd(folder), name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_WANTED, &st) <
        0) {
        if (errno != ENOENT)
            keep_what_was_below(w, path);
        return 0;
    }
    k = pass_over(w, &path);
    if (k < 0)
        return k;
    base = previous_record(w->index);
    if (base && inventory_path_compare(base->path, path) != 0)
        base = NULL;
    fill_record(w, &st, path, &r);
    if (S_ISDIR(st.stx_mode))
        k = put_folder(w, &r, base, &st, folder_fd(folder), name);
    else if (S_ISLNK(st.stx_mode))
        k = put_link(w, &r, base, folder_fd(folder), name);
    else if (S_ISREG(st.stx_mode) && !w->request->no_digests)
        k = put_file(w, &r, base, folder);
    else
        k = put_entry(w, &r, base);
    if (k >= 0 && base)
        k = previous_next(w->index);
    return k;
}

static int visit_root(Walk *w, int root_fd)
{
    InventoryText path = {w->path, 1};
    const InventoryRecord *base = previous_record(w->index);
    InventoryRecord r;
    struct statx st;
    int k, fd;

    if (statx(root_fd, "", AT_EMPTY_PATH, STATX_WANTED, &st) < 0)
        return -errno;
    w->root_mount = st.stx_mnt_id;
    w->path[0] = '/';
    fill_record(w, &st, path, &r);
    if (base && inventory_path_compare(base->path, path) != 0)
        base = NULL;
    k = put_entry(w, &r, base);
    if (k >= 0 && base)
        k = previous_next(w->index);
    if (k < 0)
        return k;
    fd = open_folder(root_fd, ".", &st);
    return fd < 0 ? fd : enter(w, fd, 1);
}

static int walk(Walk *w, int root_fd)
{
    int r = visit_root(w, root_fd);

    while (r >= 0 && w->depth > 0) {
        Level *level = &w->levels[w->depth - 1];
        Names *names = &level->names;

        if (names->next < names->n)
            r = visit(w, level, names->data + names->offsets[names->next++]);
        else if (names->more)
            r = names_read(names, folder_fd(level->folder),
                           names->data + names->offsets[names->n - 1], names_max(w));
        else
            leave(w);
    }
    return r < 0 ? r : pass_over(w, NULL);
}

static void walk_done(Walk *w)
{
    while (w->depth > 0)
        leave(w);
    output_free(w->output);
    previous_free(w->index);
    previous_free(w->hint);
    free(w->levels);
    free(w->unreadable);
}

int scan_run(int root_fd, const ScanRequest *request, const Mounts *mounts, int output)
{
    _cleanup_free_ Walk *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->request = request;
    w->mounts = mounts;
    w->levels = calloc(DEPTH_MAX, sizeof *w->levels);
    r = w->levels ? output_new(output, request->no_digests ? 0 : request->threads, request->rate,
                               &w->output)
                  : -ENOMEM;
    if (r >= 0) {
        r = previous_new(request->index_fd, true, &w->index);
        if (r >= 0)
            r = previous_new(request->hint_fd, false, &w->hint);
        if (r >= 0)
            r = walk(w, root_fd);
        r = output_finish(w->output, r < 0 ? r : 0);
    }
    walk_done(w);
    return r;
}
