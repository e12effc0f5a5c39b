/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the inventory, the options that choose blocks, and the list of mounts. What is taken
 * is given back as it was. */
#include <stdint.h>

#include "files-options.h"
#include "inventory-pack.h"
#include "scan.h"

static bool is_node(const void *userdata, const char *name)
{
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_record(const uint8_t *data, size_t size)
{
    InventoryRecord r;
    int used = inventory_record_decode(data, size, &r);
    uint8_t *again;

    if (used <= 0)
        return;
    again = malloc((size_t)used);
    if (!again || (size_t)used > size || inventory_record_size(&r) != (size_t)used)
        abort();
    inventory_record_encode(&r, again);
    if (memcmp(again, data, (size_t)used) != 0)
        abort();
    free(again);
}

static bool is_same(const InventoryRecord *a, const InventoryRecord *b)
{
    static uint8_t x[INVENTORY_RECORD_MAX], y[INVENTORY_RECORD_MAX];

    if (inventory_record_size(a) != inventory_record_size(b))
        return false;
    inventory_record_encode(a, x);
    inventory_record_encode(b, y);
    return memcmp(x, y, inventory_record_size(a)) == 0;
}

/* One record after the other, as far as they go. */
static void try_packed(const uint8_t *data, size_t size)
{
    static const InventoryPackOptions options;
    static uint8_t packed[INVENTORY_RECORD_MAX];
    static InventoryPack from, to, back;
    InventoryRecord r, again;
    int used;

    inventory_pack_begin(&from);
    inventory_pack_begin(&to);
    inventory_pack_begin(&back);
    for (; (used = inventory_unpack(&from, data, size, &r)) > 0; data += used, size -= (size_t)used)
        if ((size_t)used > size || r.path.data[0] != '/' ||
            inventory_pack(&to, &r, &options, packed) > sizeof packed ||
            inventory_unpack(&back, packed, sizeof packed, &again) <= 0 || !is_same(&r, &again))
            abort();
}

static void try_mounts(const uint8_t *data, size_t size)
{
    _cleanup_fclose_ FILE *f = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    _cleanup_(mounts_freep) Mounts *mounts = NULL;

    if (f && mounts_new(f, false, &mounts) >= 0)
        (void)mounts_enter(mounts, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    char reason[FILES_REASON_SIZE] = "";
    ScanRequest request = {0};
    FilesChoice options;

    try_record(data, size);
    try_packed(data, size);
    try_mounts(data, size);
    if (text && files_options_parse(text, is_node, NULL, &options, reason) < 0 && reason[0] == 0)
        abort();
    (void)scan_request_parse((const char *)data, size, &request);
    scan_request_done(&request);
    return 0;
}
