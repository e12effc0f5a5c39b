/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, up to so many; the others are counted. */
#pragma once

#include "json-util.h"

#define FINDINGS_DEFAULT 10000U
#define FINDINGS_MAX 1000000U

typedef struct Findings {
    json_object *list; /* an array; NULL: nothing was looked for */
    uint64_t max;      /* members of it */
    uint64_t n_more;   /* that are not in it */
    uint64_t n_nodes;  /* in it or not, that are of other nodes */
} Findings;

/* -ENOMEM. */
static inline int findings_init(Findings *f, uint64_t max)
{
    *f = (Findings){.list = json_object_new_array(), .max = max};
    return f->list ? 0 : -ENOMEM;
}

static inline void findings_done(Findings *f)
{
    json_object_putp(&f->list);
}

/* Counts one more, and says whether there is room for it. node: whose it is; NULL: the router's. */
static inline bool findings_count(Findings *f, const char *node)
{
    f->n_nodes += node ? 1 : 0;
    if (json_object_array_length(f->list) < f->max)
        return true;
    f->n_more++;
    return false;
}
