/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory-pack.h"
#include "scan-internal.h"
#include "zstd-stream.h"

struct Previous {
    ZstdReader *reader;
    bool is_whole, is_end;
    InventoryRecord record;
    size_t size; /* of the record */
    InventoryPack pack;
};

Previous *previous_free(Previous *p)
{
    if (!p)
        return NULL;
    zstd_reader_free(p->reader);
    free(p);
    return NULL;
}

/* What is not whole ends where it cannot be read any more. */
static int end_with(Previous *p, int r)
{
    p->is_end = true;
    p->size = 0;
    return p->is_whole ? r : 0;
}

static int load(Previous *p)
{
    const uint8_t *data;
    ssize_t n = zstd_reader_peek(p->reader, INVENTORY_RECORD_MAX, &data);
    InventoryPackedSize end;
    int r;

    if (n < 0)
        return end_with(p, (int)n);
    if ((size_t)n >= sizeof end) {
        memcpy(&end, data, sizeof end);
        if (end == 0)
            return end_with(p, 0);
    }
    r = inventory_unpack(&p->pack, data, (size_t)n, &p->record);
    if (r <= 0)
        return end_with(p, -EBADMSG);
    p->size = (size_t)r;
    return 0;
}

int previous_new(int fd, bool is_whole, Previous **ret)
{
    _cleanup_(previous_freep) Previous *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->is_whole = is_whole;
    p->is_end = fd < 0;
    if (fd >= 0) {
        p->reader = zstd_reader_new(fd, INVENTORY_RECORD_MAX);
        if (!p->reader)
            return -ENOMEM;
        r = load(p);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(p);
    return 0;
}

const InventoryRecord *previous_record(const Previous *p)
{
    return p->is_end ? NULL : &p->record;
}

int previous_next(Previous *p)
{
    if (p->is_end)
        return 0;
    zstd_reader_skip(p->reader, p->size);
    return load(p);
}

const InventoryRecord *previous_find(Previous *p, InventoryText path)
{
    int order;

    while (!p->is_end && (order = inventory_path_compare(p->record.path, path)) <= 0) {
        if (order == 0)
            return &p->record;
        if (previous_next(p) < 0)
            break;
    }
    return NULL;
}
