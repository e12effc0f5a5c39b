/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the inventory, the options that choose blocks, and the list of mounts. What is taken
 * is given back as it was. */
#include <stdint.h>

#include "files-options.h"
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
    try_mounts(data, size);
    if (text && files_options_parse(text, is_node, NULL, &options, reason) < 0 && reason[0] == 0)
        abort();
    (void)scan_request_parse((const char *)data, size, &request);
    scan_request_done(&request);
    return 0;
}
