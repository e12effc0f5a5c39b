/* SPDX-License-Identifier: Apache-2.0 */
#include "package-verify.h"

#include <endian.h>
#include <poll.h>
#include <sys/socket.h>

#include "collect.h"
#include "dpkg-diversions.h"
#include "helper-client.h"

/* As probe-digests.h has them. */
#define BATCH_MAX (64U << 10)
#define RECORDS_MAX 4096U
#define MD5 1U
#define MD5_SIZE 16U
#define PATH_SIZE 4096U
#define INTERVAL_MS 200

typedef struct Pending {
    size_t path; /* in the batch */
    uint16_t path_size;
    bool is_conffile;
} Pending;

struct PackageVerifier {
    int root_fd, fd;
    bool (*should_stop)(void *userdata);
    void *userdata;
    Diversions diversions;
    int error; /* nothing more can be asked */
    uint8_t batch[sizeof(uint32_t) + BATCH_MAX];
    size_t used;
    Pending pending[RECORDS_MAX];
    size_t n_pending;
    /* Of the package. */
    JsonWriter *writer;
    uint64_t n_files, n_malformed, n_unreadable;
};

PackageVerifier *package_verifier_free(PackageVerifier *v)
{
    if (!v)
        return NULL;
    closep(&v->fd);
    diversions_done(&v->diversions);
    free(v);
    return NULL;
}

/* --- Asking ----------------------------------------------------------------------------------- */

static int wait_for_room(PackageVerifier *v)
{
    for (;;) {
        struct pollfd p = {.fd = v->fd, .events = POLLOUT};

        if (v->should_stop && v->should_stop(v->userdata))
            return -ETIMEDOUT;
        if (poll(&p, 1, INTERVAL_MS) > 0)
            return 0;
    }
}

