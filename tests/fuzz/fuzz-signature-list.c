/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "signature-list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char guid[SIGNATURE_GUID_TEXT_SIZE];
    SignatureReader reader;
    Signature s;

    signature_reader_init(&reader, data, size);
    while (signature_reader_next(&reader, &s) > 0) {
        if (s.data < data || s.size > size - (size_t)(s.data - data) || s.size == 0)
            abort();
        (void)signature_type_name(s.type);
        signature_guid_render(s.owner, guid);
        if (strlen(guid) != sizeof guid - 1)
            abort();
    }
    return 0;
}
