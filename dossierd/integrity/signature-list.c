/* SPDX-License-Identifier: Apache-2.0 */
#include "signature-list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define HEADER_SIZE 28U

static const struct {
    uint8_t guid[SIGNATURE_GUID_SIZE]; /* the first three numbers are little-endian */
    const char *name;
} types[] = {
    {{0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
      0x72},
     "x509"},
    {{0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43,
      0x28},
     "sha256"},
    {{0x07, 0x53, 0x3e, 0xff, 0xd0, 0x9f, 0xc9, 0x48, 0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70, 0x1e,
      0x01},
     "sha384"},
    {{0xae, 0x0f, 0x3e, 0x09, 0xc4, 0xa6, 0x50, 0x4f, 0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89, 0xc1,
      0x9a},
     "sha512"},
    {{0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03,
      0xed},
     "x509-sha256"},
};

static uint32_t read_uint32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void signature_reader_init(SignatureReader *r, const void *data, size_t size)
{
    *r = (SignatureReader){.position = data, .end = (const uint8_t *)data + size};
    r->list_end = r->position;
}

static int begin_list(SignatureReader *r)
{
    size_t left = (size_t)(r->end - r->position), list, header, signature;

    if (left < HEADER_SIZE)
        return -EBADMSG;
    list = read_uint32(r->position + 16);
    header = read_uint32(r->position + 20);
    signature = read_uint32(r->position + 24);
    if (list < HEADER_SIZE || list > left || header > list - HEADER_SIZE ||
        signature <= SIGNATURE_GUID_SIZE || (list - HEADER_SIZE - header) % signature != 0)
        return -EBADMSG;
    r->type = r->position;
    r->list_end = r->position + list;
    r->position += HEADER_SIZE + header;
    r->signature_size = signature;
    return 0;
}

int signature_reader_next(SignatureReader *r, Signature *ret)
{
    while (r->position == r->list_end) {
        int q;

        if (r->position == r->end)
            return 0;
        q = begin_list(r);
        if (q < 0)
            return q;
    }
    *ret = (Signature){.type = r->type,
                       .owner = r->position,
                       .data = r->position + SIGNATURE_GUID_SIZE,
                       .size = r->signature_size - SIGNATURE_GUID_SIZE};
    r->position += r->signature_size;
    return 1;
}

const char *signature_type_name(const uint8_t type[SIGNATURE_GUID_SIZE])
{
    for (size_t i = 0; i < ELEMENTSOF(types); i++)
        if (memcmp(types[i].guid, type, SIGNATURE_GUID_SIZE) == 0)
            return types[i].name;
    return NULL;
}

void signature_guid_render(const uint8_t g[SIGNATURE_GUID_SIZE],
                           char buffer[SIGNATURE_GUID_TEXT_SIZE])
{
    (void)snprintf(buffer, SIGNATURE_GUID_TEXT_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3],
                   g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13],
                   g[14], g[15]);
}
