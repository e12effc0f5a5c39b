/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "dpkg-status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_fclose_ FILE *f = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    _cleanup_(dpkg_status_freep) DpkgStatus *status = f ? dpkg_status_new(f) : NULL;
    DpkgPackage package;

    while (status && dpkg_status_next(status, &package) > 0)
        if (package.name.size >= DPKG_FIELD_SIZE || package.name.data[package.name.size] != 0 ||
            (!package.problem && strchr(package.name.data, '/')))
            abort();
    return 0;
}
