/* SPDX-License-Identifier: Apache-2.0 */
/* Files that give privileges to whoever runs them: setuid, setgid, and with capabilities of their
 * own. The walk is from descriptors to names, follows no symlink, and stays on the router's own
 * file systems, those in memory among them; of others it is said that they are there. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "probe.h"
#include "scan.h"

#define DEPTH_MAX 512U
#define CAPABILITIES "security.capability"
/* Of a file no more than this: a router has a hundred thousand of them. */
#define STATX_WANTED (STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_MNT_ID)
#define PAUSE 1024U /* entries between two looks at who has asked */
#define NAMES_SIZE 32768U

/* A folder that is open, and some of its entries. */
typedef struct Level {
    int fd;
    size_t path_size;
    size_t at, size; /* in names */
    char *names;     /* of NAMES_SIZE; kept for the next folder of this depth */
} Level;

typedef struct Walk {
    const Mounts *mounts;
    Answer *answer;
    uint64_t root_mount;
    unsigned n;
    Level levels[DEPTH_MAX];
    size_t depth;
    const Level *here; /* whose folder is the process's own */
    char path[INVENTORY_PATH_MAX + NAME_MAX + 2];
} Walk;

static void write_set(JsonWriter *w, const char *name, uint64_t set)
{
    json_begin_array(w, name);
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(set & UINT64_C(1) << bit))
            continue;
        if (capability_name(bit))
            json_write_string(w, NULL, capability_name(bit));
        else
            json_write_stringf(w, NULL, "cap_%u", bit);
    }
    json_end_array(w);
}

static void write_capabilities(JsonWriter *w, const FileCapabilities *caps)
{
    json_begin_object(w, "capabilities");
    json_write_bool(w, "effective", caps->effective);
    write_set(w, "permitted", caps->permitted);
    write_set(w, "inheritable", caps->inheritable);
    if (caps->root_uid != 0)
        json_write_uint64(w, "root-uid", caps->root_uid);
    json_end_object(w);
}

/* The members that each line has; NULL when there is no memory for it. */
static JsonWriter *begin_line(Walk *walk, size_t path_size, const struct statx *st)
{
    JsonWriter *w = answer_begin(walk->answer);

    if (!w)
        return NULL;
    json_write_bytes(w, "name", walk->path, path_size);
    json_write_uint64(w, "mode", st->stx_mode);
    json_write_uint64(w, "uid", st->stx_uid);
    json_write_uint64(w, "gid", st->stx_gid);
    return w;
}

static void put_file(Walk *walk, size_t path_size, const struct statx *st,
                     const FileCapabilities *caps)
{
    JsonWriter *w = begin_line(walk, path_size, st);

    if (!w)
        return;
    if (caps)
        write_capabilities(w, caps);
    answer_end(walk->answer, w);
}

/* Returns 1, 0 when it has none, or a negative errno. By the name in the process's own folder: to
 * open each program would be most of the work. */
static int read_capabilities(Walk *w, const Level *level, const char *name, FileCapabilities *ret)
{
    uint8_t data[64];
    ssize_t n;
    int r;

    if (w->here != level && fchdir(level->fd) < 0)
        return -errno;
    w->here = level;
    n = lgetxattr(name, CAPABILITIES, data, sizeof data);
    if (n < 0)
        return errno == ENODATA || errno == EOPNOTSUPP || errno == ENOENT ? 0 : -errno;
    r = file_capabilities_parse(data, (size_t)n, ret);
    return r < 0 ? r : 1;
}

static void visit_file(Walk *w, const Level *level, const char *name, size_t path_size,
                       const struct statx *st)
{
    bool is_set = st->stx_mode & (S_ISUID | S_ISGID);
    FileCapabilities caps;
    int r = 0;

    /* Capabilities of what nobody can run are nobody's. */
    if (st->stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH))
        r = read_capabilities(w, level, name, &caps);
    if (r < 0)
        w->answer->n_unreadable++;
    if (is_set || r > 0)
        put_file(w, path_size, st, r > 0 ? &caps : NULL);
}

/* Files on it may give privileges too, and nobody has looked. Whether a mount forbids that (nosuid)
 * cannot be seen from here: systemd forbids it on all mounts of a service like this one. */
