/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, against what stands at its path now: deleted (or in memory only, from the start),
 * replaced by another file, or written to since the process started. Each path is looked up in the
 * process's own root, so that containers and services with file systems of their own are judged by
 * what they see. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "probe.h"
#include "process-stat.h"

#define PATH_SIZE 8192U
#define LINE_SIZE 16384U
#define FINDINGS_MAX 32U /* of mapped files, for one process; the rest is counted */
/* The clocks of files and of processes are not one; what changed within the first second may go
 * unseen. */
#define SLACK_USEC USEC_PER_SEC

typedef struct Process {
    int proc_fd, root_fd; /* its folder in /proc, its root */
    unsigned pid;
    uid_t uid;
    char name[PROCESS_NAME_SIZE];
    uint64_t start_usec; /* since the epoch */
    char path[PATH_SIZE];
    char executable[PATH_SIZE]; /* its path, as the kernel has it */
    size_t executable_size;
    char lines[LINE_SIZE];
    JsonWriter *writer; /* once there is something to say */
    struct {
        uint64_t device, inode;
    } found[FINDINGS_MAX]; /* mapped files */
    unsigned n_found, n_left_out;
} Process;

/* --- What is found ---------------------------------------------------------------------------- */

static void begin_finding(Process *p, Answer *a)
{
    if (p->writer)
        return;
    p->writer = answer_begin(a);
    if (!p->writer)
        return;
    json_write_uint64(p->writer, "pid", p->pid);
    json_write_uint64(p->writer, "uid", p->uid);
    json_write_bytes(p->writer, "process-name", p->name, strlen(p->name));
    json_write_time(p->writer, "start-time", p->start_usec);
    json_begin_array(p->writer, "files");
}

static void put_finding(Process *p, Answer *a, const char *path, size_t size, const char *use,
                        const char *change)
{
    begin_finding(p, a);
    if (!p->writer)
        return;
    json_begin_object(p->writer, NULL);
    json_write_bytes(p->writer, "name", path, size);
    json_write_string(p->writer, "use", use);
    json_write_string(p->writer, "change-kind", change);
    json_end_object(p->writer);
}

static void end_findings(Process *p, Answer *a)
{
    if (!p->writer)
        return;
    json_end_array(p->writer);
    if (p->n_left_out > 0)
        json_write_uint64(p->writer, "files-left-out", p->n_left_out);
    answer_end(a, p->writer);
    p->writer = NULL;
}

/* --- Files ------------------------------------------------------------------------------------ */

static uint64_t usec_of(const struct timespec *ts)
{
    return ts->tv_sec < 0
               ? 0
               : (uint64_t)ts->tv_sec * USEC_PER_SEC + (uint64_t)ts->tv_nsec / NSEC_PER_USEC;
}

/* What the path names in the process's root. The kernel gives paths without symlinks; where one has
 * come in since, what is found is another file or none. */
