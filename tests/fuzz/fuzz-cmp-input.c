/* SPDX-License-Identifier: Apache-2.0 */
/* What a CMP client signs: a CertRequest has a public key and no protection, a message protection.
 */
#include <stdlib.h>

#include "cmp-input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *reason = NULL;
    CmpInput input;

    if (cmp_input_parse((DerSpan){data, size}, &input, &reason) >= 0) {
        if (reason || (!input.protection.data && !input.public_key.data))
            abort();
    } else if (!reason)
        abort();
    return 0;
}
