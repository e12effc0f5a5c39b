/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the scanner know of each other. */
#pragma once

#include "scan.h"

/* --- scan-names.c: the names in a folder, sorted, some at a time ------------------------------ */

typedef struct Names {
    char *data; /* names, each with a zero byte after it */
    uint32_t *offsets;
    size_t used, room, n, n_room;
    size_t next;
    bool more; /* than these */
} Names;

/* The first names after that one (NULL: from the start), of together at most max bytes. only_whole:
 * -E2BIG if there are more. */
int names_read(Names *names, int fd, const char *after, size_t max, bool only_whole);
void names_done(Names *names);

/* --- scan-previous.c: records of an earlier scan, in step with this one ----------------------- */

typedef struct Previous Previous;
/* is_whole: it has an end mark; without it what is there counts. fd of -1: empty. */
int previous_new(int fd, bool is_whole, Previous **ret);
Previous *previous_free(Previous *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(Previous *, previous_free);
/* The next record, NULL at the end; stays until previous_next(). */
const InventoryRecord *previous_record(const Previous *p);
int previous_next(Previous *p);
/* Passes over everything before path; the record of path itself, or NULL. For hints. */
const InventoryRecord *previous_find(Previous *p, InventoryText path);

/* --- scan-listing.c: an open folder, what is in it, and a first look at that -------------------
 */

/* An open folder that several files are opened from. */
typedef struct Folder Folder;
Folder *folder_new(int fd); /* takes over fd, on failure too */
Folder *folder_ref(Folder *f);
Folder *folder_unref(Folder *f);
int folder_fd(const Folder *f);

/* What a name stands for, or the error of asking. As short as it can be: it goes from one
 * processor's cache to another's. */
typedef struct Look {
    uint32_t mode, uid, gid, links;
    uint64_t device, special, inode, size, blocks, mount;
    int64_t accessed, modified, changed, created; /* seconds */
    uint32_t nanoseconds[4];                      /* of these */
    uint16_t error;                               /* positive errno */
    bool is_racy, is_automount;
} Look;
/* "": at the folder itself. */
void look(int dirfd, const char *name, Look *ret);

typedef struct Listing {
    Folder *folder;
    Names names;
    int error;   /* negative, when the names could not all be read */
    Look *looks; /* at the first of the names */
    size_t n_looks;
    int64_t looked; /* when, CLOCK_MONOTONIC in ns */
    /* The walk's: folders in it that were asked for and not taken yet, and names considered. */
    size_t n_ahead, asked;
} Listing;

typedef struct ListingOptions {
    size_t names_max;
    bool only_whole; /* -E2BIG for a folder with more than that */
    bool with_looks; /* at the first names, right away */
} ListingOptions;

/* The folder that was seen; -ESTALE when something else stands there. */
int listing_open(int dirfd, const char *name, const Look *seen, const ListingOptions *options,
                 Listing *ret);
/* The names after those that it has. */
int listing_more(Listing *l, const ListingOptions *options);
void listing_done(Listing *l);
/* What is looked at counts for a moment only: what comes later is to be seen. */
bool listing_is_fresh(const Listing *l);

/* --- scan-ahead.c: folders that the walk comes to next, listed by other threads meanwhile ------
 */

typedef struct Ahead Ahead;
int ahead_new(unsigned threads, Ahead **ret);
Ahead *ahead_free(Ahead *a);
DEFINE_TRIVIAL_CLEANUP_FUNC(Ahead *, ahead_free);
/* Asks for the folder that was seen, at that depth of the walk, which comes to what is deeper
 * first and then to what was asked for first. False: there is no room now. */
bool ahead_ask(Ahead *a, Folder *parent, const char *name, const Look *seen, size_t depth);
/* The listing of the folder that is seen. -ENOENT: it was not asked for. -EAGAIN: nobody has
 * begun with it, or there was another folder, or it failed, or is of a while ago. */
int ahead_take(Ahead *a, const Folder *parent, const char *name, const Look *seen, Listing *ret);
/* The listing that ahead_take() would have, if it is there already; until ahead_take() or
 * ahead_forget(). */
Listing *ahead_peek(Ahead *a, const Folder *parent, const char *name);
/* Nobody comes for what was asked for at that depth, or deeper. */
void ahead_forget(Ahead *a, size_t depth);

/* --- scan-output.c: records on their way out, in order, while threads digest files ------------ */

typedef struct Output Output;
int output_new(int fd, unsigned threads, uint64_t rate, Output **ret);
Output *output_free(Output *o);
DEFINE_TRIVIAL_CLEANUP_FUNC(Output *, output_free);
int output_put(Output *o, const InventoryRecord *r);
/* The file is the last component of r->path in folder. What changed is settled when its digest is
 * known: base_digest is that of before (NULL: none), otherwise_changed what the rest says. */
int output_put_file(Output *o, const InventoryRecord *r, Folder *folder,
                    const InventoryRecord *base, InventoryChange otherwise_changed);
/* Waits until everything is out, and ends the stream. */
int output_finish(Output *o, int error);

/* --- scan-digest.c ---------------------------------------------------------------------------- */

typedef struct Pace Pace;
typedef struct Digester Digester;
Digester *digester_new(Pace *pace);
Digester *digester_free(Digester *d);
/* reader: the descriptor whose other side has asked. */
Pace *pace_new(uint64_t bytes_per_second, int reader);
Pace *pace_free(Pace *p);
/* After so many bytes were read. */
void pace_wait(Pace *p, size_t bytes);
/* The file that r describes, by name from a folder. Returns the bytes read, or a negative errno;
 * -ESTALE when it is not, or did not stay, that file; -EPIPE when nobody waits for it. */
int64_t digester_run(Digester *d, int dirfd, const char *name, const InventoryRecord *r,
                     InventoryAlgorithm *ret_algorithm, uint8_t ret[INVENTORY_DIGEST_SIZE]);

/* scan-compare.c */
/* Can the digest of base be taken for r without reading the file again? */
bool record_is_same_file(const InventoryRecord *r, const InventoryRecord *base);
/* Everything but the contents. */
InventoryChange record_compare(const InventoryRecord *r, const InventoryRecord *base);
