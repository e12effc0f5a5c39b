/* SPDX-License-Identifier: Apache-2.0 */
#include "aaa-view.h"

#include <grp.h>
#include <stdio.h>

#include "json-util.h"

#define GROUP_LINE_MAX 65536U

/* --- Pieces ----------------------------------------------------------------------------------- */

/* Takes over value; NULL stands for "out of memory". */
static int append_string(json_object *array, const char *text)
{
    json_object *element = json_object_new_string(text);

    if (element && json_object_array_add(array, element) == 0)
        return 0;
    json_object_put(element);
    return -ENOMEM;
}

/* ["read", "write"] */
static json_object *class_names(unsigned classes)
{
    _cleanup_json_ json_object *array = json_object_new_array();

    for (unsigned class = TASK_READ; array && class <= TASK_DEBUG; class <<= 1)
        if ((classes & class) && append_string(array, task_class_name(class)) < 0)
            return NULL;
    return TAKE_PTR(array);
}

static int add_grants(json_object *to, const char *name, const Grants *grants)
{
    json_object *all = json_object_new_object();
    int r = json_add(to, name, all);

    for (size_t i = 0; r >= 0 && i < TASK_COUNT; i++) {
        /* In the order of the others. */
        if (grants->root_lr && strcmp(tasks[i].name, TASK_ROOT_LR) > 0 &&
            (i == 0 || strcmp(tasks[i - 1].name, TASK_ROOT_LR) < 0))
            r = json_add(all, TASK_ROOT_LR, class_names(TASK_WRITE));
        if (r >= 0 && grants->classes[i])
            r = json_add(all, tasks[i].name, class_names(grants->classes[i]));
    }
    return r;
}

static int add_strings(json_object *to, const char *name, json_object *strings)
{
    _cleanup_json_ json_object *array = NULL;
    int r = 0;

    if (!strings || json_object_array_length(strings) == 0)
        return 0;
    array = json_object_new_array();
    for (size_t i = 0; array && r >= 0 && i < json_object_array_length(strings); i++)
        r = append_string(array, json_object_get_string(json_object_array_get_idx(strings, i)));
    return r < 0 ? r : json_add(to, name, TAKE_PTR(array));
}

static json_object *member(json_object *o, const char *name)
{
    json_object *array = NULL;

    return o && json_get_array(o, name, &array) >= 0 ? array : NULL;
}

/* --- Groups ----------------------------------------------------------------------------------- */

/* The tasks that the group's own lines name. */
static Grants direct_grants(json_object *o)
{
    json_object *task = NULL;
    Grants grants = {.root_lr = false};

    if (!o || json_get_object(o, "task", &task) < 0)
        return grants;
    for (unsigned class = TASK_READ; class <= TASK_DEBUG; class <<= 1) {
        json_object *ids = member(task, task_class_name(class));

        for (size_t i = 0; ids && i < json_object_array_length(ids); i++) {
            int number = task_find(json_object_get_string(json_object_array_get_idx(ids, i)));

            if (number >= 0)
                grants.classes[number] |= (uint8_t) class;
        }
    }
    return grants;
}

/* o: its lines; NULL for a predefined one. */
static int view_group(const AaaGroup *group, json_object *o, bool is_taskgroup, json_object *view)
{
    const Grants direct = o ? direct_grants(o) : group->grants;
    const char *description;
    int r = json_add(view, "name", json_object_new_string(group->name));

    if (r >= 0)
        r = json_add(view, "predefined", json_object_new_boolean(!o));
    if (r >= 0 && o && json_get_string(o, "description", &description) >= 0)
        r = json_add(view, "description", json_object_new_string(description));
    if (r >= 0)
        r = add_strings(view, "inherits", member(o, "inherit"));
    if (r >= 0 && !is_taskgroup)
        r = add_strings(view, "taskgroups", member(o, "taskgroup"));
    if (r >= 0 && is_taskgroup)
        r = add_grants(view, "direct", &direct);
    return r < 0 ? r : add_grants(view, "tasks", &group->grants);
}

static const AaaGroup *find_group(const Aaa *aaa, const char *name)
{
    for (size_t i = 0; i < aaa->n_groups; i++)
        if (streq(aaa->groups[i].name, name))
            return &aaa->groups[i];
    return NULL;
}

static void collect(const Aaa *aaa, const char *group, Grants *grants)
{
    const AaaGroup *found = find_group(aaa, group);

    if (found)
        grants_add(grants, &found->grants);
}

