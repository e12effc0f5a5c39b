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

/* The first names after that one (NULL: from the start), of together at most max bytes. */
int names_read(Names *names, int fd, const char *after, size_t max);
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

/* --- scan-output.c: records on their way out, in order, while threads digest files ------------ */

/* An open folder that several files are opened from. */
typedef struct Folder Folder;
Folder *folder_new(int fd); /* takes over fd, on failure too */
Folder *folder_ref(Folder *f);
Folder *folder_unref(Folder *f);
int folder_fd(const Folder *f);

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
Pace *pace_new(uint64_t bytes_per_second);
Pace *pace_free(Pace *p);
/* After so many bytes were read. */
void pace_wait(Pace *p, size_t bytes);
/* The file that r describes, by name from a folder. Returns the bytes read, or a negative errno;
 * -ESTALE when it is not, or did not stay, that file. */
int64_t digester_run(Digester *d, int dirfd, const char *name, const InventoryRecord *r,
                     InventoryAlgorithm *ret_algorithm, uint8_t ret[INVENTORY_DIGEST_SIZE]);

/* scan-compare.c */
/* Can the digest of base be taken for r without reading the file again? */
bool record_is_same_file(const InventoryRecord *r, const InventoryRecord *base);
/* Everything but the contents. */
InventoryChange record_compare(const InventoryRecord *r, const InventoryRecord *base);
