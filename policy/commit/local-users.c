/* SPDX-License-Identifier: Apache-2.0 */
#include "local-users.h"

#include <stdio.h>

#include "json-util.h"

static const struct {
    const char *member, *line, *reason;
} account_lines[] = {
    {"secret", "secret 10",
     "The account is the system's own, which has its secret in /etc/shadow: use passwd(1)"},
    {"shell-type", "shell-type",
     "The account is the system's own, which has its shell in /etc/passwd: use usermod(8)"},
    {"directory", "directory",
     "The account is the system's own, which has its folder in /etc/passwd: use usermod(8)"},
};

static bool is_new(json_object *before, json_object *user, const char *member)
{
    const char *old = NULL, *text;

    if (json_get_string(user, member, &text) < 0)
        return false;
    if (before)
        (void)json_get_string(before, member, &old);
    return !old || !streq(old, text);
}

static int check_user(const Accounts *accounts, json_object *before, const char *name,
                      json_object *user, aaa_problem_t problem, void *userdata)
{
    int local = -1, r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(account_lines); i++) {
        _cleanup_free_ char *line = NULL;

        if (!is_new(before, user, account_lines[i].member))
            continue;
        if (local < 0)
            local = accounts_is_local(accounts, name);
        if (local <= 0)
            return local;
        if (asprintf(&line, "username %s %s", name, account_lines[i].line) < 0) {
            line = NULL;
            return -ENOMEM;
        }
        r = problem(line, account_lines[i].reason, userdata);
    }
    return r;
}

int local_users_check(const Accounts *accounts, json_object *before, json_object *section,
                      aaa_problem_t problem, void *userdata)
{
    json_object *users, *users_before = NULL;

    if (json_get_object(section, "username", &users) < 0)
        return 0;
    (void)json_get_object(before, "username", &users_before);
    json_object_object_foreach(users, name, user)
    {
        json_object *user_before = NULL;
        int r;

        if (users_before)
            (void)json_get_object(users_before, name, &user_before);
        r = check_user(accounts, user_before, name, user, problem, userdata);
        if (r < 0)
            return r;
    }
    return 0;
}
