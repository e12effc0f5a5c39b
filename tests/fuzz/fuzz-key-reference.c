/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a file that stands for a key. What is taken comes out of the formatter again. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "key-reference.h"
#include "pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ void *der = NULL;
    _cleanup_free_ char *pem = NULL;
    KeyReference reference;
    size_t der_size;
    PemBlock block;
    DerSpan input;

    if (key_reference_parse((DerSpan){data, size}, &reference) < 0)
        return 0;
    if (key_reference_format(reference.algorithm, reference.label, reference.public_key, &pem) < 0)
        abort();
    input = (DerSpan){(const uint8_t *)pem, strlen(pem)};
    if (pem_next(&input, &block) != 1 || !pem_has_label(&block, KEY_REFERENCE_PEM_LABEL) ||
        pem_decode(block.text, &der, &der_size) < 0)
        abort();
    if (!der_equal((DerSpan){data, size}, der, der_size))
        abort();
    return 0;
}
