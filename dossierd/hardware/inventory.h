/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the system inventory. Each writes one member. */
#pragma once

#include "collect.h"

/* inventory-system.c */
void inventory_chassis(Collect *c);
void inventory_processors(Collect *c);
void inventory_memory(Collect *c);
/* inventory-firmware.c */
void inventory_firmware(Collect *c);
void inventory_memory_modules(Collect *c);
/* inventory-devices.c */
void inventory_pci_devices(Collect *c);
void inventory_usb_devices(Collect *c);
void inventory_interfaces(Collect *c);
void inventory_block_devices(Collect *c);
void inventory_sensors(Collect *c);
