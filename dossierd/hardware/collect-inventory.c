/* SPDX-License-Identifier: Apache-2.0 */
/* system-inventory: what the machine is made of, as far as the kernel shows it. */
#include "inventory.h"

void collect_inventory(Collect *c)
{
    static void (*const parts[])(Collect *) = {
        inventory_chassis,     inventory_firmware,       inventory_processors,
        inventory_memory,      inventory_memory_modules, inventory_pci_devices,
        inventory_usb_devices, inventory_interfaces,     inventory_block_devices,
        inventory_sensors,
    };

    for (size_t i = 0; i < ELEMENTSOF(parts) && !collect_should_stop(c); i++)
        parts[i](c);
}