static int look_up(const Process *p, const char *path, struct stat *ret)
{
    /* "/" itself is no file that runs. */
    return fstatat(p->root_fd, path + 1, ret, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ? -errno
                                                                                         : 0;
}

static const char *change_since_start(const Process *p, const struct stat *st)
{
    if (usec_of(&st->st_mtim) > p->start_usec + SLACK_USEC)
        return "contents-modified";
    if (usec_of(&st->st_ctim) > p->start_usec + SLACK_USEC)
        return "meta-data-modified";
    return NULL;
}

static bool is_gone(int error)
{
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

/* p->path of that size, which may end with the kernel's word that the file was deleted: or with a
 * name that was chosen to look so. Returns what happened to it, NULL for nothing, and the size
 * without the word. is_same tells whether what is there now is what runs. */
static const char *judge(Process *p, size_t *size, Answer *a,
                         bool (*is_same)(const struct stat *there, const void *running),
                         const void *running)
{
    size_t shorter = path_without_deleted(p->path, *size);
    struct stat there;
    int r;

    p->path[*size] = 0;
    r = look_up(p, p->path, &there);
    if (r >= 0)
        return is_same(&there, running) ? change_since_start(p, &there) : "replaced";
    if (!is_gone(r)) {
        a->n_unreadable++;
        return NULL;
    }
    if (shorter == *size)
        return "deleted";
    *size = shorter;
    p->path[shorter] = 0;
    return look_up(p, p->path, &there) >= 0 ? "replaced" : "deleted";
}

static bool is_same_file(const struct stat *there, const void *running)
{
    const struct stat *st = running;

    return st->st_ino == there->st_ino && st->st_dev == there->st_dev;
}

/* Of a mapping the kernel tells the inode as the file system inside has it, and a device that
 * overlayfs and btrfs do not show outside; overlayfs may put the number of a layer into the highest
 * bits. */
static bool is_same_inode(const struct stat *there, const void *running)
{
    const uint64_t *inode = running, low = (UINT64_C(1) << 48) - 1;

    return (*inode & low) == (there->st_ino & low);
}

/* --- A process -------------------------------------------------------------------------------- */

/* Returns 1, 0 for what has none (the kernel's own, or one that is ending), or a negative errno. */
static int check_executable(Process *p, Answer *a, struct stat *ret)
{
    ssize_t n = readlinkat(p->proc_fd, "exe", p->path, sizeof p->path - 1);
    const char *change;
    size_t size;

    if (n < 0 || fstatat(p->proc_fd, "exe", ret, 0) < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    p->root_fd = openat(p->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (p->root_fd < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    size = p->executable_size = (size_t)n;
    memcpy(p->executable, p->path, size);
    change = judge(p, &size, a, is_same_file, ret);
    if (change)
        put_finding(p, a, p->path, size, "executable", change);
    return 1;
}

/* A file has several mappings. */
static bool is_found_already(const Process *p, const MapLine *map)
{
    for (unsigned i = 0; i < p->n_found; i++)
        if (p->found[i].inode == map->inode && p->found[i].device == map->device)
            return true;
    return false;
}

static void put_mapping(Process *p, Answer *a, const MapLine *map, size_t size, const char *change)
{
    if (p->n_found == FINDINGS_MAX) {
        p->n_left_out++;
        return;
    }
    p->found[p->n_found].device = map->device;
    p->found[p->n_found++].inode = map->inode;
    put_finding(p, a, p->path, size, "mapped", change);
}

/* The executable has been judged already. Its inode alone does not tell: other file systems have
 * files of that number too, and who wants one can have it. */
static bool is_executable(Process *p, const MapLine *map, const struct stat *executable)
{
    size_t size;

    if (!is_same_inode(executable, &map->inode))
        return false;
    if (map->path_size == p->executable_size &&
        memcmp(map->path, p->executable, map->path_size) == 0)
        return true;
    size = map_path_unescape(map->path, map->path_size, p->path);
    return size == p->executable_size && memcmp(p->path, p->executable, size) == 0;
}

/* As the kernel has written the path, and as it may have meant it. */
static const char *judge_mapping(Process *p, Answer *a, const MapLine *map, size_t *ret_size)
{
    const char *change;

    memcpy(p->path, map->path, map->path_size);
    *ret_size = map->path_size;
    change = judge(p, ret_size, a, is_same_inode, &map->inode);
    if (!change || !memmem(map->path, map->path_size, "\\012", 4))
        return change;
    *ret_size = map_path_unescape(map->path, map->path_size, p->path);
    return judge(p, ret_size, a, is_same_inode, &map->inode);
}

static void check_mapping(Process *p, Answer *a, const char *line, size_t line_size,
                          const struct stat *executable)
{
    const char *change;
    MapLine map;
    size_t size;

    if (map_line_parse(line, line_size, &map) < 0) {
        a->n_unreadable++;
        return;
    }
    if (!map.is_executable || map.path_size == 0 || map.path[0] != '/' ||
        map.path_size >= sizeof p->path || is_executable(p, &map, executable) ||
        is_found_already(p, &map))
        return;
    change = judge_mapping(p, a, &map, &size);
    if (change)
        put_mapping(p, a, &map, size, change);
}

static int check_mappings(Process *p, Answer *a, const struct stat *executable)
{
    _cleanup_close_ int fd = openat(p->proc_fd, "maps", O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t n;

    if (fd < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    while ((n = read(fd, p->lines + used, sizeof p->lines - used)) > 0) {
        char *line = p->lines, *end = p->lines + used + n, *newline;

        while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
            check_mapping(p, a, line, (size_t)(newline - line), executable);
            line = newline + 1;
        }
        used = (size_t)(end - line);
        if (used >= sizeof p->lines)
            return -EBADMSG;
        memmove(p->lines, line, used);
    }
    return n < 0 && errno != ESRCH ? -errno : 0;
}

static int read_stat(Process *p, uint64_t boot_usec)
{
    _cleanup_close_ int fd = openat(p->proc_fd, "stat", O_RDONLY | O_CLOEXEC);
    long ticks = sysconf(_SC_CLK_TCK);
    char text[2048];
    ProcessStat stat;
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(p->proc_fd, &st) < 0)
        return -errno;
    n = read(fd, text, sizeof text - 1);
    if (n < 0)
        return -errno;
    text[n] = 0;
    if (ticks <= 0 || process_stat_parse(text, &stat) < 0)
        return -EBADMSG;
    p->uid = st.st_uid;
    memcpy(p->name, stat.name, sizeof p->name);
    p->start_usec = boot_usec + stat.start / (uint64_t)ticks * USEC_PER_SEC +
                    stat.start % (uint64_t)ticks * USEC_PER_SEC / (uint64_t)ticks;
    return 0;
}

static void check_process(int proc_fd, const char *number, uint64_t boot_usec, Process *p,
                          Answer *a)
{
    struct stat executable;
    int r;

    p->proc_fd = openat(proc_fd, number, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    p->root_fd = -EBADF;
    p->pid = (unsigned)strtoul(number, NULL, 10);
    p->writer = NULL;
    p->n_found = 0;
    p->n_left_out = 0;
    if (p->proc_fd < 0)
        return;
    r = read_stat(p, boot_usec);
    if (r >= 0)
        r = check_executable(p, a, &executable);
    if (r > 0)
        r = check_mappings(p, a, &executable);
    if (r < 0 && r != -ENOENT && r != -ESRCH)
        a->n_unreadable++;
    end_findings(p, a);
    closep(&p->proc_fd);
    closep(&p->root_fd);
}

int probe_processes(int proc_fd, Answer *a, char reason[static PROBE_REASON_SIZE])
{
    _cleanup_free_ Process *p = calloc(1, sizeof *p);
    _cleanup_closedir_ DIR *proc = NULL;
    const struct dirent *entry;
    uint64_t boot_usec;
    int fd;

    if (!p)
        return -ENOMEM;
    boot_usec = clock_usec(CLOCK_REALTIME) - clock_usec(CLOCK_BOOTTIME);
    fd = fcntl(proc_fd, F_DUPFD_CLOEXEC, 3);
    proc = fd < 0 ? NULL : fdopendir(fd);
    if (!proc) {
        (void)snprintf(reason, PROBE_REASON_SIZE, "/proc: %s", strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return -EIO;
    }
    while ((errno = 0, entry = readdir(proc)) && !answer_is_unwanted(a))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            strtoul(entry->d_name, NULL, 10) != (unsigned long)getpid())
            check_process(proc_fd, entry->d_name, boot_usec, p, a);
    a->n_unreadable += !entry && errno != 0;
    return 0;
}
