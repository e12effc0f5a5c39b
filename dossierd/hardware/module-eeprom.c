/* SPDX-License-Identifier: Apache-2.0 */
#include "module-eeprom.h"

#include <errno.h>

typedef struct Layout {
    const char *type;
    unsigned size; /* of all that is needed */
    unsigned vendor, oui, part, revision, revision_size, serial, date;
    struct {
        unsigned first, sum; /* the sum of all bytes before it */
    } sums[2];
} Layout;

static const Layout sfp = {"sfp", 96, 20, 37, 40, 56, 4, 68, 84, {{0, 63}, {64, 95}}};
static const Layout qsfp = {"qsfp", 256, 148, 165, 168, 184, 2, 196, 212, {{128, 191}, {192, 223}}};
static const Layout cmis = {"cmis", 256, 129, 145, 148, 164, 2, 166, 182, {{128, 222}, {0, 0}}};

#define TEXT_SIZE 16U
#define DATE_SIZE 8U

/* SFF-8024, table 4-1. */
static const Layout *find_layout(uint8_t identifier)
{
    switch (identifier) {
    case 0x02: /* soldered down */
    case 0x03:
        return &sfp;
    case 0x0c:
    case 0x0d:
    case 0x11:
        return &qsfp;
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1e:
    case 0x1f:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x25:
        return &cmis;
    default:
        return NULL;
    }
}

static ModuleText take_text(const uint8_t *data, size_t size)
{
    while (size > 0 && (data[size - 1] == ' ' || data[size - 1] == 0))
        size--;
    return (ModuleText){data, size};
}

static bool sums_are_good(const Layout *l, const uint8_t *data)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t sum = 0;

        if (l->sums[i].sum == 0)
            continue;
        for (unsigned k = l->sums[i].first; k < l->sums[i].sum; k++)
            sum = (uint8_t)(sum + data[k]);
        if (sum != data[l->sums[i].sum])
            return false;
    }
    return true;
}

int module_parse(const uint8_t *data, size_t size, Module *ret)
{
    const Layout *l = size > 0 ? find_layout(data[0]) : NULL;

    if (size == 0 || data[0] == 0 || data[0] == 0xff)
        return -ENODATA;
    if (!l)
        return -EOPNOTSUPP;
    if (size < l->size)
        return -ENODATA;
    *ret = (Module){
        .type = l->type,
        .identifier = data[0],
        .vendor = take_text(data + l->vendor, TEXT_SIZE),
        .part = take_text(data + l->part, TEXT_SIZE),
        .revision = take_text(data + l->revision, l->revision_size),
        .serial = take_text(data + l->serial, TEXT_SIZE),
        .date = take_text(data + l->date, DATE_SIZE),
        .oui = data + l->oui,
        .is_checksum_good = sums_are_good(l, data),
    };
    return 0;
}
