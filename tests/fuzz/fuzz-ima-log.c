/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "ima-log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_fclose_ FILE *f = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    _cleanup_(ima_log_done) ImaLog log;
    ImaEvent event;
    unsigned sum = 0;

    ima_log_init(&log, f);
    while (f && ima_log_next(&log, &event) > 0) {
        /* Reads every byte that the event claims to have. */
        for (size_t i = 0; i < event.file_name.size; i++)
            sum += event.file_name.data[i];
        for (size_t i = 0; i < event.file_hash.size; i++)
            sum += event.file_hash.data[i];
        for (size_t i = 0; i < event.signature.size; i++)
            sum += event.signature.data[i];
    }
    return sum == UINT32_MAX;
}
