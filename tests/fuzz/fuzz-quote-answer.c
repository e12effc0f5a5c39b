/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "quote-client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_object *o = NULL;
    json_object *banks;
    uint64_t error;

    if (quote_parse((const char *)data, size, &o) < 0)
        return 0;
    if (json_get_array(o, "banks", &banks) < 0 && json_get_uint64(o, "error", &error) < 0)
        abort();
    return 0;
}
