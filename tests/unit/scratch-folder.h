/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch folder as a fixture: cmocka_unit_test_setup_teardown(..., folder_setup,
 * folder_teardown), and *state is a Folder. */
#pragma once

#include "test-common.h"

typedef struct Folder {
    char path[32];
    int fd;
} Folder;

static inline int folder_setup(void **state)
{
    Folder *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->fd = scratch_open(f->path);
    *state = f;
    return 0;
}

static inline int folder_teardown(void **state)
{
    Folder *f = *state;

    scratch_remove(f->fd, f->path);
    free(f);
    return 0;
}

/* How much is in the folder; a negative errno when it can't be read. For processes of the
 * interruption harness too, in which no assertion may fail. */
static inline int folder_count(int dirfd)
{
    _cleanup_closedir_ DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *entry;
    int n = 0;

    if (!dir)
        return -errno;
    while ((entry = readdir(dir)))
        n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
    return n;
}
