/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "atomic-file.h"
#include "json-util.h"

#define NEW_FOLDER ".certs.new"
#define FILE_MODE 0644
#define FOLDER_MODE 0755

/* --- PEM -------------------------------------------------------------------------------------- */

#define PEM_LINE 64U
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END CERTIFICATE-----\n"

static char *put(char *p, const char *text)
{
    return mempcpy(p, text, strlen(text));
}

/* After a line that tells people which one it is. */
static char *pem_of(const Authority *authority, size_t *ret_size)
{
    _cleanup_free_ char *base64 = base64_encode(authority->der, authority->der_size);
    size_t left = base64 ? strlen(base64) : 0, size = 0;
    char *text, *p;

    if (base64)
        size = strlen("# \n") + strlen(authority->summary.subject) + STRLEN(PEM_BEGIN) + left +
               (left + PEM_LINE - 1) / PEM_LINE + STRLEN(PEM_END);
    text = base64 ? malloc(size + 1) : NULL;
    if (!text)
        return NULL;
    p = put(put(put(text, "# "), authority->summary.subject), "\n" PEM_BEGIN);
    for (const char *from = base64; left > 0;) {
        size_t n = left < PEM_LINE ? left : PEM_LINE;

        p = mempcpy(p, from, n);
        *p++ = '\n';
        from += n;
        left -= n;
    }
    *put(p, PEM_END) = 0;
    *ret_size = size;
    return text;
}

static int put_pem(FILE *f, const Authority *authority)
{
    size_t length;
    _cleanup_free_ char *one = pem_of(authority, &length);

    return one && fwrite(one, 1, length, f) == length ? 0 : -ENOMEM;
}

static int join(const AuthorityList *active, int (*put_one)(FILE *f, const Authority *authority),
                char **ret, size_t *ret_size)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    int r = f ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < active->n; i++)
        r = put_one(f, active->items[i]);
    if (f && fclose(f) == EOF)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(text);
    *ret_size = size;
    return 0;
}

int export_bundle(const AuthorityList *active, char **ret, size_t *ret_size)
{
    return join(active, put_pem, ret, ret_size);
}

/* --- A trust source --------------------------------------------------------------------------- */

/* A UTCTime, each of its octets as p11-kit writes those of any value. */
static void put_date(FILE *f, int64_t moment)
{
    time_t seconds = (time_t)moment;
    char date[sizeof "yyyymmddhhmmssZ"];
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof date, "%Y%m%d%H%M%SZ", &tm) == 0)
        return;
    (void)fputs("nss-server-distrust-after: \"", f);
    for (const char *p = date + STRLEN("yy"); *p; p++)
        fprintf(f, "%%%02x", (unsigned)(uint8_t)*p);
    (void)fputs("\"\n", f);
}

static int put_object(FILE *f, const Authority *authority)
{
    (void)fputs("[p11-kit-object-v1]\ntrusted: true\n", f);
    if (authority->distrust_after != 0)
        put_date(f, authority->distrust_after);
    return put_pem(f, authority);
}

int export_trust_source(const AuthorityList *active, char **ret, size_t *ret_size)
{
    return join(active, put_object, ret, ret_size);
}

/* --- Files ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const Authority *const *x = a, *const *y = b;

    if ((*x)->subject_hash != (*y)->subject_hash)
        return (*x)->subject_hash < (*y)->subject_hash ? -1 : 1;
    return memcmp((*x)->digest, (*y)->digest, sizeof(*x)->digest);
}

static int write_file(int dirfd, const char *name, const Authority *authority)
{
    _cleanup_close_ int fd =
        openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r;

    if (fd < 0)
        return -errno;
    text = pem_of(authority, &size);
    r = text ? write_full(fd, text, size) : -ENOMEM;
    if (r >= 0 && fchmod(fd, FILE_MODE) < 0)
        r = -errno;
    return r;
}

/* The name that X509_LOOKUP_hash_dir() looks for: the hash of the subject, and a number among those
 * that have it in common. */
static int write_files(int dirfd, const AuthorityList *active)
{
    _cleanup_free_ const Authority **items = calloc(active->n + 1, sizeof *items);
    unsigned number = 0;

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < active->n; i++)
        items[i] = active->items[i];
    qsort(items, active->n, sizeof(const Authority *), compare);
    for (size_t i = 0; i < active->n; i++) {
        char name[32];
        int r;

        number = i > 0 && items[i - 1]->subject_hash == items[i]->subject_hash ? number + 1 : 0;
        (void)snprintf(name, sizeof name, "%08lx.%u", items[i]->subject_hash, number);
        r = write_file(dirfd, name, items[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A folder that holds files only. Not there is fine. */
static int remove_folder(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        int error = errno;

        closep(&fd);
        return error == ENOENT ? 0 : -error;
    }
    while ((entry = readdir(dir)))
        if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
            unlinkat(fd, entry->d_name, 0) < 0)
            return -errno;
    return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int make_folder(int dirfd, const AuthorityList *active)
{
    _cleanup_close_ int fd = -EBADF;

    if (mkdirat(dirfd, NEW_FOLDER, FOLDER_MODE) < 0)
        return -errno;
    fd = openat(dirfd, NEW_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fchmod(fd, FOLDER_MODE) < 0)
        return -errno;
    return write_files(fd, active);
}

/* Whoever has opened the old folder goes on with it: its files go when it is no longer the one that
 * has the name. */
static int swap_folder(int dirfd)
{
    if (renameat2(dirfd, NEW_FOLDER, dirfd, EXPORT_FOLDER, RENAME_EXCHANGE) >= 0)
        return remove_folder(dirfd, NEW_FOLDER);
    if (errno != ENOENT)
        return -errno;
    return renameat(dirfd, NEW_FOLDER, dirfd, EXPORT_FOLDER) < 0 ? -errno : 0;
}

static int write_joined(int dirfd, const char *name, const AuthorityList *active,
                        int (*join_all)(const AuthorityList *active, char **ret, size_t *ret_size))
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r = join_all(active, &text, &size);

    return r < 0 ? r : atomic_write_at(dirfd, name, text, size, FILE_MODE);
}

int export_pool(int dirfd, const AuthorityList *active)
{
    int r;

    /* What a killed process left behind. */
    r = remove_folder(dirfd, NEW_FOLDER);
    if (r >= 0)
        r = make_folder(dirfd, active);
    if (r >= 0)
        r = swap_folder(dirfd);
    if (r >= 0)
        r = write_joined(dirfd, EXPORT_TRUST_FILE, active, export_trust_source);
    return r < 0 ? r : write_joined(dirfd, EXPORT_FILE, active, export_bundle);
}
