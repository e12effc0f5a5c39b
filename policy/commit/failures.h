/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the configuration that something is wrong with, each with the reason. */
#pragma once

#include <stddef.h>

typedef struct Failure {
    char *line, *reason;
} Failure;

typedef struct FailureList {
    Failure *items;
    size_t n;
} FailureList;

/* What is more than anybody reads is not kept. */
int failures_add(FailureList *list, const char *line, const char *reason);
void failures_clear(FailureList *list);
