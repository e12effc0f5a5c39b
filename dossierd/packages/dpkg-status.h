/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the database of installed packages, /var/lib/dpkg/status (deb822 stanzas), strictly and
 * one package at a time. */
#pragma once

#include <stdbool.h>

#include "cleanup.h"

#define DPKG_FIELD_SIZE 1024U

typedef struct DpkgField {
    char data[DPKG_FIELD_SIZE]; /* with a zero byte after it */
    size_t size;
} DpkgField;

typedef struct DpkgPackage {
    DpkgField name, version, architecture, status, multi_arch;
    unsigned line;         /* where the stanza begins */
    const char *conffiles; /* "PATH DIGEST" and maybe more on each line; stays until the next one */
    const char *problem; /* what is wrong with the stanza, static; NULL when nothing is. The fields
                          are as far as they were read. */
} DpkgPackage;

typedef struct DpkgStatus DpkgStatus;

/* Does not take over the stream. */
DpkgStatus *dpkg_status_new(FILE *f);
DpkgStatus *dpkg_status_free(DpkgStatus *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(DpkgStatus *, dpkg_status_free);

/* Returns 1, 0 at the end, or a negative errno when reading failed. A stanza that is wrong is
 * returned with its problem. */
int dpkg_status_next(DpkgStatus *s, DpkgPackage *ret);

/* The grammar of Debian policy 5.6.1. What does not fit is never used as part of a file name. */
bool dpkg_name_is_valid(const DpkgField *name);
