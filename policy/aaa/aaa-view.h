/* SPDX-License-Identifier: Apache-2.0 */
/* Task groups, user groups and users as JSON, with everything inherited worked out: what the shows
 * of the shell render. */
#pragma once

#include <sys/types.h>

#include "aaa.h"

/* An array of {"name", "predefined", "description", "inherits": [..], "taskgroups": [..] or
 * "groups":
 * [..], "direct": {TASK: [CLASS..]} (of task groups), "tasks": {TASK: [CLASS..]}}; what there is
 * nothing of is left out. kind: "taskgroup", "usergroup", "user". name: "" for all. -EINVAL: no
 * such kind; -ENOENT: none with this name. */
int aaa_view(const Aaa *aaa, json_object *section, const char *kind, const char *name,
             json_object **ret);

/* {"name", "groups": [..], "tasks": {..}} of one user: the group that he is in anyway (NULL: none),
 * those that the configuration gives him, and those of the system's groups (a file like /etc/group)
 * that have the name of a user group. gid: his own group. */
int aaa_view_user(const Aaa *aaa, const char *name, const char *implied, gid_t gid,
                  const char *group_file, json_object **ret);
