/* SPDX-License-Identifier: Apache-2.0 */
/* What hardware says of itself: the memory of a transceiver, and the tables of the firmware. And
 * what a kernel that died has left. */
#include <stdlib.h>
#include <string.h>

#include "boot-error.h"
#include "kernel-error.h"
#include "module-eeprom.h"
#include "smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, const uint8_t *text, size_t length)
{
    if (length > 0 && (text < data || length > size || (size_t)(text - data) > size - length))
        abort();
}

static void check_crash(const uint8_t *data, size_t size)
{
    static KernelErrors errors;
    const char *text = (const char *)data;
    KernelDump dump;
    CrashName parsed;
    char *name = strndup(text, size);

    memset(&errors, 0, sizeof errors);
    kernel_errors_scan(&errors, text, size);
    if (errors.n > errors.all || errors.n > KERNEL_ERRORS_MAX)
        abort();
    (void)kernel_dump_parse(text, size, &dump);
    if (!name)
        return;
    crash_name_parse(name, &parsed);
    if (parsed.backend_size > 0 && parsed.backend_offset + parsed.backend_size > strlen(name))
        abort();
    free(name);
}

static void check_tables(const uint8_t *data, size_t size)
{
    const char *wake_up;
    unsigned status;
    BootError error;

    (void)boot_error_parse(data, size, &error);
    (void)smbios_boot_status(data, size, &status);
    if (smbios_wake_up_type(data, size, &wake_up) >= 0 && !wake_up)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MemoryModule memory;
    Module module;

    if (module_parse(data, size, &module) >= 0) {
        check(data, size, module.vendor.data, module.vendor.size);
        check(data, size, module.part.data, module.part.size);
        check(data, size, module.revision.data, module.revision.size);
        check(data, size, module.serial.data, module.serial.size);
        check(data, size, module.date.data, module.date.size);
        check(data, size, module.oui, 3);
    }
    if (smbios_memory_module(data, size, &memory) >= 0)
        for (size_t i = 0; i < MEMORY_TEXTS; i++)
            check(data, size, memory.texts[i].data, memory.texts[i].size);
    check_crash(data, size);
    check_tables(data, size);
    return 0;
}
