/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever der_check() accepts can be walked to its last byte. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "der.h"

#define DEPTH 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(DerSpan input, unsigned depth)
{
    while (input.size > 0) {
        DerSpan content;
        uint8_t tag;

        if (depth == 0 || der_read_any(&input, &tag, NULL, &content) < 0)
            abort();
        if (tag & 0x20)
            walk(content, depth - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DerSpan input = {data, size}, content;
    uint64_t value;

    if (der_check(input, DEPTH) >= 0)
        walk(input, DEPTH);
    (void)der_read_only(input, DER_SEQUENCE, &content);
    (void)der_read_optional(&input, DER_CONTEXT_CONSTRUCTED(0), &content);
    (void)der_read_uint64(&input, &value);
    return 0;
}
