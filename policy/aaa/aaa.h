/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which task ID: the section "aaa" of the configuration, with everything inherited worked
 * out. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "tasks.h"

/* Operation classes; a task that may be written may be read. */
#define TASK_READ 0x1U
#define TASK_WRITE 0x2U
#define TASK_EXECUTE 0x4U
#define TASK_DEBUG 0x8U
#define TASK_ALL 0xfU

typedef enum TaskArea {
    TASK_AREA_SYSTEM,
    TASK_AREA_ROUTING,
    TASK_AREA_SERVICE,
} TaskArea;

typedef struct Task {
    const char *name;
    TaskArea area;
    const char *description;
} Task;

extern const Task tasks[TASK_COUNT];
/* Its number, or -ENOENT. */
int task_find(const char *name);
/* "read", ... for one bit. */
const char *task_class_name(unsigned class);

/* What stands for a whole group, and cannot be given by a line of its own: whoever holds it holds
 * everything else, now and after any change of the table. */
#define TASK_ROOT_LR "root-lr"

typedef struct Grants {
    uint8_t classes[TASK_COUNT];
    bool root_lr;
} Grants;

void grants_add(Grants *to, const Grants *from);

/* The predefined groups are all user groups, and most are task groups too. NULL when there is none
 * with this name. */
typedef struct PredefinedGroup PredefinedGroup;
const PredefinedGroup *predefined_group_find(const char *name);
const PredefinedGroup *predefined_group_get(size_t i); /* NULL behind the last */
const char *predefined_group_name(const PredefinedGroup *group);
bool predefined_group_is_taskgroup(const PredefinedGroup *group);
Grants predefined_group_grants(const PredefinedGroup *group);

typedef struct AaaGroup {
    char *name;
    Grants grants;
} AaaGroup;

typedef struct AaaUser {
    char *name;
    char **groups;   /* user groups; ends with NULL */
    char *secret;    /* hash of what he logs in with; NULL: none */
    char *shell;     /* "bash", "nologin"; NULL: the router's commands */
    char *directory; /* NULL: none of his own */
} AaaUser;

/* All user groups and task groups, the predefined ones too, and all users. */
typedef struct Aaa {
    AaaGroup *groups, *taskgroups;
    size_t n_groups, n_taskgroups;
    AaaUser *users;
    size_t n_users;
} Aaa;

/* Told of everything that is wrong: the line, and why. */
typedef int (*aaa_problem_t)(const char *line, const char *reason, void *userdata);

/* Returns -EINVAL when there were problems. problem may be NULL. */
int aaa_compile(json_object *section, aaa_problem_t problem, void *userdata, Aaa **ret);
Aaa *aaa_free(Aaa *aaa);
DEFINE_TRIVIAL_CLEANUP_FUNC(Aaa *, aaa_free);

/* For the table of lines: why the name is not possible, or NULL. */
const char *aaa_refuse_group_name(const char *name);
const char *aaa_refuse_user_name(const char *name);
const char *aaa_refuse_directory(const char *path);
