/* SPDX-License-Identifier: Apache-2.0 */
/* What a pluggable transceiver says of itself, by the bytes of its memory: SFF-8472 (SFP), SFF-8636
 * (QSFP) and CMIS (QSFP-DD, OSFP and later). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODULE_EEPROM_SIZE 256U /* the part that is read */

typedef struct ModuleText {
    const uint8_t *data; /* without the blanks at the end; of the caller's bytes */
    size_t size;
} ModuleText;

typedef struct Module {
    const char *type;   /* "sfp", "qsfp" or "cmis" */
    uint8_t identifier; /* SFF-8024 */
    ModuleText vendor, part, revision, serial, date;
    const uint8_t *oui; /* three bytes */
    bool is_checksum_good;
} Module;

/* -ENODATA when there are too few bytes, or none that were ever written; -EOPNOTSUPP for another
 * kind of module. */
int module_parse(const uint8_t *data, size_t size, Module *ret);
