/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-probe-processes: which processes run what is not at its path any more. Landlock is left
 * out: under it nobody can look into other processes. */
#include <fcntl.h>

#include "probe.h"

static int proc_fd = -EBADF;

static int start(void **ret)
{
    proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return proc_fd < 0 ? -errno : 0;
}

static int look(void *data, Answer *a, char reason[static PROBE_REASON_SIZE])
{
    return probe_processes(proc_fd, a, reason);
}

int main(int argc, char *argv[])
{
    static const Sandbox sandbox = {.name = "probe-processes",
                                    .calls = SANDBOX_CALLS_FILES_READ,
                                    .files_max = 64,
                                    .sees_processes = true};
    static const Probe probe = {
        .name = "probe-processes",
        .description =
            "Looks for processes whose program is gone or changed, for chancery-dossierd.",
        .start = start,
        .look = look,
        .sandbox = &sandbox,
        .seconds_max = 120};

    return probe_main(&probe, argc, argv);
}
