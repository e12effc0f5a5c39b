/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-probe-files: which files give privileges to whoever runs them. It may read everything
 * and change nothing. */
#include <fcntl.h>

#include "probe.h"
#include "scan.h"

static int root_fd = -EBADF;

static int start(void **ret)
{
    _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
    Mounts *mounts;
    int r;

    root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0 || !f)
        return -errno;
    r = mounts_new(f, true, &mounts);
    if (r >= 0)
        *ret = mounts;
    return r;
}

static int look(void *data, Answer *a, char reason[static PROBE_REASON_SIZE])
{
    return probe_privileged(root_fd, data, a, reason);
}

int main(int argc, char *argv[])
{
    static const SandboxPath paths[] = {{"/", SANDBOX_READ}, {NULL, SANDBOX_READ}};
    static const Sandbox sandbox = {.name = "probe-files",
                                    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_ATTRIBUTES,
                                    .paths = paths,
                                    .files_max = 1024};
    static const Probe probe = {.name = "probe-files",
                                .description =
                                    "Looks for files with privileges, for chancery-dossierd.",
                                .start = start,
                                .look = look,
                                .sandbox = &sandbox,
                                .seconds_max = 120};

    return probe_main(&probe, argc, argv);
}
