/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pool comes from: the system's and the vendor's CAs, and the file that the downloaded
 * ones are kept in. */
#pragma once

#include "bundle.h"

/* A file with bundles, of the built-in kind: version 1 roots and expired certificates are taken.
 * Adds to list what is not in it yet. Returns 0, -ENOENT, -EBADMSG, -EMSGSIZE or another negative
 * errno, and nothing is added then. */
int store_read_built_in(const char *path, AuthorityList *list);
/* All *.pem files of a folder, in the order of their names. The first error is returned, with the
 * file's name in *ret_name, after all others were read; a missing folder is empty. */
int store_read_built_in_folder(const char *path, AuthorityList *list, char **ret_name);

/* The downloaded part, and where it came from. */
#define STORE_FILE "downloaded.json"
typedef struct StoreOrigin {
    char *url;        /* NULL when nothing was downloaded */
    char *etag;       /* the server's name for this version; may be NULL */
    char *signer;     /* under which it was checked; may be NULL */
    int64_t imported; /* seconds since the epoch */
} StoreOrigin;
void store_origin_done(StoreOrigin *origin);

/* known: need not be parsed again; may be NULL. Returns 0, with an empty list when there is no
 * file, -EBADMSG when the file is corrupt, or another negative errno. */
int store_load(int dirfd, const AuthorityList *known, AuthorityList **ret, StoreOrigin *ret_origin);
/* Replaces the file; when it returns 0, what was said has reached the disk. */
int store_save(int dirfd, const StoreOrigin *origin, const AuthorityList *list);
/* Removes the file. Not there is fine. */
int store_clear(int dirfd);
