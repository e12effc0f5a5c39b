/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-probe-programs: which BPF programs the kernel has. It opens no file. */
#include "probe.h"

static int look(void *data, Answer *a, char reason[static PROBE_REASON_SIZE])
{
    return probe_programs(a, reason);
}

int main(int argc, char *argv[])
{
    static const Sandbox sandbox = {
        .name = "probe-programs", .calls = SANDBOX_CALLS_BPF_TELL, .files_max = 64};
    static const Probe probe = {.name = "probe-programs",
                                .description =
                                    "Lists the kernel's BPF programs, for chancery-dossierd.",
                                .look = look,
                                .sandbox = &sandbox,
                                .seconds_max = 120};

    return probe_main(&probe, argc, argv);
}
