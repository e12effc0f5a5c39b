/* SPDX-License-Identifier: Apache-2.0 */
#include "failures.h"

#include "cleanup.h"

#define FAILURES_MAX 256U

void failures_clear(FailureList *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].line);
        free(list->items[i].reason);
    }
    free(list->items);
    *list = (FailureList){.n = 0};
}

int failures_add(FailureList *list, const char *line, const char *reason)
{
    Failure *items;

    if (list->n >= FAILURES_MAX)
        return 0;
    items = reallocarray(list->items, list->n + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    list->items = items;
    items[list->n] = (Failure){strdup(line), strdup(reason)};
    if (!items[list->n].line || !items[list->n].reason) {
        free(items[list->n].line);
        free(items[list->n].reason);
        return -ENOMEM;
    }
    list->n++;
    return 0;
}
