/* SPDX-License-Identifier: Apache-2.0 */
/* A trust source in p11-kit's form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "trust-source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const AuthorityRules any = {.allow_v1 = true, .allow_expired = true};
    _cleanup_(authority_list_freep) AuthorityList *list = authority_list_new();

    if (!list)
        return 0;
    (void)trust_source_parse((DerSpan){data, size}, &any, list);
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->distrust_after < 0)
            abort();
    return 0;
}
