/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of the firmware's tables (DSP0134). */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum MemoryText {
    MEMORY_LOCATOR,
    MEMORY_BANK,
    MEMORY_MANUFACTURER,
    MEMORY_SERIAL,
    MEMORY_ASSET_TAG,
    MEMORY_PART,
    MEMORY_TEXTS,
} MemoryText;

extern const char *const memory_text_names[MEMORY_TEXTS];

typedef struct MemoryModule {
    uint64_t size_bytes; /* 0: not said */
    unsigned speed;      /* MT/s; 0: not said */
    struct {
        const uint8_t *data; /* of the caller's bytes */
        size_t size;
    } texts[MEMORY_TEXTS];
} MemoryModule;

/* data: one structure with its strings. -EBADMSG when it is no memory device, -ENODATA for a slot
 * with nothing in it. */
int smbios_memory_module(const uint8_t *data, size_t size, MemoryModule *ret);

/* Of a whole table the first structure of a type. -ENOENT when there is none, -EBADMSG when the
 * table is cut short before it. */
int smbios_find(const uint8_t *table, size_t size, unsigned type, const uint8_t **ret,
                size_t *ret_size);

/* What switched the machine on (SMBIOS 7.2.2): "power-switch", "ac-power-restored", ... */
int smbios_wake_up_type(const uint8_t *table, size_t size, const char **ret);
/* How the firmware found the machine at its last start (SMBIOS 7.33.1): 0 is without errors. */
int smbios_boot_status(const uint8_t *table, size_t size, unsigned *ret);
