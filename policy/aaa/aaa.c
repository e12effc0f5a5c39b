/* SPDX-License-Identifier: Apache-2.0 */
#include "aaa.h"

#include <stdarg.h>
#include <stdio.h>

#include "json-util.h"
#include "secret.h"

#define INHERIT_DEPTH_MAX 32U
#define USER_NAME_MIN 2U
#define USER_NAME_MAX 31U

typedef enum GroupState {
    GROUP_NEW,
    GROUP_ACTIVE, /* being worked out: who meets it again has found a cycle */
    GROUP_DONE,
} GroupState;

typedef struct Group {
    const char *name;
    json_object *o;
    Grants grants;
    GroupState state;
    unsigned height; /* of what it inherits from, itself included */
} Group;

typedef struct Groups {
    const char *keyword; /* "taskgroup" */
    Group *items;
    size_t n;
} Groups;

typedef struct Compiler {
    Groups taskgroups, usergroups;
    aaa_problem_t problem;
    void *userdata;
    bool failed;
} Compiler;

/* --- Names ------------------------------------------------------------------------------------ */

const char *aaa_refuse_group_name(const char *name)
{
    return predefined_group_find(name) ? "This group is predefined and cannot be changed" : NULL;
}

/* What login, ssh and the other tools of the system take for a user name. */
const char *aaa_refuse_user_name(const char *name)
{
    size_t n = strlen(name);

    if (n < USER_NAME_MIN || n > USER_NAME_MAX)
        return "A user name has 2 to 31 characters";
    if (strspn(name, "0123456789") == n)
        return "A user name cannot be a number";
    if (strncmp(name, "chancery-", STRLEN("chancery-")) == 0)
        return "User names that begin with 'chancery-' are reserved";
    if (predefined_group_find(name))
        return "This is the name of a predefined group";
    return NULL;
}

/* What a line of the password file can hold, and nothing that is read in two ways. */
const char *aaa_refuse_directory(const char *path)
{
    size_t n = strlen(path);

    for (const char *at = path; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr(":\"\\,", *at))
            return "The path of a home folder has no blanks, colons, quotes, commas or backslashes";
    if (*path != '/')
        return "The path of a home folder begins with '/'";
    if (strstr(path, "/../") || strstr(path, "/./") || strstr(path, "//") ||
        (n >= 3 && streq(path + n - 3, "/..")) || (n >= 2 && streq(path + n - 2, "/.")))
        return "The path of a home folder has no '.', '..' or empty part";
    return NULL;
}

/* --- Problems --------------------------------------------------------------------------------- */

static int problem(Compiler *c, const char *reason, const char *format, ...) _printf_(3, 4);
static int problem(Compiler *c, const char *reason, const char *format, ...)
{
    _cleanup_free_ char *line = NULL;
    va_list ap;
    int r;

    c->failed = true;
    if (!c->problem)
        return 0;
    va_start(ap, format);
    r = vasprintf(&line, format, ap);
    va_end(ap);
    if (r < 0) {
        line = NULL;
        return -ENOMEM;
    }
    return c->problem(line, reason, c->userdata);
}

/* --- Groups ----------------------------------------------------------------------------------- */

static int compare_groups(const void *a, const void *b)
{
    return strcmp(((const Group *)a)->name, ((const Group *)b)->name);
}

static int groups_collect(json_object *section, const char *keyword, Groups *ret)
{
    json_object *all;

    ret->keyword = keyword;
    if (json_get_object(section, keyword, &all) < 0)
        return 0;
    ret->items = calloc((size_t)json_object_object_length(all) + 1, sizeof(*ret->items));
    if (!ret->items)
        return -ENOMEM;
    json_object_object_foreach(all, name, o)
    {
        ret->items[ret->n++] = (Group){.name = name, .o = o};
    }
    qsort(ret->items, ret->n, sizeof(*ret->items), compare_groups);
    return 0;
}

