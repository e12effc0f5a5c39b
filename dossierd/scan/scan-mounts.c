/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts belong to the inventory. */
#include "scan.h"

#define MOUNTS_MAX 4096U

typedef struct Mount {
    uint64_t id, parent;
    char device[32];    /* "8:1" */
    char *root, *point; /* what of the file system is where; escaped as the kernel does */
    char type[32];
    bool is_entered;
} Mount;

struct Mounts {
    Mount *mounts;
    size_t n;
    bool with_memory;
};

/* Kept over a reboot, and this router's own. */
static const char *const kept_types[] = {
    "bcachefs", "btrfs", "erofs", "exfat", "ext2",   "ext3",  "ext4",    "f2fs",
    "iso9660",  "jffs2", "jfs",   "msdos", "nilfs2", "ntfs3", "overlay", "reiserfs",
    "squashfs", "ubifs", "udf",   "vfat",  "xfs",    "zfs",
};

Mounts *mounts_free(Mounts *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->n; i++) {
        free(m->mounts[i].root);
        free(m->mounts[i].point);
    }
    free(m->mounts);
    free(m);
    return NULL;
}

/* The kernel makes what is in them; nobody can put a program there. */
static const char *const kernel_types[] = {
    "binfmt_misc", "bpf",        "cgroup",    "cgroup2", "configfs", "debugfs",
    "devpts",      "efivarfs",   "fusectl",   "mqueue",  "nsfs",     "proc",
    "pstore",      "securityfs", "selinuxfs", "sysfs",   "tracefs",
};

static const char *const memory_types[] = {"devtmpfs", "ramfs", "tmpfs"};

static bool is_wanted(const Mounts *m, const char *type)
{
    for (size_t i = 0; m->with_memory && i < ELEMENTSOF(memory_types); i++)
        if (streq(type, memory_types[i]))
            return true;
    for (size_t i = 0; i < ELEMENTSOF(kept_types); i++)
        if (streq(type, kept_types[i]))
            return true;
    return false;
}

static Mount *find(const Mounts *m, uint64_t id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->mounts[i].id == id)
            return &m->mounts[i];
    return NULL;
}

static bool is_prefix(const char *folder, const char *path)
{
    size_t n = strlen(folder);

    if (streq(folder, "/"))
        return true;
    return strncmp(folder, path, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* Does it show what would be there without it? Sandboxes bind folders over themselves. */
static bool is_transparent(const Mount *mount, const Mount *parent)
{
    const char *rest;
    size_t n = streq(parent->root, "/") ? 0 : strlen(parent->root);

    if (!streq(mount->device, parent->device) || !is_prefix(parent->point, mount->point))
        return false;
    rest = mount->point + (streq(parent->point, "/") ? 0 : strlen(parent->point));
    if (n == 0 && rest[0] == 0)
        return streq(mount->root, "/");
    return strncmp(mount->root, parent->root, n) == 0 && streq(mount->root + n, rest);
}

static bool is_shown_already(const Mounts *m, const Mount *mount)
{
    for (const Mount *other = m->mounts; other < mount; other++)
        if (other->is_entered && streq(other->device, mount->device) &&
            (is_prefix(other->root, mount->root) || is_prefix(mount->root, other->root)))
            return true;
    return false;
}

static void decide(const Mounts *m, Mount *mount)
{
    const Mount *parent = find(m, mount->parent);

    if (parent && parent < mount && is_transparent(mount, parent))
        mount->is_entered = parent->is_entered;
    else if (streq(mount->point, "/"))
        mount->is_entered = true;
    else
        mount->is_entered = is_wanted(m, mount->type) && !is_shown_already(m, mount);
}

/* The next field of a line, ended with a zero byte; NULL when there is none. */
static char *next_field(char **rest)
{
    char *field = strsep(rest, " \n");

    return field && *field ? field : NULL;
}

static int read_number(const char *field, uint64_t *ret)
{
    char *end;

    if (!field || *field < '0' || *field > '9')
        return -EBADMSG;
    errno = 0;
    *ret = strtoull(field, &end, 10);
    return errno == 0 && *end == 0 ? 0 : -EBADMSG;
}

static int copy_fields(char **rest, char **type, Mount *ret)
{
    const char *device = next_field(rest), *root = next_field(rest), *point = next_field(rest);
    const char *name = next_field(type);

    if (!device || !root || !point || !name)
        return -EBADMSG;
    (void)snprintf(ret->device, sizeof ret->device, "%s", device);
    (void)snprintf(ret->type, sizeof ret->type, "%s", name);
    ret->root = strdup(root);
    ret->point = strdup(point);
    return ret->root && ret->point ? 0 : -ENOMEM;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", see proc(5). */
static int read_line(char *line, Mount *ret)
{
    char *rest = line, *separator = strstr(line, " - "), *type;

    if (!separator)
        return -EBADMSG;
    *separator = 0;
    type = separator + STRLEN(" - ");
    if (read_number(next_field(&rest), &ret->id) < 0 ||
        read_number(next_field(&rest), &ret->parent) < 0)
        return -EBADMSG;
    return copy_fields(&rest, &type, ret);
}

static int add(Mounts *m, char *line)
{
    int r;

    if (m->n == MOUNTS_MAX)
        return -E2BIG;
    if (m->n % 64 == 0) {
        Mount *larger = reallocarray(m->mounts, m->n + 64, sizeof *larger);

        if (!larger)
            return -ENOMEM;
        m->mounts = larger;
    }
    m->mounts[m->n] = (Mount){0};
    r = read_line(line, &m->mounts[m->n]);
    m->n++;
    return r;
}

int mounts_new(FILE *f, bool with_memory, Mounts **ret)
{
    _cleanup_(mounts_freep) Mounts *m = calloc(1, sizeof *m);
    _cleanup_free_ char *line = NULL;
    size_t room = 0;

    if (!m)
        return -ENOMEM;
    m->with_memory = with_memory;
    while (getline(&line, &room, f) > 0) {
        int r = add(m, line);

        if (r < 0)
            return r;
    }
    if (ferror(f))
        return -EIO;
    for (size_t i = 0; i < m->n; i++)
        decide(m, &m->mounts[i]);
    *ret = TAKE_PTR(m);
    return 0;
}

bool mounts_enter(const Mounts *m, uint64_t mount_id)
{
    const Mount *mount = m ? find(m, mount_id) : NULL;

    return mount && mount->is_entered;
}

bool mounts_is_of_kernel(const Mounts *m, uint64_t mount_id)
{
    const Mount *mount = m ? find(m, mount_id) : NULL;

    for (size_t i = 0; mount && i < ELEMENTSOF(kernel_types); i++)
        if (streq(mount->type, kernel_types[i]))
            return true;
    return false;
}
