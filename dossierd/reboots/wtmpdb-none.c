/* SPDX-License-Identifier: Apache-2.0 */
/* For builds without SQLite. */
#include <fcntl.h>
#include <sys/stat.h>

#include "wtmpdb.h"

int wtmpdb_write_records(Collect *c, char reason[static COLLECT_REASON_SIZE])
{
    static const char *const files[] = {"var/log/wtmp.db", "var/lib/wtmpdb/wtmp.db"};
    struct stat st;

    for (size_t i = 0; i < ELEMENTSOF(files); i++)
        if (fstatat(c->root_fd, files[i], &st, AT_SYMLINK_NOFOLLOW) >= 0) {
            (void)snprintf(reason, COLLECT_REASON_SIZE,
                           "/%s: this build does not read databases of wtmpdb", files[i]);
            return -EOPNOTSUPP;
        }
    (void)snprintf(reason, COLLECT_REASON_SIZE, "There is no database of wtmpdb");
    return -ENOENT;
}