static Group *groups_find(const Groups *groups, const char *name)
{
    const Group key = {.name = name};

    return groups->n == 0 ? NULL
                          : bsearch(&key, groups->items, groups->n, sizeof(key), compare_groups);
}

void grants_add(Grants *to, const Grants *from)
{
    for (size_t i = 0; i < TASK_COUNT; i++)
        to->classes[i] |= from->classes[i];
    to->root_lr |= from->root_lr;
}

static size_t array_length(json_object *o, const char *name, json_object **ret)
{
    return json_get_array(o, name, ret) < 0 ? 0 : json_object_array_length(*ret);
}

static const char *array_string(json_object *array, size_t i)
{
    const char *s = json_object_get_string(json_object_array_get_idx(array, i));

    return s ? s : "";
}

static int add_class(Compiler *c, Group *g, json_object *task, unsigned class)
{
    const char *class_name = task_class_name(class);
    json_object *ids = NULL;
    size_t n = array_length(task, class_name, &ids);

    for (size_t i = 0; i < n; i++) {
        const char *id = array_string(ids, i);
        int number = task_find(id), r;

        if (number >= 0) {
            g->grants.classes[number] |=
                (uint8_t)(class == TASK_WRITE ? TASK_WRITE | TASK_READ : class);
            continue;
        }
        r = problem(c, "There is no task ID with this name", "taskgroup %s task %s %s", g->name,
                    class_name, id);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_tasks(Compiler *c, Group *g)
{
    json_object *task;

    if (json_get_object(g->o, "task", &task) < 0)
        return 0;
    for (unsigned class = TASK_READ; class <= TASK_DEBUG; class <<= 1) {
        int r = add_class(c, g, task, class);

        if (r < 0)
            return r;
    }
    return 0;
}

/* The task groups have been worked out before. */
static int add_taskgroups(Compiler *c, Group *g)
{
    json_object *names = NULL;
    size_t n = array_length(g->o, "taskgroup", &names);

    for (size_t i = 0; i < n; i++) {
        const char *name = array_string(names, i);
        const PredefinedGroup *predefined = predefined_group_find(name);
        const Group *taskgroup = groups_find(&c->taskgroups, name);
        int r;

        if (predefined && predefined_group_is_taskgroup(predefined)) {
            const Grants grants = predefined_group_grants(predefined);

            grants_add(&g->grants, &grants);
        } else if (taskgroup) {
            grants_add(&g->grants, &taskgroup->grants);
        } else {
            r = problem(c,
                        predefined ? "There is a user group with this name, and no task group"
                                   : "There is no task group with this name",
                        "usergroup %s taskgroup %s", g->name, name);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Inheriting from a predefined group; *ret_done says that it was one. */
static int inherit_predefined(Compiler *c, const Groups *groups, Group *g, const char *name,
                              bool *ret_done)
{
    const PredefinedGroup *predefined = predefined_group_find(name);
    Grants grants;

    *ret_done = predefined;
    if (!predefined)
        return 0;
    if (groups == &c->usergroups)
        return problem(c,
                       predefined_group_is_taskgroup(predefined)
                           ? "A user group cannot inherit from a predefined one; use 'taskgroup'"
                           : "A user group cannot inherit from a predefined one",
                       "usergroup %s inherit usergroup %s", g->name, name);
    if (streq(name, "root-system") || streq(name, "owner-sdr"))
        return problem(c, "A task group cannot inherit root-system or owner-sdr",
                       "taskgroup %s inherit taskgroup %s", g->name, name);
    if (!predefined_group_is_taskgroup(predefined))
        return problem(c, "There is a user group with this name, and no task group",
                       "taskgroup %s inherit taskgroup %s", g->name, name);
    grants = predefined_group_grants(predefined);
    grants_add(&g->grants, &grants);
    return 0;
}

static int resolve(Compiler *c, Groups *groups, Group *g, unsigned depth);

static int inherit(Compiler *c, Groups *groups, Group *g, const char *name, unsigned depth)
{
    Group *from = groups_find(groups, name);
    const char *reason = NULL;
    bool done;
    int r;

    r = inherit_predefined(c, groups, g, name, &done);
    if (r < 0 || done)
        return r;
    if (!from)
        reason = groups == &c->usergroups ? "There is no user group with this name"
                                          : "There is no task group with this name";
    else if (from->state == GROUP_ACTIVE)
        reason = "The group would inherit from itself";
    else if (depth >= INHERIT_DEPTH_MAX)
        reason = "Groups inherit from one another over more than 32 levels";
    if (!reason && from->state == GROUP_NEW) {
        r = resolve(c, groups, from, depth + 1);
        if (r < 0)
            return r;
    }
    if (!reason && from->height >= INHERIT_DEPTH_MAX)
        reason = "Groups inherit from one another over more than 32 levels";
    if (reason)
        return problem(c, reason, "%s %s inherit %s %s", groups->keyword, g->name, groups->keyword,
                       name);
    grants_add(&g->grants, &from->grants);
    if (g->height <= from->height)
        g->height = from->height + 1;
    return 0;
}

static int resolve(Compiler *c, Groups *groups, Group *g, unsigned depth)
{
    json_object *names = NULL;
    size_t n = array_length(g->o, "inherit", &names);
    int r;

    g->state = GROUP_ACTIVE;
    g->height = 1;
    r = groups == &c->taskgroups ? add_tasks(c, g) : add_taskgroups(c, g);
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = inherit(c, groups, g, array_string(names, i), depth);
    g->state = GROUP_DONE;
    return r;
}

static int resolve_all(Compiler *c, Groups *groups)
{
    for (size_t i = 0; i < groups->n; i++) {
        Group *g = &groups->items[i];
        int r = 0;

        if (predefined_group_find(g->name))
            r = problem(c, "This group is predefined and cannot be changed", "%s %s",
                        groups->keyword, g->name);
        if (r >= 0 && g->state == GROUP_NEW)
            r = resolve(c, groups, g, 1);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- The result ------------------------------------------------------------------------------- */

static int add_group(AaaGroup *groups, size_t *n, const char *name, const Grants *grants)
{
    AaaGroup *group = &groups[*n];

    group->name = strdup(name);
    if (!group->name)
        return -ENOMEM;
    group->grants = *grants;
    (*n)++;
    return 0;
}

/* The predefined groups, then those of the configuration. */
static int take_groups(const Groups *from, AaaGroup **ret, size_t *ret_n)
{
    const bool taskgroups = streq(from->keyword, "taskgroup");
    const PredefinedGroup *predefined;
    size_t n = 0;
    int r = 0;

    while (predefined_group_get(n))
        n++;
    *ret = calloc(n + from->n, sizeof(**ret));
    if (!*ret)
        return -ENOMEM;
    for (size_t i = 0; r >= 0 && (predefined = predefined_group_get(i)); i++) {
        const Grants grants = predefined_group_grants(predefined);

        if (taskgroups && !predefined_group_is_taskgroup(predefined))
            continue;
        r = add_group(*ret, ret_n, predefined_group_name(predefined), &grants);
    }
    for (size_t i = 0; r >= 0 && i < from->n; i++)
        r = add_group(*ret, ret_n, from->items[i].name, &from->items[i].grants);
    return r;
}

static int take_secret(Compiler *c, AaaUser *user, const char *secret)
{
    const char *refused = secret_refuse_hash(secret);

    if (refused)
        return problem(c, refused, "username %s secret 10", user->name);
    user->secret = strdup(secret);
    return user->secret ? 0 : -ENOMEM;
}

static int take_text(json_object *o, const char *name, char **ret)
{
    const char *text;

    if (json_get_string(o, name, &text) < 0)
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

/* How the account looks to the system. The table of lines has checked the same; a configuration
 * that was kept is read without it. */
static int take_account(Compiler *c, AaaUser *user, json_object *o)
{
    const char *refused;
    int r = take_text(o, "shell-type", &user->shell);

    if (r >= 0)
        r = take_text(o, "directory", &user->directory);
    if (r >= 0 && user->shell && !streq(user->shell, "bash") && !streq(user->shell, "nologin"))
        r = problem(c, "There is no shell of this type", "username %s shell-type", user->name);
    refused = r >= 0 && user->directory ? aaa_refuse_directory(user->directory) : NULL;
    return refused ? problem(c, refused, "username %s directory", user->name) : r;
}

static int take_user(Compiler *c, AaaUser *user, const char *name, json_object *o)
{
    const char *refused = aaa_refuse_user_name(name);
    json_object *groups = NULL;
    size_t n = array_length(o, "group", &groups);
    const char *secret;
    int r = refused ? problem(c, refused, "username %s", name) : 0;

    user->name = strdup(name);
    user->groups = calloc(n + 1, sizeof(*user->groups));
    if (!user->name || !user->groups)
        return -ENOMEM;
    if (r >= 0 && json_get_string(o, "secret", &secret) >= 0)
        r = take_secret(c, user, secret);
    if (r >= 0)
        r = take_account(c, user, o);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        const char *group = array_string(groups, i);

        if (!predefined_group_find(group) && !groups_find(&c->usergroups, group))
            r = problem(c, "There is no user group with this name", "username %s group %s", name,
                        group);
        user->groups[i] = strdup(group);
        if (!user->groups[i])
            return -ENOMEM;
    }
    return r;
}

static int take_users(Compiler *c, json_object *section, Aaa *aaa)
{
    json_object *all;

    if (json_get_object(section, "username", &all) < 0)
        return 0;
    aaa->users = calloc((size_t)json_object_object_length(all) + 1, sizeof(*aaa->users));
    if (!aaa->users)
        return -ENOMEM;
    json_object_object_foreach(all, name, o)
    {
        int r = take_user(c, &aaa->users[aaa->n_users++], name, o);

        if (r < 0)
            return r;
    }
    return 0;
}

static int compile(Compiler *c, json_object *section, Aaa *aaa)
{
    int r;

    if ((r = groups_collect(section, "taskgroup", &c->taskgroups)) < 0 ||
        (r = groups_collect(section, "usergroup", &c->usergroups)) < 0 ||
        (r = resolve_all(c, &c->taskgroups)) < 0 || (r = resolve_all(c, &c->usergroups)) < 0 ||
        (r = take_groups(&c->usergroups, &aaa->groups, &aaa->n_groups)) < 0 ||
        (r = take_groups(&c->taskgroups, &aaa->taskgroups, &aaa->n_taskgroups)) < 0 ||
        (r = take_users(c, section, aaa)) < 0)
        return r;
    return c->failed ? -EINVAL : 0;
}

int aaa_compile(json_object *section, aaa_problem_t report, void *userdata, Aaa **ret)
{
    _cleanup_(aaa_freep) Aaa *aaa = calloc(1, sizeof(*aaa));
    Compiler c = {.problem = report, .userdata = userdata};
    int r = aaa ? compile(&c, section, aaa) : -ENOMEM;

    free(c.taskgroups.items);
    free(c.usergroups.items);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(aaa);
    return 0;
}

Aaa *aaa_free(Aaa *aaa)
{
    if (!aaa)
        return NULL;
    for (size_t i = 0; i < aaa->n_groups; i++)
        free(aaa->groups[i].name);
    for (size_t i = 0; i < aaa->n_taskgroups; i++)
        free(aaa->taskgroups[i].name);
    for (size_t i = 0; i < aaa->n_users; i++) {
        for (char **group = aaa->users[i].groups; group && *group; group++)
            free(*group);
        free(aaa->users[i].groups);
        free(aaa->users[i].secret);
        free(aaa->users[i].shell);
        free(aaa->users[i].directory);
        free(aaa->users[i].name);
    }
    free(aaa->groups);
    free(aaa->taskgroups);
    free(aaa->users);
    free(aaa);
    return NULL;
}
