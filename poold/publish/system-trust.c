/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-system-trust: makes the downloaded certificates part of the system's own list, or takes
 * them out again, with the system's own tool. It runs as root, by its unit and for nothing else;
 * chancery-poold, which has no such rights, says what is wanted in a file.
 *
 * Whatever it is killed at, the next run ends: what was done is written down last, and what is
 * about to be done first, so that chancery-poold knows which of the system's certificates are its
 * own. */
#include <fcntl.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "atomic-file.h"
#include "log.h"
#include "pem.h"
#include "system-trust.h"
#include "x509-render.h"

#define PARENT "/usr/local/share/ca-certificates"
#define SUFFIX ".crt" /* which the tool looks for */
#define NAME_SIZE (2 * 32 + sizeof SUFFIX)

static int file_name(const void *der, size_t size, char ret[NAME_SIZE])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (EVP_Digest(der, size, digest, &n, EVP_sha256(), NULL) != 1)
        return -EIO;
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", (unsigned)digest[i]);
    memcpy(ret + 2 * (size_t)n, SUFFIX, sizeof SUFFIX);
    return 0;
}

static int write_certificate(int dirfd, const void *der, size_t size)
{
    _cleanup_(X509_freep) X509 *certificate = NULL;
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
    char name[NAME_SIZE], *text;
    long length;
    int r = certificate_parse(der, size, &certificate);

    if (r < 0)
        return r;
    r = file_name(der, size, name);
    if (r < 0)
        return r;
    if (!bio || PEM_write_bio_X509(bio, certificate) != 1)
        return -ENOMEM;
    length = BIO_get_mem_data(bio, &text);
    return atomic_write_at(dirfd, name, text, (size_t)length, 0644);
}

static int write_all(int dirfd, DerSpan wanted)
{
    PemBlock block;
    int r;

    while ((r = pem_next(&wanted, &block)) > 0) {
        _cleanup_free_ void *der = NULL;
        size_t size;

        r = pem_has_label(&block, "CERTIFICATE") ? pem_decode(block.text, &der, &size) : -EBADMSG;
        if (r >= 0)
            r = write_certificate(dirfd, der, size);
        if (r < 0)
            return r;
    }
    return r;
}

static int remove_certificates(int dirfd)
{
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;
    int r = open_folder_at(dirfd, ".", &dir);

    if (r < 0)
        return r;
    while ((entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (dot && streq(dot, SUFFIX) && unlinkat(dirfd, entry->d_name, 0) < 0)
            return -errno;
    }
    return 0;
}

/* --fresh, or what is gone stays as a link into nowhere. */
static int run_tool(void)
{
    char name[] = SYSTEM_TRUST_TOOL, fresh[] = "--fresh";
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const arguments[] = {name, fresh, NULL}, *const environment[] = {path, NULL};
    pid_t pid;
    int status, r = posix_spawn(&pid, SYSTEM_TRUST_TOOL, NULL, NULL, arguments, environment);

    if (r != 0)
        return -r;
    if (waitpid(pid, &status, 0) != pid)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static bool is_done(int dirfd, DerSpan wanted)
{
    _cleanup_free_ void *done = NULL;
    size_t size;

    return read_file_at(dirfd, SYSTEM_TRUST_DONE, SYSTEM_TRUST_MAX, &done, &size) >= 0 &&
           size == wanted.size && memcmp(done, wanted.data, size) == 0;
}

/* Nothing of ours stays. */
static int withdraw(int parent)
{
    _cleanup_close_ int fd =
        openat(parent, SYSTEM_TRUST_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    r = remove_certificates(fd);
    if (r >= 0)
        r = run_tool();
    if (r >= 0)
        r = remove_leftovers_at(fd);
    if (r < 0)
        return r;
    (void)unlinkat(fd, SYSTEM_TRUST_NEXT, 0);
    (void)unlinkat(fd, SYSTEM_TRUST_DONE, 0);
    return unlinkat(parent, SYSTEM_TRUST_NAME, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int add(int parent, DerSpan wanted)
{
    _cleanup_close_ int fd = directory_open_at(parent, SYSTEM_TRUST_NAME);
    int r;

    if (fd < 0)
        return fd;
    if (fchmod(fd, 0755) < 0)
        return -errno;
    r = remove_leftovers_at(fd);
    if (r < 0 || is_done(fd, wanted))
        return r;
    r = atomic_write_at(fd, SYSTEM_TRUST_NEXT, wanted.data, wanted.size, 0644);
    if (r >= 0)
        r = remove_certificates(fd);
    if (r >= 0)
        r = write_all(fd, wanted);
    if (r >= 0)
        r = run_tool();
    if (r < 0)
        return r;
    if (renameat(fd, SYSTEM_TRUST_NEXT, fd, SYSTEM_TRUST_DONE) < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

int main(void)
{
    _cleanup_close_ int from = open(SYSTEM_TRUST_FROM, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        parent = open(PARENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ void *wanted = NULL;
    size_t size = 0;
    int r;

    log_open("system-trust");
    (void)umask(022);
    if (from < 0 || parent < 0) {
        log_error_errno(-errno, "%s or %s cannot be opened: %m", SYSTEM_TRUST_FROM, PARENT);
        return EXIT_FAILURE;
    }
    r = read_file_at(from, SYSTEM_TRUST_FILE, SYSTEM_TRUST_MAX, &wanted, &size);
    if (r < 0) {
        log_error_errno(r, "%s/%s cannot be read: %m", SYSTEM_TRUST_FROM, SYSTEM_TRUST_FILE);
        return EXIT_FAILURE;
    }
    r = size == 0 ? withdraw(parent) : add(parent, (DerSpan){wanted, size});
    if (r < 0) {
        log_error_errno(r, "The system's list of CA certificates cannot be changed: %m");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