static void put_not_entered(Walk *walk, size_t path_size, const struct statx *st)
{
    JsonWriter *w;

    if (mounts_is_of_kernel(walk->mounts, st->stx_mnt_id))
        return;
    w = begin_line(walk, path_size, st);
    if (!w)
        return;
    json_write_string(w, "not-entered", "mount-point");
    answer_end(walk->answer, w);
}

static void enter(Walk *w, int dirfd, const char *name, size_t path_size, const struct statx *st)
{
    Level *level;
    int fd;

    if ((st->stx_attributes & STATX_ATTR_AUTOMOUNT) ||
        (st->stx_mnt_id != w->root_mount && !mounts_enter(w->mounts, st->stx_mnt_id))) {
        put_not_entered(w, path_size, st);
        return;
    }
    if (w->depth == DEPTH_MAX || path_size + NAME_MAX + 1 > INVENTORY_PATH_MAX) {
        w->answer->n_unreadable++;
        return;
    }
    fd = openat(dirfd, name,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno != ENOENT)
            w->answer->n_unreadable++;
        return;
    }
    level = &w->levels[w->depth];
    if (!level->names)
        level->names = malloc(NAMES_SIZE);
    if (!level->names) {
        w->answer->n_unreadable++;
        (void)close(fd);
        return;
    }
    level->fd = fd;
    level->path_size = path_size;
    level->at = level->size = 0;
    w->depth++;
}

static void visit(Walk *w, const Level *level, const struct dirent64 *entry)
{
    size_t base = level->path_size == 1 ? 0 : level->path_size;
    const char *name = entry->d_name;
    size_t name_size = strlen(name);
    struct statx st;

    if (streq(name, ".") || streq(name, ".."))
        return;
    if (entry->d_type != DT_REG && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
        return;
    w->path[base] = '/';
    memcpy(w->path + base + 1, name, name_size);
    if (statx(level->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_WANTED, &st) < 0) {
        if (errno != ENOENT)
            w->answer->n_unreadable++;
    } else if (S_ISDIR(st.stx_mode))
        enter(w, level->fd, name, base + 1 + name_size, &st);
    else if (S_ISREG(st.stx_mode))
        visit_file(w, level, name, base + 1 + name_size, &st);
}

/* The next entry of the innermost folder; NULL at its end. */
static const struct dirent64 *next_entry(Walk *w, Level *level)
{
    const struct dirent64 *entry;

    if (level->at == level->size) {
        ssize_t n = getdents64(level->fd, level->names, NAMES_SIZE);

        if (n < 0)
            w->answer->n_unreadable++;
        if (n <= 0)
            return NULL;
        level->size = (size_t)n;
        level->at = 0;
    }
    entry = (const struct dirent64 *)(level->names + level->at);
    level->at += entry->d_reclen;
    return entry;
}

static void leave(Walk *w)
{
    Level *level = &w->levels[--w->depth];

    (void)close(level->fd);
    if (w->here == level)
        w->here = NULL;
}

static void walk(Walk *w)
{
    while (w->depth > 0) {
        Level *level = &w->levels[w->depth - 1];
        const struct dirent64 *entry = next_entry(w, level);

        if (!entry)
            leave(w);
        else if (++w->n % PAUSE == 0 && answer_is_unwanted(w->answer))
            break;
        else
            visit(w, level, entry);
    }
    while (w->depth > 0)
        leave(w);
    for (size_t i = 0; i < DEPTH_MAX; i++)
        free(w->levels[i].names);
}

int probe_privileged(int root_fd, const Mounts *mounts, Answer *a,
                     char reason[static PROBE_REASON_SIZE])
{
    _cleanup_free_ Walk *w = calloc(1, sizeof *w);
    struct statx st;

    if (!w)
        return -ENOMEM;
    if (statx(root_fd, "", AT_EMPTY_PATH, STATX_WANTED, &st) < 0) {
        (void)snprintf(reason, PROBE_REASON_SIZE, "The root: %s", strerror(errno));
        return -EIO;
    }
    w->mounts = mounts;
    w->answer = a;
    w->root_mount = st.stx_mnt_id;
    w->path[0] = '/';
    enter(w, root_fd, ".", 1, &st);
    walk(w);
    return 0;
}
