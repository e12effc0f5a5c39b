/* SPDX-License-Identifier: Apache-2.0 */
/* An open folder with the names in it and what the first of them stand for. */
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "scan-internal.h"

#include "clock.h"

#define WANTED (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)
#define LOOKS_MAX 256U
#define RACY_NANOSECONDS 10000000
#define STALE_NANOSECONDS INT64_C(1000000000)

/* A file that is written to in this moment can be written to once more without its times showing
 * it. before: the time when it had not been looked at yet. */
static bool is_racy(const Look *seen, int64_t before)
{
    int64_t second = before / 1000000000, changed;

    /* What is years away does not overflow. */
    if (seen->changed < second - 1 || seen->changed > second + 3600)
        return false;
    changed = seen->changed * INT64_C(1000000000) + seen->nanoseconds[2];
    return changed > before - RACY_NANOSECONDS &&
           changed < (int64_t)clock_nsec(CLOCK_REALTIME_COARSE) + RACY_NANOSECONDS;
}

static void take(const struct statx *st, Look *ret)
{
    *ret = (Look){
        .mode = st->stx_mode,
        .uid = st->stx_uid,
        .gid = st->stx_gid,
        .links = st->stx_nlink,
        .device = makedev(st->stx_dev_major, st->stx_dev_minor),
        .inode = st->stx_ino,
        .size = st->stx_size,
        .blocks = st->stx_blocks,
        .mount = st->stx_mnt_id,
        .accessed = st->stx_atime.tv_sec,
        .modified = st->stx_mtime.tv_sec,
        .changed = st->stx_ctime.tv_sec,
        .nanoseconds = {st->stx_atime.tv_nsec, st->stx_mtime.tv_nsec, st->stx_ctime.tv_nsec},
        .is_automount = (st->stx_attributes & STATX_ATTR_AUTOMOUNT) != 0,
    };
    if (st->stx_mask & STATX_BTIME) {
        ret->created = st->stx_btime.tv_sec;
        ret->nanoseconds[3] = st->stx_btime.tv_nsec;
    }
    if (S_ISBLK(st->stx_mode) || S_ISCHR(st->stx_mode))
        ret->special = makedev(st->stx_rdev_major, st->stx_rdev_minor);
}

static void look_at(int dirfd, const char *name, int64_t before, Look *ret)
{
    const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] ? 0 : AT_EMPTY_PATH);
    struct statx st;

    if (statx(dirfd, name, flags, WANTED, &st) < 0) {
        *ret = (Look){.error = (uint16_t)errno};
        return;
    }
    take(&st, ret);
    ret->is_racy = S_ISREG(ret->mode) && is_racy(ret, before);
}

void look(int dirfd, const char *name, Look *ret)
{
    look_at(dirfd, name, (int64_t)clock_nsec(CLOCK_REALTIME_COARSE), ret);
}

/* Opens what was seen, and nothing else that may stand there by now. */
static int open_folder(int dirfd, const char *name, const Look *seen)
{
    _cleanup_close_ int fd = openat(
        dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    Look now;

    if (fd < 0)
        return -errno;
    look(fd, "", &now);
    if (now.error != 0)
        return -now.error;
    if (now.inode != seen->inode || now.mount != seen->mount)
        return -ESTALE;
    return TAKE_FD(fd);
}

static int look_at_first(Listing *l)
{
    size_t n = l->names.n < LOOKS_MAX ? l->names.n : LOOKS_MAX;
    int64_t before = (int64_t)clock_nsec(CLOCK_REALTIME_COARSE);

    l->looked = (int64_t)clock_nsec(CLOCK_MONOTONIC_COARSE);
    free(l->looks);
    l->n_looks = 0;
    l->looks = n > 0 ? malloc(n * sizeof *l->looks) : NULL;
    if (n > 0 && !l->looks)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        look_at(folder_fd(l->folder), l->names.data + l->names.offsets[i], before, &l->looks[i]);
    l->n_looks = n;
    return 0;
}

/* What is wrong with the names is in the listing, except that there is no memory. */
static int read_names(Listing *l, const char *after, const ListingOptions *options)
{
    l->error =
        names_read(&l->names, folder_fd(l->folder), after, options->names_max, options->only_whole);
    if (l->error == -ENOMEM || l->error == -E2BIG)
        return l->error;
    return options->with_looks ? look_at_first(l) : 0;
}

int listing_open(int dirfd, const char *name, const Look *seen, const ListingOptions *options,
                 Listing *ret)
{
    _cleanup_(listing_done) Listing l = {0};
    int r = open_folder(dirfd, name, seen);

    if (r < 0)
        return r;
    l.folder = folder_new(r);
    r = l.folder ? read_names(&l, NULL, options) : -ENOMEM;
    if (r < 0)
        return r;
    *ret = l;
    l = (Listing){0};
    return 0;
}

int listing_more(Listing *l, const ListingOptions *options)
{
    return read_names(l, l->names.data + l->names.offsets[l->names.n - 1], options);
}

void listing_done(Listing *l)
{
    l->folder = folder_unref(l->folder);
    names_done(&l->names);
    free(l->looks);
    *l = (Listing){0};
}

bool listing_is_fresh(const Listing *l)
{
    return (int64_t)clock_nsec(CLOCK_MONOTONIC_COARSE) - l->looked < STALE_NANOSECONDS;
}
