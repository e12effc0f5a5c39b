/* SPDX-License-Identifier: Apache-2.0 */
#include "smbios.h"

#include <errno.h>
#include <string.h>

#define TYPE_SYSTEM 1U
#define TYPE_MEMORY_DEVICE 17U
#define TYPE_SYSTEM_BOOT 32U
#define WAKE_UP_TYPE 0x18U
#define BOOT_STATUS 0x0aU
#define HEAD_SIZE 4U
#define MEMORY_SIZE_MIN 0x15U /* of version 2.1 */

const char *const memory_text_names[MEMORY_TEXTS] = {
    [MEMORY_LOCATOR] = "locator",           [MEMORY_BANK] = "bank",
    [MEMORY_MANUFACTURER] = "manufacturer", [MEMORY_SERIAL] = "serial",
    [MEMORY_ASSET_TAG] = "asset-tag",       [MEMORY_PART] = "part-number",
};

static uint16_t read16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)read16(p) | (uint32_t)read16(p + 2) << 16;
}

/* Strings follow the structure, each with a zero byte at its end, counted from 1. */
static size_t find_string(const uint8_t *data, size_t size, size_t length, unsigned number,
                          const uint8_t **ret)
{
    const uint8_t *p = data + length, *end = data + size;

    for (unsigned i = 1; number > 0 && p < end && *p; i++) {
        size_t n = strnlen((const char *)p, (size_t)(end - p));

        if (i == number) {
            while (n > 0 && p[n - 1] == ' ')
                n--;
            *ret = p;
            return n;
        }
        p += n + 1;
    }
    return 0;
}

static uint64_t memory_size(const uint8_t *data, size_t length)
{
    uint16_t size = read16(data + 0x0c);

    if (size == 0xffff)
        return 0;
    if (size == 0x7fff)
        return length >= 0x20 ? (uint64_t)(read32(data + 0x1c) & 0x7fffffff) << 20 : 0;
    return (uint64_t)(size & 0x7fff) << (size & 0x8000 ? 10 : 20);
}

int smbios_memory_module(const uint8_t *data, size_t size, MemoryModule *ret)
{
    static const uint8_t offsets[MEMORY_TEXTS] = {
        [MEMORY_LOCATOR] = 0x10, [MEMORY_BANK] = 0x11,      [MEMORY_MANUFACTURER] = 0x17,
        [MEMORY_SERIAL] = 0x18,  [MEMORY_ASSET_TAG] = 0x19, [MEMORY_PART] = 0x1a,
    };
    MemoryModule m = {.size_bytes = 0};
    size_t length;

    if (size < HEAD_SIZE || data[0] != TYPE_MEMORY_DEVICE || data[1] < MEMORY_SIZE_MIN ||
        data[1] > size)
        return -EBADMSG;
    length = data[1];
    if (read16(data + 0x0c) == 0)
        return -ENODATA;
    m.size_bytes = memory_size(data, length);
    if (length >= 0x17)
        m.speed = read16(data + 0x15);
    for (size_t i = 0; i < MEMORY_TEXTS; i++)
        if (offsets[i] < length)
            m.texts[i].size = find_string(data, size, length, data[offsets[i]], &m.texts[i].data);
    *ret = m;
    return 0;
}

/* Where a structure and its strings, which end with an empty one, are over. 0 when the table is. */
static size_t structure_size(const uint8_t *data, size_t size)
{
    if (size < HEAD_SIZE || data[1] < HEAD_SIZE)
        return 0;
    for (size_t i = data[1]; i + 1 < size; i++)
        if (data[i] == 0 && data[i + 1] == 0)
            return i + 2;
    return 0;
}

int smbios_find(const uint8_t *table, size_t size, unsigned type, const uint8_t **ret,
                size_t *ret_size)
{
    while (size > 0) {
        size_t n = structure_size(table, size);

        if (n == 0)
            return -EBADMSG;
        if (table[0] == type) {
            *ret = table;
            *ret_size = n;
            return 0;
        }
        table += n;
        size -= n;
    }
    return -ENOENT;
}

/* One byte of the first structure of a type. */
static int find_byte(const uint8_t *table, size_t size, unsigned type, size_t offset)
{
    const uint8_t *data;
    size_t n;
    int r = smbios_find(table, size, type, &data, &n);

    if (r < 0)
        return r;
    return offset < data[1] ? data[offset] : -ENODATA;
}

int smbios_wake_up_type(const uint8_t *table, size_t size, const char **ret)
{
    static const char *const names[] = {
        NULL,         "other",        "unknown", "apm-timer",         "modem-ring",
        "lan-remote", "power-switch", "pci-pme", "ac-power-restored",
    };
    int r = find_byte(table, size, TYPE_SYSTEM, WAKE_UP_TYPE);

    if (r < 0)
        return r;
    if ((size_t)r >= sizeof names / sizeof names[0] || !names[r])
        return -EBADMSG;
    *ret = names[r];
    return 0;
}

int smbios_boot_status(const uint8_t *table, size_t size, unsigned *ret)
{
    int r = find_byte(table, size, TYPE_SYSTEM_BOOT, BOOT_STATUS);

    if (r < 0)
        return r;
    *ret = (unsigned)r;
    return 0;
}
