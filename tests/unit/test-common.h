/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka wants included before it, and a scratch folder. */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cleanup.h"

/* A new empty folder; its descriptor. The path is for removal. In memory where that can be: tests
 * sync files thousands of times. */
static inline int scratch_open(char path[static 32])
{
    int fd;

    (void)snprintf(path, 32, "%s/chancery-test-XXXXXX",
                   access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(path));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static inline void scratch_remove(int fd, const char *path)
{
    _cleanup_closedir_ DIR *dir = fdopendir(fd);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
            unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    (void)rmdir(path);
}
