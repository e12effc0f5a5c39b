/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of configuration by chance, from the grammar's own table: a new row is tried out without
 * anybody having to think of it. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "config-schema.h"

typedef struct Chance {
    uint64_t state; /* not 0 */
} Chance;

/* 0 to n - 1. */
unsigned chance_below(Chance *c, unsigned n);

/* One line for the row, with the words of its mode in front, as it can be given from the top. That
 * it fits the row's types does not say that it parses as that row: another one may have a better
 * claim. Fails the test on a type that it does not know. */
void chance_line(Chance *c, FILE *f, const ConfigRow *row, int remove);
