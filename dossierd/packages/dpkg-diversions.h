/* SPDX-License-Identifier: Apache-2.0 */
/* Files of packages that another package has had put elsewhere (dpkg-divert(1)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Diversions {
    struct Diversion *list;
    size_t n;
    bool is_cut; /* there are more, which cannot be read or are too many */
} Diversions;

/* Fails for lack of memory only. */
int diversions_read(int root_fd, Diversions *ret);
void diversions_done(Diversions *d);
/* Where what the package has at that path really is. */
const char *diversions_find(const Diversions *d, const char *path, const char *package);