static int send_batch(PackageVerifier *v)
{
    uint32_t size = htole32((uint32_t)(v->used - sizeof(uint32_t)));
    size_t done = 0;

    memcpy(v->batch, &size, sizeof size);
    while (done < v->used) {
        int r = wait_for_room(v);
        ssize_t n;

        if (r < 0)
            return r;
        n = send(v->fd, v->batch + done, v->used - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static int receive_verdicts(PackageVerifier *v, uint8_t *verdicts)
{
    size_t done = 0;

    while (done < v->n_pending) {
        ssize_t n = helper_receive(v->fd, verdicts + done, v->n_pending - done, v->should_stop,
                                   v->userdata);

        if (n <= 0)
            return n < 0 ? (int)n : -EPIPE;
        done += (size_t)n;
    }
    return 0;
}

static int put_verdict(PackageVerifier *v, const Pending *p, uint8_t verdict)
{
    static const struct {
        uint8_t verdict;
        const char *state;
    } states[] = {{'s', NULL}, {'c', "changed"}, {'m', "missing"}, {'u', "unreadable"}};
    size_t i = 0;

    while (i < ELEMENTSOF(states) && states[i].verdict != verdict)
        i++;
    if (i == ELEMENTSOF(states))
        return -EBADMSG;
    if (verdict == 'u')
        v->n_unreadable++;
    if (!states[i].state)
        return 0;
    json_begin_object(v->writer, NULL);
    json_write_bytes(v->writer, "name", v->batch + p->path, p->path_size);
    json_write_string(v->writer, "state", states[i].state);
    if (p->is_conffile)
        json_write_bool(v->writer, "conffile", true);
    json_end_object(v->writer);
    return 0;
}

/* What is in the batch is asked, and what differs is written. */
static void flush(PackageVerifier *v)
{
    uint8_t verdicts[RECORDS_MAX];

    if (v->error == 0 && v->n_pending > 0) {
        v->error = send_batch(v);
        if (v->error == 0)
            v->error = receive_verdicts(v, verdicts);
        for (size_t i = 0; v->error == 0 && i < v->n_pending; i++)
            v->error = put_verdict(v, &v->pending[i], verdicts[i]);
    }
    v->used = sizeof(uint32_t);
    v->n_pending = 0;
}

static void add(PackageVerifier *v, const char *path, const uint8_t digest[static MD5_SIZE],
                bool is_conffile)
{
    size_t size = strlen(path);
    uint8_t *p;

    if (size == 0 || size >= PATH_SIZE) {
        v->n_malformed++;
        return;
    }
    if (v->n_pending == RECORDS_MAX || v->used + 2 + MD5_SIZE + 2 + size > sizeof v->batch)
        flush(v);
    p = v->batch + v->used;
    p[0] = MD5;
    p[1] = MD5_SIZE;
    memcpy(p + 2, digest, MD5_SIZE);
    p[2 + MD5_SIZE] = (uint8_t)size;
    p[2 + MD5_SIZE + 1] = (uint8_t)(size >> 8);
    memcpy(p + 2 + MD5_SIZE + 2, path, size);
    v->pending[v->n_pending++] = (Pending){v->used + 2 + MD5_SIZE + 2, (uint16_t)size, is_conffile};
    v->used += 2 + MD5_SIZE + 2 + size;
    v->n_files++;
}

int package_verifier_new(int root_fd, int fd, uint64_t rate, bool (*should_stop)(void *userdata),
                         void *userdata, PackageVerifier **ret)
{
    _cleanup_(package_verifier_freep) PackageVerifier *v = calloc(1, sizeof *v);
    int r;

    if (!v) {
        closep(&fd);
        return -ENOMEM;
    }
    v->root_fd = root_fd;
    v->fd = fd;
    v->should_stop = should_stop;
    v->userdata = userdata;
    r = diversions_read(root_fd, &v->diversions);
    if (r < 0)
        return r;
    rate = htole64(rate);
    memcpy(v->batch + sizeof(uint32_t), &rate, sizeof rate);
    v->used = sizeof(uint32_t) + sizeof rate;
    v->error = send_batch(v);
    v->used = sizeof(uint32_t);
    *ret = TAKE_PTR(v);
    return 0;
}

/* --- dpkg ------------------------------------------------------------------------------------- */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The digest's 32 digits, and a blank or the end after them. */
static bool read_md5(const char *text, uint8_t ret[static MD5_SIZE])
{
    for (size_t i = 0; i < MD5_SIZE; i++) {
        int high = nibble(text[2 * i]), low = high < 0 ? -1 : nibble(text[2 * i + 1]);

        if (low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * MD5_SIZE] == ' ' || text[2 * MD5_SIZE] == 0;
}

/* "DIGEST  PATH": the path has no slash before it, and may have anything but a newline in it. */
static void take_sum(PackageVerifier *v, const char *line, const char *package)
{
    uint8_t digest[MD5_SIZE];
    char path[PATH_SIZE + 1];

    if (!read_md5(line, digest) || strncmp(line + 2 * MD5_SIZE, "  ", 2) != 0 ||
        (size_t)snprintf(path, sizeof path, "/%s", line + 2 * MD5_SIZE + 2) >= sizeof path) {
        v->n_malformed++;
        return;
    }
    add(v, diversions_find(&v->diversions, path, package), digest, false);
}

/* Returns whether there is such a list. */
static bool take_sums(PackageVerifier *v, const DpkgPackage *p)
{
    char path[2 * DPKG_FIELD_SIZE + 64];
    _cleanup_fclose_ FILE *f = NULL;
    _cleanup_free_ char *line = NULL;
    size_t room = 0;
    ssize_t n;

    (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s.md5sums", p->name.data);
    if (collect_open(v->root_fd, path, &f) < 0) {
        if (!dpkg_name_is_valid(&p->architecture))
            return false;
        (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s:%s.md5sums", p->name.data,
                       p->architecture.data);
        if (collect_open(v->root_fd, path, &f) < 0)
            return false;
    }
    while (v->error == 0 && (n = getline(&line, &room, f)) > 0) {
        if (line[n - 1] == '\n')
            line[--n] = 0;
        if (strlen(line) == (size_t)n)
            take_sum(v, line, p->name.data);
        else
            v->n_malformed++;
    }
    return true;
}

/* "PATH DIGEST", and a word more for what is no part of the package as it is installed. */
static void take_conffile(PackageVerifier *v, char *line, const char *package)
{
    char *digest = strchr(line, ' '), *more;
    uint8_t binary[MD5_SIZE];

    more = digest ? strchr(digest + 1, ' ') : NULL;
    if (more || (digest && streq(digest + 1, "newconffile")))
        return;
    if (!digest || line[0] != '/' || !read_md5(digest + 1, binary)) {
        v->n_malformed++;
        return;
    }
    *digest = 0;
    add(v, diversions_find(&v->diversions, line, package), binary, true);
}

static int take_conffiles(PackageVerifier *v, const DpkgPackage *p)
{
    _cleanup_free_ char *copy = strdup(p->conffiles);
    char *save = NULL;

    if (!copy)
        return -ENOMEM;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        take_conffile(v, line, p->name.data);
    return 0;
}

static bool write_outcome(const PackageVerifier *v, bool has_sums)
{
    JsonWriter *w = v->writer;
    ResultCode code = RESULT_SUCCESS;
    char reason[COLLECT_REASON_SIZE];

    json_write_uint64(w, "files", v->n_files);
    if (v->error < 0) {
        code = result_code_from_errno(v->error);
        (void)snprintf(reason, sizeof reason, "chancery-probe-digests: %s", strerror(-v->error));
    } else if (v->n_malformed + v->n_unreadable > 0) {
        code = RESULT_PARTIAL;
        (void)snprintf(reason, sizeof reason,
                       "%llu files could not be read, %llu digests not understood",
                       (unsigned long long)v->n_unreadable, (unsigned long long)v->n_malformed);
    } else if (!has_sums && v->n_files == 0) {
        /* Such packages have no files: it is how they are. */
        code = RESULT_NOT_AVAILABLE;
        (void)snprintf(reason, sizeof reason, "The package came without digests of its files");
    }
    json_write_string(w, "result-code", result_code_to_string(code));
    if (code != RESULT_SUCCESS)
        json_write_string(w, "reason", reason);
    return code == RESULT_SUCCESS || code == RESULT_NOT_AVAILABLE;
}

bool package_verify_dpkg(PackageVerifier *v, JsonWriter *w, const DpkgPackage *p)
{
    bool has_sums = false, is_good;
    int r;

    v->writer = w;
    v->n_files = v->n_malformed = v->n_unreadable = 0;
    json_begin_object(w, "verification");
    json_begin_array(w, "differences");
    if (v->error == 0) {
        has_sums = take_sums(v, p);
        r = take_conffiles(v, p);
        flush(v);
        if (r < 0)
            v->error = r;
    }
    json_end_array(w);
    is_good = write_outcome(v, has_sums);
    json_end_object(w);
    return is_good;
}
