/* SPDX-License-Identifier: Apache-2.0 */
/* The signed attributes of a SCEP request: what is taken is one SET, and is in DER. */
#include <stdlib.h>

#include "scep-input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *reason = NULL;

    if (scep_attributes_check((DerSpan){data, size}, 32, &reason) >= 0) {
        if (reason || size < 2 || data[0] != DER_SET)
            abort();
    } else if (!reason)
        abort();
    return 0;
}
