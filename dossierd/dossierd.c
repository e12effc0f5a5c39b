/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-dossierd: dossiers and signed envelopes. Reads the system, owns no key, reaches nothing
 * but the bus. */
#include "dossier-bus.h"
#include "names.h"

/* The capability to read every file ends at these. Nothing of /proc but what is about the kernel,
 * nothing of /sys but devices, firmware and evidence. */
static const SandboxPath paths[] = {
    {"/proc/cmdline", SANDBOX_READ},
    {"/proc/cpuinfo", SANDBOX_READ},
    {"/proc/meminfo", SANDBOX_READ},
    {"/proc/modules", SANDBOX_READ},
    {"/proc/sys/kernel", SANDBOX_READ},
    {"/proc/uptime", SANDBOX_READ},
    {"/proc/version", SANDBOX_READ},
    {"/sys/block", SANDBOX_READ},
    {"/sys/bus/pci", SANDBOX_READ},
    {"/sys/bus/usb", SANDBOX_READ},
    {"/sys/class", SANDBOX_READ},
    {"/sys/devices", SANDBOX_READ},
    {"/sys/firmware", SANDBOX_READ},
    {"/sys/kernel/reboot", SANDBOX_READ},
    {"/sys/kernel/security", SANDBOX_READ},
    {"/sys/module", SANDBOX_READ},
    {"/etc/os-release", SANDBOX_READ},
    {"/usr/lib/os-release", SANDBOX_READ},
    {"/etc/machine-id", SANDBOX_READ},
    {"/var/lib/dpkg", SANDBOX_READ},
    {"/var/log/journal", SANDBOX_READ},
    {"/run/log/journal", SANDBOX_READ},
    {"/var/log/wtmp", SANDBOX_READ},
    {"/var/log/wtmp.db", SANDBOX_READ},
    {"/var/lib/wtmpdb", SANDBOX_READ},
    {"/var/lib/rpm", SANDBOX_READ},
    {"/usr/lib/sysimage/rpm", SANDBOX_READ},
    {"/sys/fs/pstore", SANDBOX_READ},
    {"/run/udev/data", SANDBOX_READ},
    {"/var/lib/systemd/pstore", SANDBOX_READ},
    {"$STATE_DIRECTORY", SANDBOX_READ_WRITE},
    {NULL, SANDBOX_READ},
};

static const Sandbox sandbox = {
    .name = "dossierd",
    .calls = SANDBOX_CALLS_FILES_WRITE | SANDBOX_CALLS_MEMFD | SANDBOX_CALLS_UNIX_SOCKET,
    .paths = paths,
    .files_max = 4096,
};

static int ready(Server *server, void *userdata)
{
    return config_owner_fetch(server);
}

int main(int argc, char *argv[])
{
    static const ServerDescription description = {
        .name = "dossierd",
        .description = "Collects integrity evidence and signs envelopes.",
        .bus_name = DOSSIER_NAME,
        .root_path = DOSSIER_PATH,
        .sandbox = &sandbox,
        .start = manager_start,
        .ready = ready,
        .stop = manager_stop,
    };

    return server_run(&description, argc, argv);
}
