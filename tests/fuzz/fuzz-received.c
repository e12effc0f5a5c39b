/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator pastes, and requests as they are kept. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "json-util.h"
#include "received.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ReceivedRules rules = {.now = 1700000000, .legacy = true};
    const char *reason = NULL;
    Request *request = NULL;
    json_object *o = NULL;
    ReceivedList list;
    size_t n = 0;

    if (received_parse(data, size, &list, &reason) >= 0) {
        if (received_order_authority(&list, &rules, &n, &reason) >= 0 && (n == 0 || n > list.n))
            abort();
        received_done(&list);
    } else if (!reason)
        abort();
    if (json_parse((const char *)data, size, &o) >= 0) {
        if (json_object_is_type(o, json_type_object) && request_from_json(o, &request) >= 0)
            request_free(request);
        json_object_put(o);
    }
    return 0;
}
