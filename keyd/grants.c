/* SPDX-License-Identifier: Apache-2.0 */
#include "grants.h"

#include <grp.h>
#include <pwd.h>

#include "algorithm.h"
#include "json-util.h"

#define NAME_BUFFER 16384U
#define NAME_BUFFER_MAX (1U << 20)

struct Grants {
    json_object *section; /* holds the strings */
    Grant *grants;
    size_t n;
};

static const char *string_of(json_object *o, const char *name)
{
    const char *text;

    return json_get_string(o, name, &text) < 0 ? NULL : text;
}

static json_object *names_of(json_object *o, const char *name)
{
    json_object *array;

    return json_object_object_get_ex(o, name, &array) && json_object_is_type(array, json_type_array)
               ? array
               : NULL;
}

static void grant_read(Grant *g, const char *name, json_object *settings)
{
    json_object *pair;

    *g = (Grant){.name = name,
                 .purpose = string_of(settings, "purpose"),
                 .users = names_of(settings, "user"),
                 .groups = names_of(settings, "group")};
    if (json_get_object(settings, "keypair", &pair) >= 0) {
        g->algorithm = string_of(pair, "algorithm");
        g->label = string_of(pair, "label");
    }
}

int grants_new(json_object *section, Grants **ret)
{
    _cleanup_(grants_freep) Grants *g = calloc(1, sizeof *g);
    json_object *all;
    int r;

    if (!g)
        return -ENOMEM;
    g->section = json_object_get(section);
    r = json_get_object(section, "grant", &all);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r >= 0) {
        if (json_object_object_length(all) > (int)GRANTS_MAX)
            return -E2BIG;
        g->grants = calloc((size_t)json_object_object_length(all) + 1, sizeof *g->grants);
        if (!g->grants)
            return -ENOMEM;
        json_object_object_foreach(all, name, settings)
        {
            if (!json_object_is_type(settings, json_type_object))
                return -EBADMSG;
            grant_read(&g->grants[g->n++], name, settings);
        }
    }
    *ret = TAKE_PTR(g);
    return 0;
}

Grants *grants_free(Grants *g)
{
    if (!g)
        return NULL;
    json_object_put(g->section);
    free(g->grants);
    free(g);
    return NULL;
}

size_t grants_count(const Grants *g)
{
    return g ? g->n : 0;
}

const Grant *grants_get(const Grants *g, size_t i)
{
    return &g->grants[i];
}

static bool has_name(json_object *names, const char *name)
{
    for (size_t i = 0; names && i < json_object_array_length(names); i++) {
        const char *one = json_object_get_string(json_object_array_get_idx(names, i));

        if (one && streq(one, name))
            return true;
    }
    return false;
}

/* However many members it has, within reason. NULL when there is none; the buffer holds it. */
static struct group *find_group(const char *name, struct group *entry, char **ret_buffer)
{
    for (size_t size = NAME_BUFFER; size <= NAME_BUFFER_MAX; size *= 4) {
        struct group *found = NULL;
        int r;

        free(*ret_buffer);
        *ret_buffer = malloc(size);
        if (!*ret_buffer)
            return NULL;
        r = getgrnam_r(name, entry, *ret_buffer, size, &found);
        if (r != ERANGE)
            return r == 0 ? found : NULL;
    }
    return NULL;
}

/* By the group's list of members, or as the user's own group. */
static bool is_member(const GrantUser *user, const char *name)
{
    _cleanup_free_ char *buffer = NULL;
    struct group entry;
    const struct group *found = find_group(name, &entry, &buffer);

    if (!found)
        return false;
    if (found->gr_gid == user->gid)
        return true;
    for (char **member = found->gr_mem; *member; member++)
        if (streq(*member, user->name))
            return true;
    return false;
}

static bool is_named(const Grant *g, const GrantUser *user)
{
    if (has_name(g->users, user->name))
        return true;
    for (size_t i = 0; g->groups && i < json_object_array_length(g->groups); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(g->groups, i));

        if (name && is_member(user, name))
            return true;
    }
    return false;
}

bool grant_user_find(uid_t uid, GrantUser *ret)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];

    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || !found ||
        strlen(found->pw_name) >= sizeof ret->name)
        return false;
    (void)snprintf(ret->name, sizeof ret->name, "%s", found->pw_name);
    ret->gid = found->pw_gid;
    return true;
}

bool grants_allow(const Grants *g, const GrantUser *user, const char *algorithm, const char *label,
                  const char *purpose)
{
    /* A user's key for ssh is his without more words. */
    if (streq(purpose, "ssh") && streq(algorithm, KEY_AUTHENTICATION_SSH) &&
        streq(label, user->name))
        return true;
    for (size_t i = 0; i < grants_count(g); i++) {
        const Grant *one = &g->grants[i];

        if (streq_ptr(one->algorithm, algorithm) && streq_ptr(one->label, label) &&
            streq_ptr(one->purpose, purpose) && is_named(one, user))
            return true;
    }
    return false;
}
