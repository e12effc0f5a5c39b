/* SPDX-License-Identifier: Apache-2.0 */
/* What json_parse() takes, it takes again after writing it out. */
#include <stdint.h>

#include "json-util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_object *first = NULL, *second = NULL;
    const char *text;

    if (json_parse((const char *)data, size, &first) < 0)
        return 0;
    text = json_object_to_json_string_ext(first, JSON_C_TO_STRING_PLAIN);
    if (json_parse(text, strlen(text), &second) < 0 || !json_object_equal(first, second))
        abort();
    return 0;
}
