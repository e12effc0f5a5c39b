/* SPDX-License-Identifier: Apache-2.0 */
/* system-integrity-snapshot: what firmware and kernel offer as evidence, one fact each. */
#include "integrity.h"

static void boot_id(Collect *c)
{
    fact_file(c, "boot-id", "proc/sys/kernel/random/boot_id");
}

static void command_line(Collect *c)
{
    fact_file(c, "kernel-command-line", "proc/cmdline");
}

void collect_integrity(Collect *c)
{
    static void (*const facts[])(Collect *) = {
        boot_id,
        integrity_up_time,
        integrity_kernel_version,
        command_line,
        integrity_kernel_taint,
        integrity_kernel_lockdown,
        integrity_secure_boot,
        integrity_secure_boot_databases,
        integrity_platform_config_registers,
        integrity_boot_event_log,
        integrity_ima_event_log,
        integrity_kernel_modules,
        integrity_module_signatures,
        integrity_verity_roots,
        integrity_cpu_vulnerabilities,
        integrity_changed_executables,
        integrity_bpf_programs,
        integrity_privileged_files,
    };

    json_begin_array(c->writer, "facts");
    for (size_t i = 0; i < ELEMENTSOF(facts) && !collect_should_stop(c); i++)
        facts[i](c);
    json_end_array(c->writer);
}
