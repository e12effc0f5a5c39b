/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor's list and a dossier, with a zero byte between them; the same two are compared as
 * dossiers. Whatever they are, what is found is a list, and nothing differs from itself, but that a
 * node whose dossier is not whole is compared with nothing. The dossier is a page of its own
 * inventory too. */
#include <stdlib.h>

#include "compare.h"
#include "reference.h"

#define LIST_MAX 3U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const Reference *reference, const char *dossier, size_t size)
{
    _cleanup_(reference_check_freep) ReferenceCheck *check = reference_check_new(reference);
    Findings found = {.list = NULL};

    if (!check)
        abort();
    (void)reference_check_add(check, dossier, size);
    if (reference_check_finish(check, dossier, size, LIST_MAX, &found) >= 0 &&
        json_object_array_length(found.list) > LIST_MAX)
        abort();
    findings_done(&found);
}

static void compare_with_itself(const char *dossier, size_t size)
{
    Findings same = {.list = NULL};

    if (compare_dossiers(dossier, size, dossier, size, LIST_MAX, &same) < 0)
        return;
    for (size_t i = 0; i < json_object_array_length(same.list); i++) {
        const char *change;

        if (json_get_string(json_object_array_get_idx(same.list, i), "change", &change) < 0 ||
            !streq(change, "not-compared"))
            abort();
    }
    findings_done(&same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t head = zero ? (size_t)(zero - data) : size;
    const char *list = (const char *)data, *dossier = list + head + (zero ? 1 : 0);
    size_t tail = size - head - (zero ? 1 : 0);
    _cleanup_(reference_freep) Reference *reference = NULL;
    Findings different = {.list = NULL};
    const char *reason = NULL;
    int r = reference_parse(list, head, &reference, &reason);

    if (r < 0 && !reason)
        abort();
    if (r >= 0)
        judge(reference, dossier, tail);
    if (compare_dossiers(list, head, dossier, tail, LIST_MAX, &different) >= 0 &&
        different.n_more > 0 && json_object_array_length(different.list) != LIST_MAX)
        abort();
    findings_done(&different);
    compare_with_itself(dossier, tail);
    return 0;
}