static int view_user(const Aaa *aaa, const AaaUser *user, json_object *view)
{
    json_object *groups = json_object_new_array();
    Grants grants = {{0}};
    int r = json_add(view, "name", json_object_new_string(user->name));

    if (r < 0) {
        json_object_put(groups);
        return r;
    }
    r = json_add(view, "groups", groups);
    for (char **group = user->groups; r >= 0 && *group; group++) {
        r = append_string(groups, *group);
        collect(aaa, *group, &grants);
    }
    return r < 0 ? r : add_grants(view, "tasks", &grants);
}

/* --- Lists ------------------------------------------------------------------------------------ */

static json_object *new_view(json_object *array)
{
    json_object *view = json_object_new_object();

    if (view && json_object_array_add(array, view) == 0)
        return view;
    json_object_put(view);
    return NULL;
}

static int view_groups(const AaaGroup *groups, size_t n, json_object *section, const char *kind,
                       const char *name, json_object *array)
{
    json_object *all = NULL;

    (void)json_get_object(section, kind, &all);
    for (size_t i = 0; i < n; i++) {
        json_object *view, *o = NULL;
        int r;

        if (*name && !streq(name, groups[i].name))
            continue;
        if (all)
            (void)json_get_object(all, groups[i].name, &o);
        view = new_view(array);
        r = view ? view_group(&groups[i], o, streq(kind, "taskgroup"), view) : -ENOMEM;
        if (r < 0)
            return r;
    }
    return 0;
}

static int view_users(const Aaa *aaa, const char *name, json_object *array)
{
    for (size_t i = 0; i < aaa->n_users; i++) {
        json_object *view;
        int r;

        if (*name && !streq(name, aaa->users[i].name))
            continue;
        view = new_view(array);
        r = view ? view_user(aaa, &aaa->users[i], view) : -ENOMEM;
        if (r < 0)
            return r;
    }
    return 0;
}

int aaa_view(const Aaa *aaa, json_object *section, const char *kind, const char *name,
             json_object **ret)
{
    _cleanup_json_ json_object *array = json_object_new_array();
    int r;

    if (!array)
        return -ENOMEM;
    if (streq(kind, "taskgroup"))
        r = view_groups(aaa->taskgroups, aaa->n_taskgroups, section, kind, name, array);
    else if (streq(kind, "usergroup"))
        r = view_groups(aaa->groups, aaa->n_groups, section, kind, name, array);
    else if (streq(kind, "user"))
        r = view_users(aaa, name, array);
    else
        r = -EINVAL;
    if (r < 0)
        return r;
    if (*name && json_object_array_length(array) == 0)
        return -ENOENT;
    *ret = TAKE_PTR(array);
    return 0;
}

/* --- One user --------------------------------------------------------------------------------- */

static bool is_member(const struct group *entry, const char *name, gid_t gid)
{
    if (entry->gr_gid == gid)
        return true;
    for (char **m = entry->gr_mem; *m; m++)
        if (streq(*m, name))
            return true;
    return false;
}

/* The same that the rules for polkit say: a group that only has the user's own name does not count.
 */
static int add_system_groups(const Aaa *aaa, const char *name, gid_t gid, const char *path,
                             json_object *groups, Grants *grants)
{
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    _cleanup_free_ char *buffer = malloc(GROUP_LINE_MAX);
    struct group entry, *found;
    int r = 0;

    if (!buffer)
        return -ENOMEM;
    while (f && r >= 0 && fgetgrent_r(f, &entry, buffer, GROUP_LINE_MAX, &found) == 0) {
        if (!find_group(aaa, entry.gr_name) || streq(entry.gr_name, name) ||
            !is_member(&entry, name, gid))
            continue;
        collect(aaa, entry.gr_name, grants);
        r = append_string(groups, entry.gr_name);
    }
    return r;
}

int aaa_view_user(const Aaa *aaa, const char *name, const char *implied, gid_t gid,
                  const char *group_file, json_object **ret)
{
    _cleanup_json_ json_object *view = json_object_new_object(), *groups = json_object_new_array();
    Grants grants = {{0}};
    int r = view && groups ? json_add(view, "name", json_object_new_string(name)) : -ENOMEM;

    if (r >= 0 && implied) {
        collect(aaa, implied, &grants);
        r = append_string(groups, implied);
    }
    for (size_t i = 0; r >= 0 && i < aaa->n_users; i++)
        for (char **group = aaa->users[i].groups;
             streq(aaa->users[i].name, name) && r >= 0 && *group; group++) {
            collect(aaa, *group, &grants);
            r = append_string(groups, *group);
        }
    if (r >= 0)
        r = add_system_groups(aaa, name, gid, group_file, groups, &grants);
    if (r >= 0)
        r = json_add(view, "groups", TAKE_PTR(groups));
    if (r >= 0)
        r = add_grants(view, "tasks", &grants);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(view);
    return 0;
}
