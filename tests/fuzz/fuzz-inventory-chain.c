/* SPDX-License-Identifier: Apache-2.0 */
/* Two dossiers of one device with a zero byte between them: their blocks, each by itself and both
 * together. What is judged twice has the same problems twice. */
#include <stdlib.h>

#include "inventory-check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_object *judge(const uint8_t *first, size_t n_first, const uint8_t *second,
                          size_t n_second, bool whole)
{
    _cleanup_(inventory_check_freep) InventoryCheck *c = inventory_check_new();
    json_object *found = NULL;

    if (!c)
        return NULL;
    if (inventory_check_add(c, "first", 1, first, n_first) >= 0)
        (void)inventory_check_add(c, NULL, 2, second, n_second);
    (void)inventory_check_finish(c, whole, &found);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t head = zero ? (size_t)(zero - data) : size, tail = size - head - (zero ? 1 : 0);
    _cleanup_json_ json_object *one = judge(data, head, data + size - tail, tail, true);
    _cleanup_json_ json_object *two = judge(data, head, data + size - tail, tail, true);
    _cleanup_json_ json_object *few = judge(data, head, data + size - tail, tail, false);
    json_object *all, *some;

    if (!one != !two || !one != !few || (one && !json_object_equal(one, two)))
        abort();
    if (one && json_get_array(one, "problems", &all) >= 0 &&
        json_get_array(few, "problems", &some) >= 0 &&
        json_object_array_length(some) > json_object_array_length(all))
        abort();
    return 0;
}
