/* SPDX-License-Identifier: Apache-2.0 */
/* What hardware says of itself: the memory of a transceiver, and a structure of the firmware. */
#include <stdlib.h>

#include "module-eeprom.h"
#include "smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, const uint8_t *text, size_t length)
{
    if (length > 0 && (text < data || length > size || (size_t)(text - data) > size - length))
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
    return 0;
}
