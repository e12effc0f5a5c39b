/* SPDX-License-Identifier: Apache-2.0 */
#include "package-verify.h"

#include <endian.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "dpkg-diversions.h"
#include "helper-client.h"

/* As probe-digests.h has them. */
#define BATCH_MAX (64U << 10)
#define RECORDS_MAX 4096U
#define MD5 1U
#define MD5_SIZE 16U
#define DIGEST_SIZE_MAX 64U
#define PATH_SIZE 4096U
#define INTERVAL_MS 200

typedef struct Pending {
    size_t path; /* in the batch */
    uint16_t path_size;
    bool is_conffile, may_be_missing;
} Pending;

typedef struct Digest {
    uint8_t algorithm, size;
    uint8_t bytes[DIGEST_SIZE_MAX];
} Digest;

struct PackageVerifier {
    int root_fd, fd;
    Collect *collect;
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

        if (collect_should_stop(v->collect))
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

static bool should_stop(void *userdata)
{
    return collect_should_stop(userdata);
}

static int receive_verdicts(PackageVerifier *v, uint8_t *verdicts)
{
    size_t done = 0;

    while (done < v->n_pending) {
        ssize_t n =
            helper_receive(v->fd, verdicts + done, v->n_pending - done, should_stop, v->collect);

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
    if (!states[i].state || (verdict == 'm' && p->may_be_missing))
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

static void add(PackageVerifier *v, const char *path, const Digest *digest, bool is_conffile,
                bool may_be_missing)
{
    size_t size = strlen(path), record = 2 + digest->size + 2 + size;
    uint8_t *p;

    if (size == 0 || size >= PATH_SIZE) {
        v->n_malformed++;
        return;
    }
    if (v->n_pending == RECORDS_MAX || v->used + record > sizeof v->batch)
        flush(v);
    p = v->batch + v->used;
    p[0] = digest->algorithm;
    p[1] = digest->size;
    memcpy(p + 2, digest->bytes, digest->size);
    p += 2 + digest->size;
    p[0] = (uint8_t)size;
    p[1] = (uint8_t)(size >> 8);
    memcpy(p + 2, path, size);
    v->pending[v->n_pending++] =
        (Pending){v->used + record - size, (uint16_t)size, is_conffile, may_be_missing};
    v->used += record;
    v->n_files++;
}

static int verifier_new(Collect *c, int fd, PackageVerifier **ret)
{
    _cleanup_(package_verifier_freep) PackageVerifier *v = calloc(1, sizeof *v);
    uint64_t rate = htole64(c->rate);
    int r;

    if (!v) {
        closep(&fd);
        return -ENOMEM;
    }
    v->root_fd = c->root_fd;
    v->fd = fd;
    v->collect = c;
    v->writer = c->writer;
    r = diversions_read(c->root_fd, &v->diversions);
    if (r < 0)
        return r;
    memcpy(v->batch + sizeof(uint32_t), &rate, sizeof rate);
    v->used = sizeof(uint32_t) + sizeof rate;
    v->error = send_batch(v);
    v->used = sizeof(uint32_t);
    *ret = TAKE_PTR(v);
    return 0;
}

void package_verifier_start(Collect *c, PackageVerifier **ret)
{
    const CollectHost *host = c->host;
    int fd =
        host && host->connect_probe ? host->connect_probe(host->userdata, PROBE_DIGESTS) : -ENOENT;
    int r = fd < 0 ? fd : verifier_new(c, fd, ret);

    if (r >= 0 && (*ret)->diversions.is_cut) {
        c->n_bad++;
        json_write_string(
            c->writer, "verification-failure",
            "The list of diversions could not be read whole: files that are elsewhere "
            "may be told as changed or missing");
    }
    if (r >= 0)
        return;
    c->n_bad++;
    json_write_stringf(c->writer, "verification-failure", "chancery-probe-digests: %s",
                       strerror(-r));
}

static void package_begin(PackageVerifier *v)
{
    v->n_files = v->n_malformed = v->n_unreadable = 0;
    json_begin_object(v->writer, "verification");
    json_begin_array(v->writer, "differences");
}

/* --- dpkg ------------------------------------------------------------------------------------- */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t *ret, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = nibble(text[2 * i]), low = high < 0 ? -1 : nibble(text[2 * i + 1]);

        if (low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The digest's 32 digits, and a blank or the end after them. */
static bool read_md5(const char *text, Digest *ret)
{
    ret->algorithm = MD5;
    ret->size = MD5_SIZE;
    return read_hex(text, ret->bytes, MD5_SIZE) &&
           (text[2 * MD5_SIZE] == ' ' || text[2 * MD5_SIZE] == 0);
}

/* "DIGEST  PATH": the path has no slash before it, and may have anything but a newline in it. */
static void take_sum(PackageVerifier *v, const char *line, const char *package)
{
    char path[PATH_SIZE + 1];
    Digest digest;

    if (!read_md5(line, &digest) || strncmp(line + 2 * MD5_SIZE, "  ", 2) != 0 ||
        (size_t)snprintf(path, sizeof path, "/%s", line + 2 * MD5_SIZE + 2) >= sizeof path) {
        v->n_malformed++;
        return;
    }
    add(v, diversions_find(&v->diversions, path, package), &digest, false, false);
}

/* Returns whether there is such a list. */
static bool take_sums(PackageVerifier *v, const DpkgPackage *p)
{
    char path[2 * DPKG_FIELD_SIZE + 64];
    _cleanup_fclose_ FILE *f = NULL;
    char line[2 * MD5_SIZE + 2 + PATH_SIZE + 1];
    size_t size;
    bool truncated;
    int r;

    (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s.md5sums", p->name.data);
    if (collect_open(v->root_fd, path, &f) < 0) {
        if (!dpkg_name_is_valid(&p->architecture))
            return false;
        (void)snprintf(path, sizeof path, "var/lib/dpkg/info/%s:%s.md5sums", p->name.data,
                       p->architecture.data);
        if (collect_open(v->root_fd, path, &f) < 0)
            return false;
    }
    while (v->error == 0 && (r = read_line_bytes(f, line, sizeof line, &size, &truncated)) != 0) {
        if (r > 0 && !truncated && strlen(line) == size)
            take_sum(v, line, p->name.data);
        else
            v->n_malformed++;
        if (r < 0)
            break;
    }
    return true;
}

/* "PATH DIGEST", and a word more for what is no part of the package as it is installed. */
static void take_conffile(PackageVerifier *v, char *line, const char *package)
{
    char *digest = strchr(line, ' '), *more;
    Digest binary;

    more = digest ? strchr(digest + 1, ' ') : NULL;
    if (more || (digest && streq(digest + 1, "newconffile")))
        return;
    if (!digest || line[0] != '/' || !read_md5(digest + 1, &binary)) {
        v->n_malformed++;
        return;
    }
    *digest = 0;
    add(v, diversions_find(&v->diversions, line, package), &binary, true, false);
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
    } else if (!has_sums) {
        /* A package that has no files, or only configuration files, has no list of digests. Nor has
         * one whose list somebody took away. */
        code = RESULT_NOT_AVAILABLE;
        (void)snprintf(reason, sizeof reason, "The package came without digests of its files%s",
                       v->n_files > 0 ? ", but for the configuration files" : "");
    }
    json_write_string(w, "result-code", result_code_to_string(code));
    if (code != RESULT_SUCCESS)
        json_write_string(w, "reason", reason);
    return code == RESULT_SUCCESS || code == RESULT_NOT_AVAILABLE;
}

static bool package_end(PackageVerifier *v, bool has_sums)
{
    bool is_good;

    json_end_array(v->writer);
    is_good = write_outcome(v, has_sums);
    json_end_object(v->writer);
    return is_good;
}

bool package_verify_dpkg(PackageVerifier *v, const DpkgPackage *p)
{
    bool has_sums = false;
    int r;

    package_begin(v);
    if (v->error == 0) {
        has_sums = take_sums(v, p);
        r = take_conffiles(v, p);
        flush(v);
        if (r < 0)
            v->error = r;
    }
    return package_end(v, has_sums);
}

/* --- rpm -------------------------------------------------------------------------------------- */

static bool read_rpm_digest(const RpmFile *file, Digest *ret)
{
    static const struct {
        RpmDigest of_rpm;
        Digest digest;
    } algorithms[] = {{RPM_DIGEST_MD5, {.algorithm = MD5, .size = MD5_SIZE}},
                      {RPM_DIGEST_SHA1, {.algorithm = 2, .size = 20}},
                      {RPM_DIGEST_SHA256, {.algorithm = 3, .size = 32}},
                      {RPM_DIGEST_SHA384, {.algorithm = 4, .size = 48}},
                      {RPM_DIGEST_SHA512, {.algorithm = 5, .size = 64}}};

    for (size_t i = 0; i < ELEMENTSOF(algorithms); i++)
        if (file->algorithm == algorithms[i].of_rpm) {
            *ret = algorithms[i].digest;
            return strlen(file->digest) == 2 * (size_t)ret->size &&
                   read_hex(file->digest, ret->bytes, ret->size);
        }
    return false;
}

/* rpm has digests of regular files. What it did not install here, or another package has replaced,
 * is nothing of this one; of ghosts it has the name alone. */
static int take_rpm_file(void *userdata, const RpmFile *file)
{
    PackageVerifier *v = userdata;
    Digest digest;

    if (!file->digest[0] || file->state != RPM_STATE_NORMAL || (file->flags & RPM_FLAG_GHOST) ||
        (file->mode != 0 && !S_ISREG(file->mode)))
        return 0;
    if (read_rpm_digest(file, &digest))
        add(v, file->path, &digest, (file->flags & RPM_FLAG_CONFIG) != 0,
            (file->flags & RPM_FLAG_MISSING_OK) != 0);
    else
        v->n_malformed++;
    return v->error;
}

bool package_verify_rpm(PackageVerifier *v, const RpmSource *header)
{
    int r;

    package_begin(v);
    if (v->error == 0) {
        r = rpm_header_files(header, take_rpm_file, v);
        flush(v);
        /* Other packages' lists may be good. */
        if (r == -EBADMSG || r == -EIO)
            v->n_malformed++;
        else if (r > 0)
            v->n_malformed += (unsigned)r;
        else if (r < 0 && v->error == 0)
            v->error = r;
    }
    return package_end(v, true);
}
