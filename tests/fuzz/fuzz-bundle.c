/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of CA certificates. What is taken from one is exported in a form that gives the same
 * certificates again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bundle.h"
#include "export.h"
#include "pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const AuthorityRules download = {.now = 1700000000};
static const AuthorityRules built_in = {.allow_v1 = true, .allow_expired = true};

static void round_trip(AuthorityList *list)
{
    _cleanup_(authority_list_freep) AuthorityList *none = authority_list_new(), *again = NULL;
    _cleanup_(pool_freep) Pool *pool = NULL;
    _cleanup_free_ char *text = NULL;
    const char *reason;
    size_t size, n = list->n;

    if (!none || pool_new(none, list, false, &pool) < 0 ||
        export_bundle(pool_get_active(pool), &text, &size) < 0)
        return;
    if (pool_active(pool) != n || (n == 0) != (size == 0))
        abort();
    if (n > 0 && size <= BUNDLE_SIZE_MAX &&
        (bundle_parse(text, size, &built_in, &again, &reason) < 0 || again->n != n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(authority_list_freep) AuthorityList *list = NULL;
    AuthorityList *all = NULL;
    const char *reason = NULL;

    if (bundle_parse(data, size, &download, &list, &reason) < 0 && !reason)
        abort();
    if (bundle_check_signature(data, size,
                               "0000000000000000000000000000000000000000000000000000000000000000",
                               list, &reason) >= 0 ||
        !reason)
        abort();
    if (bundle_parse(data, size, &built_in, &all, &reason) >= 0)
        round_trip(all);
    return 0;
}
