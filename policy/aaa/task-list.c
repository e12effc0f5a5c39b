/* SPDX-License-Identifier: Apache-2.0 */
#include "task-list.h"

#include <stdio.h>

#include "cleanup.h"

int task_list_add(TaskList *list, const char *task, const char *class)
{
    char name[TASK_NAME_SIZE];

    (void)snprintf(name, sizeof(name), "%s.%s", task, class);
    for (size_t i = 0; i < list->n; i++)
        if (streq(list->names[i], name))
            return 0;
    if (list->n >= TASKS_MAX)
        return -E2BIG;
    memcpy(list->names[list->n], name, sizeof(name));
    list->pointers[list->n] = list->names[list->n];
    list->n++;
    return 0;
}
