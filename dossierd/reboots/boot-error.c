/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-error.h"

#include <errno.h>

#define HEAD_SIZE 20U
#define SEVERITY_OFFSET 16U
#define ENTRIES_MASK 0x3ffU

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int boot_error_parse(const uint8_t *data, size_t size, BootError *ret)
{
    static const char *const severities[] = {"recoverable", "fatal", "corrected", "none"};
    uint32_t status, severity;

    if (size < HEAD_SIZE)
        return -EBADMSG;
    status = read32(data);
    if (status == 0)
        return -ENODATA;
    severity = read32(data + SEVERITY_OFFSET);
    if (severity >= sizeof severities / sizeof severities[0])
        return -EBADMSG;
    ret->entries = status >> 4 & ENTRIES_MASK;
    ret->severity = severities[severity];
    return 0;
}
