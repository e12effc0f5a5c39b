/* SPDX-License-Identifier: Apache-2.0 */
/* The packages that rpm knows. librpm is not what reads them: it takes locks, makes the database
 * where it cannot open it, and runs macros, none of which this process may do. */
#pragma once

#include "collect.h"
#include "rpm-header.h"

/* Writes the members of the object that is open, and counts what it read. Returns a negative errno,
 * with the sentence in reason, when the database as a whole is not there or could not be read;
 * -ENOENT when there is none. */
int collect_rpm(Collect *c, char reason[static COLLECT_REASON_SIZE]);

typedef struct RpmFiles {
    /* The package that the next files belong to, and one of them; negative values end the list. */
    int (*package)(void *userdata, const char *name, const char *version);
    int (*file)(void *userdata, const RpmFile *file);
    void *userdata;
} RpmFiles;

/* All files of all packages. A header that cannot be understood has no files. Returns a negative
 * errno when the database is not there or could not be read to its end. */
int rpm_list_files(int root_fd, const RpmFiles *files);
