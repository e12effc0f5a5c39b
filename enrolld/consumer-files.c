/* SPDX-License-Identifier: Apache-2.0 */
/* The files in which services find certificates. */
#include <openssl/pem.h>

#include "atomic-file.h"
#include "consumers.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(BIO *, BIO_free);

static const struct {
    const char *suffix;
    CertificateRole role; /* what is in it, first */
} kinds[] = {{".pem", ROLE_ROUTER}, {".ca", ROLE_CA}};

/* Of one that has not issued itself. */
static StoredCertificate *issuer_of(const Trustpoint *t, StoredCertificate *c)
{
    StoredCertificate *ca = t->record.certificates[ROLE_CA];

    if (ca != c && stored_certificate_is_by(c, ca))
        return ca;
    for (size_t i = 0; i < t->record.n_chain; i++)
        if (t->record.chain[i] != c && stored_certificate_is_by(c, t->record.chain[i]))
            return t->record.chain[i];
    return NULL;
}

/* A CA's is the same after each of its certificates. */
static bool is_there(int dirfd, const char *name, const char *text, size_t size)
{
    _cleanup_free_ void *there = NULL;
    size_t n;

    return read_file_at(dirfd, name, size, &there, &n) >= 0 && n == size &&
           memcmp(there, text, size) == 0;
}

/* Certificates from c upwards; with_root: to the end. */
static int write_path(int dirfd, const char *name, const Trustpoint *t, StoredCertificate *c,
                      bool with_root)
{
    _cleanup_(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    unsigned n = 0;
    char *text;
    long size;
    int r;

    if (!c) {
        r = atomic_unlink_at(dirfd, name);
        return r == -ENOENT ? 0 : r;
    }
    for (; bio && c && n <= RECORD_CHAIN_MAX; n++) {
        const SharedCertificate *shared = c->shared;

        if (c->brief->is_root && !with_root && n > 0)
            break;
        if (PEM_write_bio(bio, PEM_STRING_X509, "", shared->der, (long)shared->size) <= 0)
            return -ENOMEM;
        c = c->brief->is_root ? NULL : issuer_of(t, c);
    }
    size = bio ? BIO_get_mem_data(bio, &text) : 0;
    if (size <= 0)
        return -ENOMEM;
    return is_there(dirfd, name, text, (size_t)size)
               ? 0
               : atomic_write_at(dirfd, name, text, (size_t)size, 0644);
}

int consumers_export(int dirfd, const Trustpoint *t)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kinds); i++) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s%s", t->name, kinds[i].suffix) < 0) {
            name = NULL;
            return -ENOMEM;
        }
        r = write_path(dirfd, name, t, t->record.certificates[kinds[i].role],
                       kinds[i].role == ROLE_CA);
    }
    ERR_clear_error();
    return r;
}

/* Is it a file that no trustpoint has (any more)? */
static bool is_orphan(const Trustpoints *all, const char *file)
{
    size_t length = strlen(file);

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        size_t n = strlen(kinds[i].suffix);
        _cleanup_free_ char *name = NULL;
        const Trustpoint *t;

        if (length <= n || !streq(file + length - n, kinds[i].suffix))
            continue;
        name = strndup(file, length - n);
        if (!name)
            return false;
        t = trustpoint_find(all, name);
        return !t || !trustpoint_certificate(t, kinds[i].role);
    }
    return false;
}

int consumers_sweep(int dirfd, const Trustpoints *all)
{
    _cleanup_closedir_ DIR *dir = NULL;
    int r = remove_leftovers_at(dirfd), q = open_folder_at(dirfd, ".", &dir);
    const struct dirent *entry;

    if (q < 0)
        return q;
    /* They may be those of a trustpoint that cannot be read now: what is served goes on. */
    if (all->n_unread > 0)
        return r < 0 ? r : 0;
    while ((entry = readdir(dir)))
        if (is_orphan(all, entry->d_name)) {
            q = atomic_unlink_at(dirfd, entry->d_name);
            r = r < 0 || q == -ENOENT ? r : q;
        }
    return r < 0 ? r : 0;
}
