/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-probe-interfaces: adapters and transceivers of the network interfaces. Of the system
 * call for devices it has the questions of ethtool only. */
#include <dirent.h>

#include "probe.h"

#define FOLDER "/sys/class/net"

static int start(void **ret)
{
    DIR *folder = opendir(FOLDER);

    if (!folder)
        return -errno;
    *ret = folder;
    return 0;
}

static int look(void *data, Answer *a, char reason[static PROBE_REASON_SIZE])
{
    return probe_interfaces(data, a, reason);
}

int main(int argc, char *argv[])
{
    static const SandboxPath paths[] = {{FOLDER, SANDBOX_READ}, {NULL, SANDBOX_READ}};
    static const Sandbox sandbox = {.name = "probe-interfaces",
                                    .calls = SANDBOX_CALLS_FILES_READ | SANDBOX_CALLS_ETHTOOL,
                                    .paths = paths,
                                    .files_max = 64};
    static const Probe probe = {
        .name = "probe-interfaces",
        .description = "Asks the drivers of network interfaces, for chancery-dossierd.",
        .start = start,
        .look = look,
        .sandbox = &sandbox,
        .seconds_max = 120};

    return probe_main(&probe, argc, argv);
}
