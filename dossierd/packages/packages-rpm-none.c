/* SPDX-License-Identifier: Apache-2.0 */
/* For builds without SQLite. */
#include "packages-rpm.h"

#include <sys/stat.h>

int collect_rpm(Collect *c, char reason[static COLLECT_REASON_SIZE])
{
    static const char *const files[] = {
        "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db",
        "usr/lib/sysimage/rpm/Packages",     "var/lib/rpm/rpmdb.sqlite",
        "var/lib/rpm/Packages.db",           "var/lib/rpm/Packages",
    };
    struct stat st;

    for (size_t i = 0; i < ELEMENTSOF(files); i++)
        if (fstatat(c->root_fd, files[i], &st, 0) >= 0) {
            (void)snprintf(reason, COLLECT_REASON_SIZE,
                           "/%s: this build does not read rpm databases", files[i]);
            return -EOPNOTSUPP;
        }
    (void)snprintf(reason, COLLECT_REASON_SIZE, "There is no rpm database");
    return -ENOENT;
}

int rpm_list_files(int root_fd, const RpmFiles *files)
{
    return -EOPNOTSUPP;
}
