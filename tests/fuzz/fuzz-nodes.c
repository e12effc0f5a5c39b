/* SPDX-License-Identifier: Apache-2.0 */
/* What a dossier says of other nodes: whoever is wrong has a reason, and whoever is not has a
 * verdict of the table. */
#include <stdlib.h>

#include "nodes-check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const Envelope envelope = {.nonce = "1580"};
    _cleanup_json_ json_object *nodes = NULL;
    char reason[NODES_REASON_SIZE];
    size_t n_wrong = 0;

    if (nodes_check(&envelope, data, size, &nodes, reason) < 0)
        return 0;
    for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++) {
        const char *verdict;

        if (json_get_string(json_object_array_get_idx(nodes, i), "verdict", &verdict) < 0)
            abort();
        n_wrong += !streq(verdict, "good") && !streq(verdict, "incomplete");
    }
    if ((n_wrong > 0) != (reason[0] != 0))
        abort();
    return 0;
}
