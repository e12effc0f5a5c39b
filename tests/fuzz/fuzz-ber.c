/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of BER is DER, and DER stays what it is. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ber.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *der = NULL, *again = NULL;
    size_t n = 0, n_again = 0;

    if (ber_to_der(data, size, &der, &n) < 0)
        return 0;
    if (der_check((DerSpan){der, n}, BER_DEPTH_MAX + 1) < 0)
        abort();
    if (ber_to_der(der, n, &again, &n_again) < 0 || n != n_again || memcmp(der, again, n) != 0)
        abort();
    free(der);
    free(again);
    return 0;
}
