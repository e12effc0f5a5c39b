/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks that something needs, each once, as bus_authorize() wants them. */
#pragma once

#include <stddef.h>

/* More than the lines of the configuration can need. */
#define TASKS_MAX 32U
#define TASK_NAME_SIZE 64U

typedef struct TaskList {
    char names[TASKS_MAX][TASK_NAME_SIZE];
    const char *pointers[TASKS_MAX + 1]; /* ends with NULL */
    size_t n;
} TaskList;

/* "crypto", "write". The list must not move afterwards. -E2BIG when it is full. */
int task_list_add(TaskList *list, const char *task, const char *class);
