/* SPDX-License-Identifier: Apache-2.0 */
/* The task IDs, and the predefined groups over them. */
#include "aaa.h"

#define AREA(a) (1U << TASK_AREA_##a)
#define AREAS_ALL (AREA(SYSTEM) | AREA(ROUTING) | AREA(SERVICE))

/* For each task: nothing of what is in "none"; else every class of what is in "all_areas" or "all",
 * and of the rest what the others say. Lists have blanks between the names. */
struct PredefinedGroup {
    const char *name;
    bool only_usergroup; /* not a task group as well */
    unsigned all_areas, read_areas, write_areas;
    const char *all, *read, *act, *none; /* act: execute and debug */
};

#define TASK(name, area, description) {name, area, description},
const Task tasks[TASK_COUNT] = {TASK_TABLE(TASK)};

static const PredefinedGroup predefined_groups[] = {
    {.name = "cisco-support", .all_areas = AREAS_ALL},
    {.name = "maintenance",
     .only_usergroup = true,
     .read_areas = AREAS_ALL,
     .act = "basic-services boot diag drivers fault-mgr filesystem interface inventory logging "
            "monitor network pkg-mgmt plat-mgr sysmgr system",
     .none = "aaa nacm"},
    {.name = "netadmin", .all_areas = AREA(ROUTING), .read_areas = AREA(SYSTEM)},
    {.name = "operator", .all = "basic-services", .read = "cdp diag ext-access logging"},
    {.name = "owner-sdr", .only_usergroup = true, .all_areas = AREAS_ALL},
    {.name = "provisioning",
     .only_usergroup = true,
     .read_areas = AREAS_ALL,
     .write_areas = AREAS_ALL,
     .none = "aaa nacm"},
    {.name = "read-only-tg", .only_usergroup = true, .read_areas = AREAS_ALL},
    {.name = "retrieve", .only_usergroup = true, .read_areas = AREAS_ALL},
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

bool predefined_group_is_taskgroup(const PredefinedGroup *group)
{
    return !group->only_usergroup;
}

static uint8_t predefined_classes(const PredefinedGroup *group, const Task *task)
{
    const unsigned area = 1U << task->area;
    unsigned classes = 0;

    if (is_listed(group->none, task->name))
        return 0;
    if ((group->all_areas & area) || is_listed(group->all, task->name))
        return TASK_ALL;
    if ((group->read_areas & area) || is_listed(group->read, task->name))
        classes |= TASK_READ;
    if (group->write_areas & area)
        classes |= TASK_READ | TASK_WRITE;
    if (is_listed(group->act, task->name))
        classes |= TASK_EXECUTE | TASK_DEBUG;
    return (uint8_t)classes;
}

Grants predefined_group_grants(const PredefinedGroup *group)
{
    Grants grants = {.root_lr = group->all_areas == AREAS_ALL};

    for (size_t i = 0; i < TASK_COUNT; i++)
        grants.classes[i] = predefined_classes(group, &tasks[i]);
    return grants;
}
