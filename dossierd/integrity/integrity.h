/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of the system integrity snapshot. Each writes exactly one fact object. */
#pragma once

#include "collect.h"

/* integrity-boot.c */
void integrity_secure_boot(Collect *c);
void integrity_boot_event_log(Collect *c);
/* integrity-keys.c */
void integrity_secure_boot_databases(Collect *c);
void integrity_module_signatures(Collect *c);
void integrity_verity_roots(Collect *c);
/* integrity-tpm.c */
void integrity_platform_config_registers(Collect *c);
/* integrity-probe.c */
void integrity_changed_executables(Collect *c);
void integrity_bpf_programs(Collect *c);
void integrity_privileged_files(Collect *c);
/* integrity-ima.c */
void integrity_ima_event_log(Collect *c);
/* integrity-kernel.c */
void integrity_kernel_version(Collect *c);
void integrity_kernel_taint(Collect *c);
void integrity_kernel_lockdown(Collect *c);
void integrity_kernel_modules(Collect *c);
void integrity_cpu_vulnerabilities(Collect *c);
void integrity_up_time(Collect *c);
