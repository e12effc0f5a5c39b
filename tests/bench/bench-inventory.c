/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/bench/inventory measures: a bare walk over a tree (openat and statx, with or without
 * SHA-256 of every file, one thread, nothing written), a snapshot as the daemon takes it, with the
 * scanner in a process of its own, and what the dossier says of the snapshots. Prints what it did
 * as JSON. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "collect.h"
#include "scan.h"
#include "snapshot-take.h"

typedef struct Walk {
    EVP_MD_CTX *digest; /* NULL: metadata only */
    uint64_t n;
    uint8_t buffer[131072];
} Walk;

static double seconds(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of this process and of those that it has waited for. */
static double processor(void)
{
    static const int all[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    struct timeval sum = {0};
    struct rusage usage;

    for (size_t i = 0; i < ELEMENTSOF(all); i++) {
        (void)getrusage(all[i], &usage);
        timeradd(&sum, &usage.ru_utime, &sum);
        timeradd(&sum, &usage.ru_stime, &sum);
    }
    return (double)sum.tv_sec + (double)sum.tv_usec / 1e6;
}

static int digest_file(Walk *w, int dirfd, const char *name)
{
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t digest[32];
    ssize_t n;

    if (fd < 0 || EVP_DigestInit_ex(w->digest, EVP_sha256(), NULL) != 1)
        return -EIO;
    while ((n = read(fd, w->buffer, sizeof w->buffer)) > 0)
        if (EVP_DigestUpdate(w->digest, w->buffer, (size_t)n) != 1)
            return -EIO;
    return n < 0 || EVP_DigestFinal_ex(w->digest, digest, NULL) != 1 ? -EIO : 0;
}

static int walk(Walk *w, int fd)
{
    _Alignas(struct dirent64) char buffer[32768];
    _cleanup_close_ int dirfd = fd;
    ssize_t size;

    while ((size = getdents64(dirfd, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buffer + at);
            const char *name = entry->d_name;
            struct statx st;
            int r = 0;

            at += entry->d_reclen;
            if (streq(name, ".") || streq(name, ".."))
                continue;
            if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
                return -errno;
            w->n++;
            if (S_ISDIR(st.stx_mode))
                r = walk(w, openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
            else if (S_ISREG(st.stx_mode) && w->digest)
                r = digest_file(w, dirfd, name);
            if (r < 0)
                return r;
        }
    return size < 0 ? -errno : 0;
}

static int run_walk(const char *tree, bool digests)
{
    _cleanup_free_ Walk *w = calloc(1, sizeof *w);
    double begin = seconds();
    int r;

    if (!w)
        return -ENOMEM;
    w->digest = digests ? EVP_MD_CTX_new() : NULL;
    r = walk(w, open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    (void)printf("{\"seconds\": %.6f, \"processor\": %.6f, \"entries\": %llu}\n", seconds() - begin,
                 processor(), (unsigned long long)w->n);
    EVP_MD_CTX_free(w->digest);
    return r;
}

static long child_peak_kib(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_CHILDREN, &usage) < 0 ? 0 : usage.ru_maxrss;
}

/* What getrusage() says of the process itself has the peak of whoever executed it in it. */
static long peak_kib(void)
{
    _cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kib = 0;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", STRLEN("VmHWM:")) == 0)
            kib = strtol(line + STRLEN("VmHWM:"), NULL, 10);
    return kib;
}

static int run_take(const char *tree, const char *store, bool digests)
{
    _cleanup_close_ int tree_fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int store_fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SnapshotRequest request = {
        .dirfd = store_fd, .root_fd = tree_fd, .cancel_fd = -1, .no_digests = !digests};
    SnapshotResult result;
    double begin = seconds();
    int pair[2], status, r;
    pid_t pid;

    if (tree_fd < 0 || store_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        _exit(scan_serve(pair[1], tree_fd, NULL) < 0);
    }
    (void)close(pair[1]);
    request.socket = pair[0];
    r = snapshot_take(&request, &result);
    (void)close(pair[0]);
    (void)waitpid(pid, &status, 0);
    (void)printf("{\"seconds\": %.6f, \"processor\": %.6f, \"entries\": %llu, \"records\": %llu, "
                 "\"read\": %llu, \"daemon-kib\": %ld, \"scanner-kib\": %ld, "
                 "\"block-bytes\": %llu}\n",
                 seconds() - begin, processor(), (unsigned long long)result.n_files,
                 (unsigned long long)result.n_records, (unsigned long long)result.n_digests,
                 peak_kib(), child_peak_kib(), (unsigned long long)result.bytes);
    return r;
}

/* The blocks as the dossier has them, into nowhere. */
static int run_tell(const char *store)
{
    static const CollectHost host;
    _cleanup_close_ int store_fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *writer = json_writer_new(null_fd);
    Collect c = {.writer = writer,
                 .root_fd = -1,
                 .host = &host,
                 .snapshots_fd = store_fd,
                 .deadline_usec = UINT64_MAX};
    double begin = seconds();
    int r;

    if (store_fd < 0 || null_fd < 0 || !writer)
        return -errno;
    json_begin_object(writer, NULL);
    collect_filesystem(&c);
    json_end_object(writer);
    r = json_writer_finish(writer);
    (void)printf("{\"seconds\": %.6f, \"processor\": %.6f, \"good\": %u, \"bad\": %u, "
                 "\"daemon-kib\": %ld}\n",
                 seconds() - begin, processor(), c.n_good, c.n_bad, peak_kib());
    return r;
}

int main(int argc, char *argv[])
{
    int r = -EINVAL;

    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && streq(argv[1], "walk"))
        r = run_walk(argv[2], streq(argv[3], "digests"));
    else if (argc == 5 && streq(argv[1], "take"))
        r = run_take(argv[2], argv[3], streq(argv[4], "digests"));
    else if (argc == 3 && streq(argv[1], "tell"))
        r = run_tell(argv[2]);
    if (r < 0)
        (void)fprintf(stderr, "bench-inventory: %s\n", strerror(-r));
    return r < 0;
}
