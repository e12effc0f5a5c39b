/* SPDX-License-Identifier: Apache-2.0 */
/* The task IDs, and the predefined groups over them. */
#include "aaa.h"

#define AREA(a) (1U << TASK_AREA_##a)
#define AREAS_ALL (AREA(SYSTEM) | AREA(ROUTING) | AREA(SERVICE))

struct PredefinedGroup {
    const char *name;
    unsigned all_areas;  /* every class of the tasks of these areas */
    unsigned read_areas; /* read of the tasks of these areas */
    const char *all;     /* every class of these tasks, separated by blanks */
    const char *read;
};

#define TASK(name, area, description) {name, area, description},
const Task tasks[TASK_COUNT] = {TASK_TABLE(TASK)};

static const PredefinedGroup predefined_groups[] = {
    {.name = "cisco-support", .all_areas = AREAS_ALL},
    {.name = "netadmin", .all_areas = AREA(ROUTING), .read_areas = AREA(SYSTEM)},
    {.name = "operator", .all = "basic-services", .read = "cdp diag ext-access logging"},
    {.name = "owner-sdr", .all_areas = AREAS_ALL},
    {.name = "read-only-tg", .read_areas = AREAS_ALL},
    {.name = "root-lr", .all_areas = AREAS_ALL},
    {.name = "root-system", .all_areas = AREAS_ALL},
    {.name = "serviceadmin", .all_areas = AREA(SERVICE), .read = "basic-services"},
    {.name = "sysadmin",
     .all = "aaa basic-services boot config-mgmt config-services crypto filesystem host-services "
            "inventory logging pkg-mgmt snmp "
            "sysmgr system"},
};

int task_find(const char *name)
{
    size_t low = 0, high = TASK_COUNT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = strcmp(name, tasks[middle].name);

        if (c == 0)
            return (int)middle;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -ENOENT;
}

const char *task_class_name(unsigned class)
{
    switch (class) {
    case TASK_READ:
        return "read";
    case TASK_WRITE:
        return "write";
    case TASK_EXECUTE:
        return "execute";
    case TASK_DEBUG:
        return "debug";
    default:
        return NULL;
    }
}

const PredefinedGroup *predefined_group_get(size_t i)
{
    return i < ELEMENTSOF(predefined_groups) ? &predefined_groups[i] : NULL;
}

const PredefinedGroup *predefined_group_find(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(predefined_groups); i++)
        if (streq(predefined_groups[i].name, name))
            return &predefined_groups[i];
    return NULL;
}

const char *predefined_group_name(const PredefinedGroup *group)
{
    return group->name;
}

static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (; list && *list; list += strcspn(list, " "), list += *list == ' ')
        if (strcspn(list, " ") == n && strncmp(list, name, n) == 0)
            return true;
    return false;
}

Grants predefined_group_grants(const PredefinedGroup *group)
{
    Grants grants = {{0}};

    for (size_t i = 0; i < TASK_COUNT; i++) {
        const unsigned area = 1U << tasks[i].area;

        if ((group->all_areas & area) || is_listed(group->all, tasks[i].name))
            grants.classes[i] = TASK_ALL;
        else if ((group->read_areas & area) || is_listed(group->read, tasks[i].name))
            grants.classes[i] = TASK_READ;
    }
    return grants;
}
